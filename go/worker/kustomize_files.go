package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// artifactDir is where kustomize sees the artifact. A folder, and not "/": so that a path which leads out of the artifact is
// seen to do so, where "/.." would quietly be "/" again.
const artifactDir = "/artifact"

var errReadOnly = errors.New("the artifact is read-only")

// kustomizeFiles shows a tree to kustomize, with some files replaced in memory. Paths that lead out of the artifact
// are refused, and the first such attempt remembered: kustomize goes on to try other meanings of a path, and its final
// words may be about those.
type kustomizeFiles struct {
	tree    *tree
	overlay map[string][]byte
	refused *problem
}

func (f *kustomizeFiles) inside(name string) (string, error) {
	cleaned := filepath.Clean(name)
	if cleaned == artifactDir {
		return ".", nil
	}
	if rest, ok := strings.CutPrefix(cleaned, artifactDir+"/"); ok {
		return rest, nil
	}
	return "", f.refuse(problemf("outside", "the path %q leads out of the artifact", strings.TrimPrefix(name, artifactDir+"/")))
}

func (f *kustomizeFiles) refuse(err error) error {
	var found *problem
	if errors.As(err, &found) && f.refused == nil {
		f.refused = found
	}
	return err
}

func (f *kustomizeFiles) stat(name string) (string, fs.FileInfo, error) {
	relative, err := f.inside(name)
	if err != nil {
		return "", nil, err
	}
	real, info, err := f.tree.resolve(relative)
	if err != nil {
		return "", nil, f.refuse(err)
	}
	return real, info, nil
}

// IsDir implements filesys.FileSystem.
func (f *kustomizeFiles) IsDir(name string) bool {
	_, info, err := f.stat(name)
	return err == nil && info.IsDir()
}

// Exists implements filesys.FileSystem.
func (f *kustomizeFiles) Exists(name string) bool {
	if relative, err := f.inside(name); err == nil && f.overlay[relative] != nil {
		return true
	}
	_, _, err := f.stat(name)
	return err == nil
}

// CleanedAbs implements filesys.FileSystem: links resolved, a folder and the name of a file in it.
func (f *kustomizeFiles) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	relative, err := f.inside(name)
	if err != nil {
		return "", "", err
	}
	if f.overlay[relative] != nil {
		return filesys.ConfirmedDir(path.Join(artifactDir, path.Dir(relative))), path.Base(relative), nil
	}
	real, info, err := f.stat(name)
	if err != nil {
		return "", "", err
	}
	absolute := path.Join(artifactDir, real)
	if info.IsDir() {
		return filesys.ConfirmedDir(absolute), "", nil
	}
	return filesys.ConfirmedDir(path.Dir(absolute)), path.Base(absolute), nil
}

// ReadFile implements filesys.FileSystem.
func (f *kustomizeFiles) ReadFile(name string) ([]byte, error) {
	relative, err := f.inside(name)
	if err != nil {
		return nil, err
	}
	if content := f.overlay[relative]; content != nil {
		return content, nil
	}
	content, err := f.tree.readFile(relative)
	if err != nil {
		return nil, f.refuse(err)
	}
	return content, nil
}

// ReadDir implements filesys.FileSystem.
func (f *kustomizeFiles) ReadDir(name string) ([]string, error) {
	relative, err := f.inside(name)
	if err != nil {
		return nil, err
	}
	_, names, err := f.tree.list(relative)
	return names, f.refuse(err)
}

// Glob implements filesys.FileSystem: only the last part of a pattern may have wildcards.
func (f *kustomizeFiles) Glob(pattern string) ([]string, error) {
	folder, last := path.Split(filepath.Clean(pattern))
	if strings.ContainsAny(folder, "*?[") {
		return nil, fmt.Errorf("the pattern %q has a wildcard in a folder's name", pattern)
	}
	relative, err := f.inside(folder)
	if err != nil {
		return nil, err
	}
	_, names, err := f.tree.list(relative)
	if err != nil {
		return nil, f.refuse(err)
	}
	var found []string
	for _, name := range names {
		matched, err := path.Match(last, name)
		if err != nil {
			return nil, err
		}
		if matched {
			found = append(found, path.Join(artifactDir, relative, name))
		}
	}
	return found, nil
}

// Walk implements filesys.FileSystem.
func (f *kustomizeFiles) Walk(name string, visit filepath.WalkFunc) error {
	relative, err := f.inside(name)
	if err != nil {
		return err
	}
	return f.refuse(f.tree.walk(relative, false, func(child string, info fs.FileInfo) error {
		err := visit(path.Join(artifactDir, child), info, nil)
		if errors.Is(err, filepath.SkipDir) {
			return errSkip
		}
		return err
	}))
}

// Create implements filesys.FileSystem.
func (f *kustomizeFiles) Create(string) (filesys.File, error) { return nil, errReadOnly }

// Mkdir implements filesys.FileSystem.
func (f *kustomizeFiles) Mkdir(string) error { return errReadOnly }

// MkdirAll implements filesys.FileSystem.
func (f *kustomizeFiles) MkdirAll(string) error { return errReadOnly }

// RemoveAll implements filesys.FileSystem.
func (f *kustomizeFiles) RemoveAll(string) error { return errReadOnly }

// Open implements filesys.FileSystem.
func (f *kustomizeFiles) Open(string) (filesys.File, error) { return nil, errReadOnly }

// WriteFile implements filesys.FileSystem.
func (f *kustomizeFiles) WriteFile(string, []byte) error { return errReadOnly }
