package main

import (
	"errors"
	"path"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"
)

// decryptSources decrypts, in memory, the files that a kustomization and all that it builds on name where Flux decrypts
// them before the build: those of generators of Secrets, and patches.
func (r *render) decryptSources(files *kustomizeFiles, folder string, top *types.Kustomization) error {
	if r.decryption == nil {
		return nil
	}
	return r.decryptBelow(files, folder, top, map[string]struct{}{folder: {}})
}

func (r *render) decryptBelow(
	files *kustomizeFiles, folder string, one *types.Kustomization, seen map[string]struct{},
) error {
	if err := r.inflateKSOPS(files, folder, one); err != nil {
		return err
	}
	for _, generator := range one.SecretGenerator {
		for _, source := range generator.FileSources {
			key, name, named := strings.Cut(source, "=")
			if !named {
				name = key
			}
			if err := r.decryptFile(files, path.Join(folder, name), formatOf(key)); err != nil {
				return err
			}
		}
		environments := generator.EnvSources
		if generator.EnvSource != "" {
			environments = append([]string{generator.EnvSource}, environments...)
		}
		for _, name := range environments {
			written := formatOf(name)
			if written == formatBinary {
				written = formatDotenv
			}
			if err := r.decryptFile(files, path.Join(folder, name), written); err != nil {
				return err
			}
		}
	}
	for _, patch := range one.Patches {
		if patch.Path == "" {
			continue
		}
		if err := r.decryptFile(files, path.Join(folder, patch.Path), formatOf(patch.Path)); err != nil {
			return err
		}
	}
	for _, name := range append(append(append([]string{}, one.Resources...), one.Components...), one.Bases...) {
		if err := r.decryptIn(files, path.Join(folder, name), seen); err != nil {
			return err
		}
	}
	return nil
}

// decryptIn goes into a folder that a kustomization names. What is no such folder, or cannot be read, is left to
// kustomize to tell.
func (r *render) decryptIn(files *kustomizeFiles, name string, seen map[string]struct{}) error {
	real, info, err := r.artifact.resolve(name)
	if err != nil || !info.IsDir() {
		return nil
	}
	if _, known := seen[real]; known || len(seen) >= maxListed {
		return nil
	}
	seen[real] = struct{}{}
	for _, file := range konfig.RecognizedKustomizationFileNames() {
		name := path.Join(real, file)
		content, err := r.artifact.readFile(name)
		if err != nil {
			continue
		}
		found := &types.Kustomization{}
		if found.Unmarshal(content) != nil {
			return nil
		}
		generators := len(found.Generators)
		if err := r.decryptBelow(files, real, found, seen); err != nil {
			return err
		}
		if len(found.Generators) == generators {
			return nil
		}
		changed, err := yaml.Marshal(found)
		if err != nil {
			return problemf("build", "the kustomization in %s cannot be written: %v", real, err)
		}
		files.overlay[name] = changed
		return nil
	}
	return nil
}

// decryptFile lays the decrypted content over a file that is encrypted; any other is left as it is.
func (r *render) decryptFile(files *kustomizeFiles, name string, written format) error {
	real, info, err := r.artifact.resolve(name)
	if err != nil || info.IsDir() || !info.Mode().IsRegular() {
		return nil
	}
	if files.overlay[real] != nil {
		return nil
	}
	content, err := r.artifact.readFile(real)
	if err != nil {
		return err
	}
	if !written.marks(content) {
		return nil
	}
	plain, err := r.decryptContent(r.artifact, real, content, written, written)
	if err != nil {
		return err
	}
	r.decryption.clear.add(string(plain))
	files.overlay[real] = plain
	files.overlay[path.Clean(name)] = plain
	return nil
}

// decryptContent decrypts a whole file as it stands in the artifact, and says what its MAC tells.
func (r *render) decryptContent(from *tree, name string, content []byte, in, out format) ([]byte, error) {
	where := from.place(name)
	plain, err := r.decryption.open(name, content, in, out)
	if errors.Is(err, errMAC) {
		return plain, r.doubt(where)
	}
	if err != nil {
		return nil, asProblem(err, codeKeys).at(where)
	}
	return plain, nil
}

// readClear gives a file of a tree, decrypted where it is encrypted and there are keys.
func (r *render) readClear(from *tree, name string) ([]byte, error) {
	content, err := from.readFile(name)
	if err != nil || r.decryption == nil {
		return content, err
	}
	written := formatOf(name)
	if written == formatBinary {
		if written = formatWithin(content); written == formatNone {
			return content, nil
		}
	}
	if !written.marks(content) {
		return content, nil
	}
	plain, err := r.decryptContent(from, name, content, written, written)
	if err == nil {
		r.decryption.clear.add(string(plain))
	}
	return plain, err
}

// doubt tells that a file's MAC does not fit, or refuses it where that is asked for.
func (r *render) doubt(where origin) error {
	if _, told := r.decryption.checked[where.Path]; told {
		return nil
	}
	r.decryption.checked[where.Path] = struct{}{}
	text := where.Path + ": its MAC does not fit: values were added, removed or changed after it was encrypted; check it, " +
		"and encrypt it again (sops edit)"
	if r.decryption.strict {
		return problemf(codeKeys, "%s", text).at(where)
	}
	r.warn("integrity", text, &where)
	return nil
}
