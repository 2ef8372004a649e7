package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"path"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"
)

const (
	ksopsVersion = "viaduct.ai/v1"
	ksopsKind    = "ksops"
)

// ksopsGenerator is what a generator of KSOPS says: files that become objects, and Secrets that are made of files.
type ksopsGenerator struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Metadata   map[string]any  `json:"metadata"`
	Files      []string        `json:"files"`
	SecretFrom []ksopsSecret   `json:"secretFrom"`
	Silently   json.RawMessage `json:"fail-silently"`
}

type ksopsSecret struct {
	Metadata    map[string]any `json:"metadata"`
	Type        string         `json:"type"`
	Files       []string       `json:"files"`
	Envs        []string       `json:"envs"`
	BinaryFiles []string       `json:"binaryFiles"`
}

// inflateKSOPS takes the generators of KSOPS out of a kustomization, and has what they give among its resources.
func (r *render) inflateKSOPS(files *kustomizeFiles, folder string, one *types.Kustomization) error {
	var kept []string
	for _, entry := range one.Generators {
		content, where := []byte(entry), folder
		if !strings.Contains(entry, "\n") {
			where = path.Join(folder, entry)
			read, err := r.artifact.readFile(where)
			if err != nil {
				kept = append(kept, entry)
				continue
			}
			content = read
		}
		generators, err := readKSOPS(where, content)
		if err != nil {
			return asProblem(err, codeKeys).at(r.artifact.place(where))
		}
		if generators == nil {
			kept = append(kept, entry)
			continue
		}
		for _, generator := range generators {
			if err := r.runKSOPS(files, folder, where, &generator, one); err != nil {
				return err
			}
		}
	}
	one.Generators = kept
	return nil
}

// readKSOPS gives the generators of a file that holds nothing else; nil for any other.
func readKSOPS(where string, content []byte) ([]ksopsGenerator, error) {
	var found []ksopsGenerator
	for _, part := range splitDocuments(content) {
		var read ksopsGenerator
		if len(bytes.TrimSpace(bytes.TrimPrefix(part.content, []byte("---")))) == 0 {
			continue
		}
		if yaml.Unmarshal(part.content, &read) != nil || read.APIVersion != ksopsVersion || read.Kind != ksopsKind {
			return nil, nil
		}
		if err := yaml.UnmarshalStrict(part.content, &read); err != nil || read.Silently != nil {
			return nil, problemf(codeKeys, "%s: this generator of KSOPS has other fields than files and secretFrom, which are "+
				"not supported", where)
		}
		found = append(found, read)
	}
	return found, nil
}

func (r *render) runKSOPS(
	files *kustomizeFiles, folder, where string, generator *ksopsGenerator, one *types.Kustomization,
) error {
	for _, name := range generator.Files {
		plain, err := r.ksopsFile(folder, where, name, formatNone)
		if err != nil {
			return err
		}
		rest, err := moveOptions(files, folder, plain, one)
		if err != nil {
			return asProblem(err, codeKeys).at(r.artifact.place(path.Join(folder, name)))
		}
		if len(rest) == 0 {
			continue
		}
		// In place of the encrypted file, so that it is the one that is named as the object's origin.
		relative := path.Clean(name)
		if strings.HasPrefix(relative, "../") {
			relative = inflatedName(name)
		}
		files.overlay[path.Join(folder, relative)] = rest
		if real, _, err := r.artifact.resolve(path.Join(folder, relative)); err == nil {
			files.overlay[real] = rest
		}
		one.Resources = append(one.Resources, relative)
	}
	for index := range generator.SecretFrom {
		made, err := r.ksopsSecret(folder, where, &generator.SecretFrom[index])
		if err == nil {
			made, err = moveOptions(files, folder, made, one)
		}
		if err != nil {
			return asProblem(err, codeKeys).at(r.artifact.place(where))
		}
		if len(made) == 0 {
			continue
		}
		name := inflatedName(generatorKey(generator, index))
		files.overlay[path.Join(folder, name)] = made
		one.Resources = append(one.Resources, name)
	}
	return nil
}

// inflatedName names a file that is in memory only.
func inflatedName(key string) string {
	return ".ksops-" + base64.RawURLEncoding.EncodeToString([]byte(key)) + ".yaml"
}

func generatorKey(generator *ksopsGenerator, index int) string {
	name, _ := generator.Metadata["name"].(string)
	secret, _ := generator.SecretFrom[index].Metadata["name"].(string)
	return name + "/" + secret
}

// ksopsFile decrypts one file that a generator names; the format is told by its name where none is given.
func (r *render) ksopsFile(folder, where, name string, written format) ([]byte, error) {
	real := path.Join(folder, name)
	content, err := r.artifact.readFile(real)
	if isNotExist(err) {
		return nil, problemf("path-absent", "%s names %q, which is not in the artifact", where, name).at(r.artifact.place(where))
	}
	if err != nil {
		return nil, err
	}
	if written == formatNone {
		written = formatOf(name)
	}
	plain, err := r.decryptContent(r.artifact, real, content, written, written)
	if err == nil {
		r.decryption.clear.add(string(plain))
	}
	return plain, err
}

func (r *render) ksopsSecret(folder, where string, from *ksopsSecret) ([]byte, error) {
	data := map[string]string{}
	add := func(entry string, written format) error {
		key, name, named := strings.Cut(entry, "=")
		if !named {
			key, name = path.Base(entry), entry
		}
		plain, err := r.ksopsFile(folder, where, name, written)
		if err == nil {
			data[key] = base64.StdEncoding.EncodeToString(plain)
		}
		return err
	}
	for _, entry := range from.Files {
		if err := add(entry, formatNone); err != nil {
			return nil, err
		}
	}
	for _, entry := range from.BinaryFiles {
		if err := add(entry, formatBinary); err != nil {
			return nil, err
		}
	}
	for _, name := range from.Envs {
		plain, err := r.ksopsFile(folder, where, name, formatDotenv)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(plain)) {
			key, value, found := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
			if found && !strings.HasPrefix(key, "#") {
				data[key] = base64.StdEncoding.EncodeToString([]byte(value))
			}
		}
	}
	made := map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": from.Metadata, "data": data}
	if from.Type != "" {
		made["type"] = from.Type
	}
	return yaml.Marshal(made)
}
