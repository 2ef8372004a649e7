package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"syscall"
)

// tree is one read-only folder that a request names. Every path is relative to it, with slashes; no path and no link
// leads out of it; and it remembers each file read, folder listed and path sought in vain. Links are followed here, for
// the messages and the memory; that nothing outside is opened, whatever happens meanwhile, is held by os.Root.
type tree struct {
	name   string
	root   *os.Root
	files  map[string]struct{}
	dirs   map[string]struct{}
	absent map[string]struct{}

	stats    map[string]fs.FileInfo
	contents map[string][]byte
	read     int64
	listed   int
}

func openTree(name, root string) (*tree, error) {
	if !filepath.IsAbs(root) {
		return nil, problemf("protocol", "the root %q is not an absolute path", root)
	}
	opened, err := os.OpenRoot(root)
	if err != nil {
		return nil, problemf("unavailable", "the artifact's folder is gone: %v", errors.Unwrap(err))
	}
	return &tree{
		name: name, root: opened,
		files: map[string]struct{}{}, dirs: map[string]struct{}{}, absent: map[string]struct{}{},
		stats: map[string]fs.FileInfo{}, contents: map[string][]byte{},
	}, nil
}

// place says where a path of this tree is, for a message or an origin.
func (t *tree) place(name string) origin { return origin{Path: name, Root: t.name} }

func (t *tree) inputPaths() inputPaths {
	return inputPaths{Files: sortedNames(t.files), Directories: sortedNames(t.dirs), Absent: sortedNames(t.absent)}
}

func sortedNames(set map[string]struct{}) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (t *tree) lstat(name string) (fs.FileInfo, error) {
	if info, ok := t.stats[name]; ok {
		if info == nil {
			return nil, fs.ErrNotExist
		}
		return info, nil
	}
	info, err := t.root.Lstat(name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG) {
			t.stats[name] = nil
			return nil, fs.ErrNotExist
		}
		return nil, problemf("unavailable", "%s cannot be looked at: %v", name, errors.Unwrap(err)).at(t.place(name))
	}
	t.stats[name] = info
	return info, nil
}

