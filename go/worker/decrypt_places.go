package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
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

// decryptObjects decrypts what was built: objects that are encrypted as a whole, and single values of Secrets.
func (r *render) decryptObjects() error {
	if r.decryption == nil {
		return nil
	}
	for index := range r.objects {
		if err := r.decryptObject(&r.objects[index]); err != nil {
			return err
		}
	}
	return nil
}

// encrypted is what decides about the decryption of an object.
type encrypted struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name        string         `json:"name"`
		Namespace   string         `json:"namespace"`
		Annotations map[string]any `json:"annotations"`
	} `json:"metadata"`
	Data map[string]any `json:"data"`
	Sops struct {
		MAC string `json:"mac"`
	} `json:"sops"`
}

func (e *encrypted) name(where *origin) string {
	text := e.Kind + "/" + e.Metadata.Name
	if e.Metadata.Namespace != "" {
		text = e.Kind + "/" + e.Metadata.Namespace + "/" + e.Metadata.Name
	}
	if where != nil {
		text += " (" + placeText(*where) + ")"
	}
	return text
}

func (r *render) decryptObject(one *object) error {
	read := &encrypted{}
	if json.Unmarshal(one.Body, read) != nil {
		// Something in it is of another type than Kubernetes has it; such an object is not encrypted as a whole.
		return nil
	}
	mark, _ := read.Metadata.Annotations[r.decryption.disabledBy].(string)
	if r.decryption.disabledBy != "" && strings.EqualFold(mark, disabled) {
		return nil
	}
	if read.Sops.MAC != "" {
		return r.decryptWhole(one, read)
	}
	if read.Kind == "Secret" {
		return r.decryptValues(one, read)
	}
	return nil
}

func (r *render) decryptWhole(one *object, read *encrypted) error {
	what := read.name(one.Origin)
	plain, err := r.decryption.open(what, one.Body, formatJSON, formatJSON)
	if err != nil && !errors.Is(err, errMAC) {
		return located(err, one.Origin)
	}
	if !json.Valid(plain) {
		return located(problemf(codeKeys, "%s: what it decrypts to is no object", what), one.Origin)
	}
	one.Body = compactJSON(plain)
	r.noteEncoded(one.Body)
	if one.Origin == nil {
		return nil
	}
	// What was built may differ from what was encrypted by patches and the like: the file itself is held against its MAC.
	return r.proveFile(*one.Origin)
}

// noteEncoded notes what the base64 of a decrypted Secret stands for.
func (r *render) noteEncoded(body []byte) {
	var read encrypted
	if json.Unmarshal(body, &read) != nil || read.Kind != "Secret" {
		return
	}
	for _, value := range read.Data {
		if text, isText := value.(string); isText {
			if plain, err := base64.StdEncoding.DecodeString(text); err == nil {
				r.decryption.clear.add(string(plain))
			}
		}
	}
}

func (r *render) decryptValues(one *object, read *encrypted) error {
	var changed map[string]any
	for key, value := range read.Data {
		text, isText := value.(string)
		if !isText {
			continue
		}
		content, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			continue
		}
		in := formatWithin(content)
		if in == formatNone {
			continue
		}
		what := "the value " + key + " of " + read.name(one.Origin)
		plain, err := r.decryption.open(what, content, in, formatOf(key))
		if errors.Is(err, errMAC) {
			where := origin{Path: what}
			if err := r.doubt(where); err != nil {
				return located(err, one.Origin)
			}
		} else if err != nil {
			return located(err, one.Origin)
		}
		r.decryption.clear.add(string(plain))
		if changed == nil {
			if err := decodeNumbers(one.Body, &changed); err != nil {
				return err
			}
		}
		changed["data"].(map[string]any)[key] = base64.StdEncoding.EncodeToString(plain)
	}
	if changed == nil {
		return nil
	}
	encoded, err := json.Marshal(changed)
	one.Body = encoded
	return err
}

func located(err error, where *origin) error {
	found := *asProblem(err, codeKeys)
	if where != nil {
		found.Origin = where
	}
	return &found
}

// proveFile holds a file of the artifact against its MAC, once: the file as a whole, or the one document.
func (r *render) proveFile(where origin) error {
	key := placeText(where)
	if _, known := r.decryption.checked[key]; known {
		return nil
	}
	r.decryption.checked[key] = struct{}{}
	content, err := r.artifact.readFile(where.Path)
	if err != nil {
		return nil
	}
	written := formatYAML
	if path.Ext(where.Path) == ".json" {
		written = formatJSON
	}
	_, err = r.decryption.open(where.Path, content, written, written)
	if err == nil {
		return nil
	}
	if written == formatYAML && where.Document > 0 {
		for _, part := range splitDocuments(content) {
			if part.index != where.Document {
				continue
			}
			alone := bytes.TrimPrefix(part.content, []byte("---"))
			if _, err = r.decryption.open(where.Path, alone, written, written); err == nil {
				return nil
			}
		}
	}
	if !errors.Is(err, errMAC) {
		// It is not the file as sops wrote it that was built; that its values could be decrypted has been seen.
		return nil
	}
	return r.doubt(where)
}
