package main

import "encoding/json"

// The recipes as trueup's core.recipe writes them. A field left out has its default there, and so here.

type imageOverride struct {
	Name    string `json:"name"`
	NewName string `json:"new_name"`
	NewTag  string `json:"new_tag"`
	Digest  string `json:"digest"`
}

type replicaOverride struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

type patchTarget struct {
	Group              string `json:"group"`
	Version            string `json:"version"`
	Kind               string `json:"kind"`
	Name               string `json:"name"`
	Namespace          string `json:"namespace"`
	LabelSelector      string `json:"label_selector"`
	AnnotationSelector string `json:"annotation_selector"`
}

type patch struct {
	Patch   string          `json:"patch"`
	Path    string          `json:"path"`
	Target  *patchTarget    `json:"target"`
	Options map[string]bool `json:"options"`
}

type kustomizeRecipe struct {
	Path                    string            `json:"path"`
	Generate                bool              `json:"generate"`
	RestrictToFolder        bool              `json:"restrict_to_folder"`
	Namespace               string            `json:"namespace"`
	NamePrefix              string            `json:"name_prefix"`
	NameSuffix              string            `json:"name_suffix"`
	Images                  []imageOverride   `json:"images"`
	Replicas                []replicaOverride `json:"replicas"`
	Patches                 []patch           `json:"patches"`
	Components              []string          `json:"components"`
	IgnoreMissingComponents bool              `json:"ignore_missing_components"`
	CommonLabels            map[string]string `json:"common_labels"`
	CommonAnnotations       map[string]string `json:"common_annotations"`
	ForceCommonLabels       bool              `json:"force_common_labels"`
	ForceCommonAnnotations  bool              `json:"force_common_annotations"`
	LabelWithoutSelector    bool              `json:"label_without_selector"`
	LabelIncludeTemplates   bool              `json:"label_include_templates"`
	BuildMetadata           []string          `json:"build_metadata"`
	MetadataLabels          map[string]string `json:"metadata_labels"`
	MetadataAnnotations     map[string]string `json:"metadata_annotations"`
}

type helmParameter struct {
	Name        string `json:"name"`
	Value       string `json:"value"`
	ForceString bool   `json:"force_string"`
}

type helmFileParameter struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

type helmRecipe struct {
	Path                    string              `json:"path"`
	ReleaseName             string              `json:"release_name"`
	Namespace               string              `json:"namespace"`
	ValueFiles              []string            `json:"value_files"`
	IgnoreMissingValueFiles bool                `json:"ignore_missing_value_files"`
	Values                  string              `json:"values"`
	ValuesObject            map[string]any      `json:"values_object"`
	Parameters              []helmParameter     `json:"parameters"`
	FileParameters          []helmFileParameter `json:"file_parameters"`
	KubeVersion             string              `json:"kube_version"`
	APIVersions             []string            `json:"api_versions"`
	SkipCRDs                bool                `json:"skip_crds"`
	SkipTests               bool                `json:"skip_tests"`
	SkipSchemaValidation    bool                `json:"skip_schema_validation"`
}

type jsonnetVariable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Code  bool   `json:"code"`
}

type directoryRecipe struct {
	Path                   string            `json:"path"`
	Recurse                bool              `json:"recurse"`
	Include                string            `json:"include"`
	Exclude                string            `json:"exclude"`
	DisableExtensionFilter bool              `json:"disable_extension_filter"`
	ExtVars                []jsonnetVariable `json:"ext_vars"`
	TLAs                   []jsonnetVariable `json:"tlas"`
	Libs                   []string          `json:"libs"`
}

func decodeKustomize(encoded json.RawMessage) (*kustomizeRecipe, error) {
	recipe := &kustomizeRecipe{Path: ".", RestrictToFolder: true}
	return recipe, decodeRecipe(encoded, recipe)
}

func decodeHelm(encoded json.RawMessage) (*helmRecipe, error) {
	recipe := &helmRecipe{Path: ".", ReleaseName: "release", Namespace: "default"}
	return recipe, decodeRecipe(encoded, recipe)
}

func decodeDirectory(encoded json.RawMessage) (*directoryRecipe, error) {
	recipe := &directoryRecipe{Path: "."}
	return recipe, decodeRecipe(encoded, recipe)
}

func decodeRecipe(encoded json.RawMessage, into any) error {
	if err := json.Unmarshal(encoded, into); err != nil {
		return problemf("protocol", "the recipe cannot be read: %v", err)
	}
	return nil
}
