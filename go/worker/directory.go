package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

var manifestName = regexp.MustCompile(`\.(yaml|yml|json|jsonnet)$`)

// skipMarker in a file keeps it from being rendered.
var skipMarker = []byte("+argocd:skip-file-rendering")

// directory renders every manifest of a folder, each file by its extension.
func (r *render) directory(recipe *directoryRecipe) error {
	folder, err := r.artifact.folder(recipe.Path)
	if err != nil {
		return err
	}
	include, err := compileGlob(recipe.Include)
	if err != nil {
		return problemf("build", "the include pattern %q: %v", recipe.Include, err)
	}
	exclude, err := compileGlob(recipe.Exclude)
	if err != nil {
		return problemf("build", "the exclude pattern %q: %v", recipe.Exclude, err)
	}
	return r.artifact.walk(folder, false, func(name string, info fs.FileInfo) error {
		if info.IsDir() {
			if recipe.Recurse {
				return nil
			}
			return errSkip
		}
		if !recipe.DisableExtensionFilter && !manifestName.MatchString(name) {
			return nil
		}
		relative := name
		if folder != "." {
			relative = strings.TrimPrefix(name, folder+"/")
		}
		if include != nil && !include.MatchString(relative) || exclude != nil && exclude.MatchString(relative) {
			return nil
		}
		return r.manifestFile(folder, name, recipe)
	})
}

func (r *render) manifestFile(folder, name string, recipe *directoryRecipe) error {
	content, err := r.artifact.readFile(name)
	if err != nil {
		return err
	}
	if bytes.Contains(content, skipMarker) {
		return nil
	}
	if path.Ext(name) == ".jsonnet" {
		return r.jsonnet(folder, name, content, recipe)
	}
	found, err := splitManifest(r.artifact, name, content)
	if err != nil {
		if path.Ext(name) != ".json" && !mentionsObject(content) {
			r.warn("not-an-object", name+" is left out: it does not parse, and names no kind of object", &origin{Path: name})
			return nil
		}
		return err
	}
	for _, one := range found {
		read, err := readHead(one.body, one.at)
		if err != nil || !read.isObject() || isKustomization(read) {
			// A chart's values or a tool's settings may lie beside manifests.
			if err != nil && mentionsObject(content) {
				return err
			}
			r.warn("not-an-object", placeText(one.at)+" is left out: it is not a Kubernetes object", &one.at)
			continue
		}
		if err := r.addObject(one.body, read, &one.at, nil); err != nil {
			return err
		}
	}
	return nil
}

func isKustomization(read *head) bool {
	return strings.HasPrefix(read.APIVersion, "kustomize.config.k8s.io/") && read.Metadata.Name == ""
}

// mentionsObject says whether a text looks as if it were meant to hold objects.
func mentionsObject(content []byte) bool {
	return bytes.Contains(content, []byte("apiVersion:")) || bytes.Contains(content, []byte(`"apiVersion"`)) ||
		kindLine.Match(content)
}

// addObject checks one object and adds it; a list adds its items.
func (r *render) addObject(body json.RawMessage, read *head, where *origin, marked *hook) error {
	if err := checkHead(read, *where); err != nil {
		return err
	}
	if !read.isList() {
		return r.add(object{Body: body, Origin: where, Hook: marked})
	}
	var items []json.RawMessage
	if err := json.Unmarshal(read.Items, &items); err != nil {
		return problemf("not-an-object", "%s: the list's items cannot be read: %v", placeText(*where), err).at(*where)
	}
	for _, item := range items {
		inner, err := readHead(item, *where)
		if err != nil {
			return err
		}
		if inner.isList() {
			return problemf("not-an-object", "%s: a list inside a list is not an object", placeText(*where)).at(*where)
		}
		if err := r.addObject(item, inner, where, marked); err != nil {
			return err
		}
	}
	return nil
}
