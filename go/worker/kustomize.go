package main

import (
	"encoding/json"
	"errors"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"
)

func (r *render) kustomize(recipe *kustomizeRecipe) error {
	folder, err := r.artifact.folder(recipe.Path)
	if err != nil {
		return err
	}
	name, content, err := r.kustomizationFile(folder)
	if err != nil {
		return err
	}
	var kustomization *types.Kustomization
	switch {
	case content != nil:
		kustomization, err = r.readKustomization(name, content)
		if err != nil {
			return r.kustomizationProblem(name, content, err)
		}
	case recipe.Generate:
		kustomization, err = r.generateKustomization(folder)
		if err != nil {
			return err
		}
		if len(kustomization.Resources) == 0 {
			r.warn("empty", "the folder "+folder+" holds no manifests", nil)
			return nil
		}
		name = path.Join(folder, konfig.DefaultKustomizationFileName())
	default:
		return problemf("build", "%s has no kustomization.yaml", folder).at(r.artifact.place(folder))
	}
	wantsOrigin := slices.Contains(kustomization.BuildMetadata, types.OriginAnnotations)
	if len(recipe.BuildMetadata) > 0 {
		wantsOrigin = slices.Contains(recipe.BuildMetadata, types.OriginAnnotations)
	}
	if err := r.layOver(kustomization, folder, recipe); err != nil {
		return err
	}
	if !slices.Contains(kustomization.BuildMetadata, types.OriginAnnotations) {
		kustomization.BuildMetadata = append(slices.Clone(kustomization.BuildMetadata), types.OriginAnnotations)
	}
	files := &kustomizeFiles{tree: r.artifact, overlay: map[string][]byte{}}
	if err := r.decryptSources(files, folder, kustomization); err != nil {
		return err
	}
	changed, err := yaml.Marshal(kustomization)
	if err != nil {
		return problemf("build", "the kustomization cannot be written: %v", err)
	}
	files.overlay[name] = changed
	defer forgetSchema()
	built, err := krusty.MakeKustomizer(kustomizeOptions(recipe)).Run(files, path.Join(artifactDir, folder))
	if err != nil {
		return r.explainKustomize(files, folder, err)
	}
	return r.takeKustomized(built, folder, recipe, wantsOrigin)
}

var builtInSchema = openapi.GetSchemaVersion()

// forgetSchema takes back what a kustomization's own schema (its field openapi) has set for the whole process: the library
// keeps it, and would merge the lists of the next kustomization by it.
func forgetSchema() {
	if openapi.GetSchemaVersion() != builtInSchema {
		openapi.ResetOpenAPI()
	}
}

func kustomizeOptions(recipe *kustomizeRecipe) *krusty.Options {
	options := krusty.MakeDefaultOptions()
	if !recipe.RestrictToFolder {
		options.LoadRestrictions = types.LoadRestrictionsNone
	}
	return options
}

// kustomizationFile finds the folder's kustomization; the content is nil where there is none.
func (r *render) kustomizationFile(folder string) (string, []byte, error) {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		candidate := path.Join(folder, name)
		info, found, err := r.artifact.exists(candidate)
		if err != nil {
			return "", nil, err
		}
		if !found || info.IsDir() {
			continue
		}
		content, err := r.artifact.readFile(candidate)
		if err != nil {
			return "", nil, err
		}
		if content == nil {
			content = []byte{}
		}
		return candidate, content, nil
	}
	return "", nil, nil
}

func (r *render) readKustomization(name string, content []byte) (*types.Kustomization, error) {
	kustomization := &types.Kustomization{}
	if err := kustomization.Unmarshal(content); err != nil {
		return nil, err
	}
	for _, message := range *kustomization.CheckDeprecatedFields() {
		where := r.artifact.place(name)
		r.warn("deprecated", name+": "+strings.TrimPrefix(message, "# Warning: "), &where)
	}
	kustomization.FixKustomization()
	if err := kustomization.CheckEmpty(); err != nil {
		return nil, err
	}
	if problems := kustomization.EnforceFields(); len(problems) > 0 {
		return nil, errors.New(strings.Join(problems, "; "))
	}
	return kustomization, nil
}

func (r *render) takeKustomized(built resmap.ResMap, folder string, recipe *kustomizeRecipe, wantsOrigin bool) error {
	origins := make([]*origin, 0, built.Size())
	for _, found := range built.Resources() {
		origins = append(origins, r.kustomizedOrigin(found, folder))
	}
	if !wantsOrigin {
		if err := built.RemoveOriginAnnotations(); err != nil {
			return err
		}
	}
	objects := make([]object, 0, built.Size())
	for index, found := range built.Resources() {
		if err := setMetadata(found, recipe); err != nil {
			return err
		}
		body, err := found.MarshalJSON()
		if err != nil {
			return problemf("build", "%s cannot be written as JSON: %v", found.CurId(), err)
		}
		objects = append(objects, object{Body: json.RawMessage(body), Origin: origins[index]})
	}
	return r.add(objects...)
}

func setMetadata(found *resource.Resource, recipe *kustomizeRecipe) error {
	for name, value := range recipe.MetadataLabels {
		if err := found.PipeE(kyaml.SetLabel(name, value)); err != nil {
			return err
		}
	}
	for name, value := range recipe.MetadataAnnotations {
		if err := found.PipeE(kyaml.SetAnnotation(name, value)); err != nil {
			return err
		}
	}
	return nil
}

// kustomizedOrigin says from which file of the artifact an object came; for a generated one, where its generator stands.
func (r *render) kustomizedOrigin(found *resource.Resource, folder string) *origin {
	from, err := found.GetOrigin()
	if err != nil || from == nil || from.Repo != "" {
		return nil
	}
	name, generated := from.Path, false
	if name == "" {
		name, generated = from.ConfiguredIn, true
	}
	if name == "" {
		return nil
	}
	name = path.Join(folder, name)
	where := r.artifact.place(name)
	if generated {
		return &where
	}
	if real, _, err := r.artifact.resolve(name); err == nil {
		documents, known := r.documents[real]
		if !known {
			documents = indexDocuments(r.artifact.contents[real])
			r.documents[real] = documents
		}
		original := found.OrgId()
		place := documents[[2]string{original.Kind, original.Name}]
		where.Document, where.Line = place.document, place.line
	}
	return &where
}
