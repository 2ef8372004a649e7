package main

import (
	"bytes"
	"encoding/base64"
	"maps"
	"path"
	"slices"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"
)

// What a generator's output asks kustomize for by annotations: resources have no such options, generators do.
const (
	hashOption     = "kustomize.config.k8s.io/needs-hash"
	behaviorOption = "kustomize.config.k8s.io/behavior"
)

// generated is a Secret or a ConfigMap as a generator gives it.
type generated struct {
	Kind     string `json:"kind"`
	Type     string `json:"type"`
	Metadata struct {
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Data       map[string]string `json:"data"`
	StringData map[string]string `json:"stringData"`
	BinaryData map[string]string `json:"binaryData"`
	Immutable  bool              `json:"immutable"`
}

// moveOptions makes kustomize's own generators of the objects that ask for a hash in their name, or to be merged with
// another, and gives the documents of all others.
func moveOptions(files *kustomizeFiles, folder string, content []byte, one *types.Kustomization) ([]byte, error) {
	if !bytes.Contains(content, []byte(hashOption)) && !bytes.Contains(content, []byte(behaviorOption)) {
		return content, nil
	}
	var rest [][]byte
	for _, part := range splitDocuments(content) {
		var read generated
		if yaml.Unmarshal(part.content, &read) != nil {
			if bytes.Contains(part.content, []byte(hashOption)) || bytes.Contains(part.content, []byte(behaviorOption)) {
				return nil, problemf(codeKeys, "document %d has an annotation %s or %s, and a value that is no text: neither a Secret "+
					"nor a ConfigMap has such", part.index, hashOption, behaviorOption)
			}
			rest = append(rest, bytes.TrimPrefix(part.content, []byte("---")))
			continue
		}
		_, hashed := read.Metadata.Annotations[hashOption]
		_, behaves := read.Metadata.Annotations[behaviorOption]
		if !hashed && !behaves {
			if len(bytes.TrimSpace(part.content)) > 0 {
				rest = append(rest, bytes.TrimPrefix(part.content, []byte("---")))
			}
			continue
		}
		if err := addGenerator(files, folder, &read, one); err != nil {
			return nil, err
		}
	}
	return bytes.Join(rest, []byte("\n---\n")), nil
}

func addGenerator(files *kustomizeFiles, folder string, from *generated, one *types.Kustomization) error {
	values := map[string][]byte{}
	encoded := map[string]string{}
	switch from.Kind {
	case "Secret":
		maps.Copy(encoded, from.Data)
	case "ConfigMap":
		maps.Copy(encoded, from.BinaryData)
		for key, text := range from.Data {
			values[key] = []byte(text)
		}
	default:
		return problemf(codeKeys, "the annotations %s and %s are for Secrets and ConfigMaps, not for %s/%s",
			hashOption, behaviorOption, from.Kind, from.Metadata.Name)
	}
	for key, text := range encoded {
		plain, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return problemf(codeKeys, "the value %s of %s/%s is no base64", key, from.Kind, from.Metadata.Name)
		}
		values[key] = plain
	}
	for key, text := range from.StringData {
		values[key] = []byte(text)
	}
	annotations := maps.Clone(from.Metadata.Annotations)
	delete(annotations, hashOption)
	delete(annotations, behaviorOption)
	made := types.GeneratorArgs{
		Name: from.Metadata.Name, Namespace: from.Metadata.Namespace, Behavior: from.Metadata.Annotations[behaviorOption],
		Options: &types.GeneratorOptions{
			Labels: from.Metadata.Labels, Annotations: annotations, Immutable: from.Immutable,
			DisableNameSuffixHash: from.Metadata.Annotations[hashOption] != "true",
		},
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		name := inflatedName(from.Kind + "/" + from.Metadata.Namespace + "/" + from.Metadata.Name + "/" + key)
		files.overlay[path.Join(folder, name)] = values[key]
		made.FileSources = append(made.FileSources, key+"="+name)
	}
	if from.Kind == "Secret" {
		one.SecretGenerator = append(one.SecretGenerator, types.SecretArgs{GeneratorArgs: made, Type: from.Type})
	} else {
		one.ConfigMapGenerator = append(one.ConfigMapGenerator, types.ConfigMapArgs{GeneratorArgs: made})
	}
	return nil
}