// resolve follows name link by link and gives the path without links, and what stands there.
func (t *tree) resolve(name string) (string, fs.FileInfo, error) {
	if strings.HasPrefix(name, "/") || strings.ContainsRune(name, 0) {
		return "", nil, problemf("outside", "%q is an absolute path: only files of the artifact can be used", name)
	}
	pending := strings.Split(name, "/")
	current, links := ".", 0
	info, err := t.lstat(".")
	if err != nil {
		return "", nil, err
	}
	for len(pending) > 0 {
		part := pending[0]
		pending = pending[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if current == "." {
				return "", nil, problemf("outside", "%q leads out of the artifact", name)
			}
			current = path.Dir(current)
			if info, err = t.lstat(current); err != nil {
				return "", nil, err
			}
			continue
		}
		if !info.IsDir() {
			return "", nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		next := path.Join(current, part)
		info, err = t.lstat(next)
		if errors.Is(err, fs.ErrNotExist) {
			t.absent[next] = struct{}{}
			return "", nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		if err != nil {
			return "", nil, err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			current = next
			continue
		}
		target, err := t.followLink(next, &links)
		if err != nil {
			return "", nil, err
		}
		pending = append(strings.Split(target, "/"), pending...)
		if info, err = t.lstat(current); err != nil {
			return "", nil, err
		}
	}
	return current, info, nil
}

func (t *tree) followLink(name string, links *int) (string, error) {
	t.files[name] = struct{}{}
	if *links++; *links > maxLinks {
		return "", problemf("outside", "the symbolic link %s leads round in a circle", name).at(t.place(name))
	}
	target, err := t.root.Readlink(name)
	if err != nil {
		return "", problemf("unavailable", "the link %s cannot be read: %v", name, errors.Unwrap(err))
	}
	if strings.HasPrefix(target, "/") {
		return "", problemf("outside", "the symbolic link %s leads out of the artifact", name).at(t.place(name))
	}
	// A relative target is followed part by part by the caller; leaving the root is found there, and named after the link.
	if cleaned := path.Join(path.Dir(name), target); cleaned == ".." || strings.HasPrefix(cleaned, "../") {
		return "", problemf("outside", "the symbolic link %s leads out of the artifact", name).at(t.place(name))
	}
	return target, nil
}

// exists says whether something stands at name, and remembers it when nothing does.
func (t *tree) exists(name string) (fs.FileInfo, bool, error) {
	real, info, err := t.resolve(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if !info.IsDir() {
		t.files[real] = struct{}{}
	}
	return info, true, nil
}

// readFile gives the content of the file at name.
func (t *tree) readFile(name string) ([]byte, error) {
	real, info, err := t.resolve(name)
	if err != nil {
		return nil, err
	}
	if content, ok := t.contents[real]; ok {
		return content, nil
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a directory", name)
	}
	if !info.Mode().IsRegular() {
		return nil, problemf("outside", "%s is not a regular file", name).at(t.place(real))
	}
	t.files[real] = struct{}{}
	if info.Size() > maxFileBytes {
		return nil, problemf("too-large", "%s has %d MiB; a file may have %d MiB at most",
			name, info.Size()>>20, maxFileBytes>>20).at(t.place(real))
	}
	if t.read += info.Size(); t.read > maxReadBytes {
		return nil, problemf("too-large", "the files of this render have more than %d MiB together", maxReadBytes>>20)
	}
	content, err := t.root.ReadFile(real)
	if err != nil {
		return nil, problemf("unavailable", "%s cannot be read: %v", name, errors.Unwrap(err)).at(t.place(real))
	}
	t.contents[real] = content
	return content, nil
}

// list gives the entries of the folder at name, sorted.
func (t *tree) list(name string) (string, []string, error) {
	real, info, err := t.resolve(name)
	if err != nil {
		return "", nil, err
	}
	if !info.IsDir() {
		return "", nil, problemf("not-a-directory", "%s is a file, not a folder", name).at(t.place(real))
	}
	t.dirs[real] = struct{}{}
	entries, err := t.entries(real)
	if err != nil {
		return "", nil, problemf("unavailable", "%s cannot be listed: %v", name, errors.Unwrap(err))
	}
	if t.listed += len(entries); t.listed > maxListed {
		return "", nil, problemf("too-large", "the folders of this render have more than %d entries together", maxListed)
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	slices.Sort(names)
	return real, names, nil
}

func (t *tree) entries(name string) ([]fs.DirEntry, error) {
	folder, err := t.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	return folder.ReadDir(-1)
}

func (t *tree) close() { _ = t.root.Close() }

// folder resolves name, which must be a folder.
func (t *tree) folder(name string) (string, error) {
	real, info, err := t.resolve(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", problemf("path-absent", "the path %q is not in the artifact", name).at(t.place(name))
	}
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", problemf("not-a-directory", "the path %q is a file, not a folder", name).at(t.place(real))
	}
	return real, nil
}

// errSkip, given back by a visitor for a folder, leaves that folder out.
var errSkip = errors.New("skip this folder")

type visitor func(name string, info fs.FileInfo) error

// walk calls visit for everything below the folder at name, in lexical order. Links to files count as files; links to
// folders are followed only on demand (Helm does, kustomize and plain folders do not).
func (t *tree) walk(name string, followFolders bool, visit visitor) error {
	return t.walkBelow(name, followFolders, visit, 0)
}

func (t *tree) walkBelow(name string, followFolders bool, visit visitor, depth int) error {
	if depth > maxDepth {
		return problemf("too-large", "the folder %s lies more than %d folders deep", name, maxDepth)
	}
	_, entries, err := t.list(name)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		child := path.Join(name, entry)
		_, info, err := t.resolve(child)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if info.IsDir() && !followFolders {
			if link, err := t.lstat(child); err != nil || link.Mode()&fs.ModeSymlink != 0 {
				continue
			}
		}
		err = visit(child, info)
		if info.IsDir() {
			if errors.Is(err, errSkip) {
				continue
			}
			if err == nil {
				err = t.walkBelow(child, followFolders, visit, depth+1)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
