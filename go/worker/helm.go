package main

import (
	"path"
	"slices"
	"sort"
	"strings"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"

	"helm.sh/helm/v4/pkg/chart/common"
	commonutil "helm.sh/helm/v4/pkg/chart/common/util"
)

const notesFile = "NOTES.txt"

// helm templates the chart of a folder, as `helm template --include-crds` would.
func (r *render) helm(recipe *helmRecipe) error {
	folder, err := r.artifact.folder(recipe.Path)
	if err != nil {
		return err
	}
	loaded, err := r.loadChart(r.artifact, folder)
	if err != nil {
		return err
	}
	if err := r.completeDependencies(loaded, r.artifact, folder); err != nil {
		return err
	}
	values, err := r.helmValues(folder, recipe)
	if err != nil {
		return err
	}
	capabilities, err := r.helmCapabilities(loaded, recipe)
	if err != nil {
		return err
	}
	if err := chartutil.ProcessDependencies(loaded, values); err != nil {
		return problemf("chart", "the dependencies of chart %s: %v", loaded.Name(), err)
	}
	if !recipe.SkipSchemaValidation {
		if err := checkSchema(loaded); err != nil {
			return err
		}
	}
	options := common.ReleaseOptions{
		Name: recipe.ReleaseName, Namespace: recipe.Namespace, Revision: 1, IsInstall: true,
	}
	input, err := commonutil.ToRenderValuesWithSchemaValidation(
		loaded, values, options, capabilities, recipe.SkipSchemaValidation)
	if err != nil {
		code := "values"
		if strings.HasPrefix(err.Error(), "values don't meet the specifications") {
			code = "schema"
		}
		return problemf(code, "chart %s: %v", loaded.Name(), err)
	}
	if !recipe.SkipCRDs {
		if err := r.chartCRDs(loaded, folder); err != nil {
			return err
		}
	}
	templates := engine.Engine{CustomTemplateFuncs: r.watchedFunctions()}
	rendered, err := templates.Render(loaded, input)
	if err != nil {
		return templateProblem(r.artifact, loaded, folder, err)
	}
	return r.takeRendered(loaded, folder, rendered, recipe.SkipTests)
}

func (r *render) helmCapabilities(loaded *chart.Chart, recipe *helmRecipe) (*common.Capabilities, error) {
	made := common.DefaultCapabilities.Copy()
	version := recipe.KubeVersion
	if version == "" {
		version = r.capabilities.KubeVersion
	}
	if version != "" {
		parsed, err := common.ParseKubeVersion(version)
		if err != nil {
			return nil, problemf("values", "the Kubernetes version %q: %v", version, err)
		}
		made.KubeVersion = *parsed
	}
	served := recipe.APIVersions
	if len(served) == 0 {
		served = r.capabilities.APIVersions
	}
	made.APIVersions = slices.Concat(made.APIVersions, served)
	wanted := loaded.Metadata.KubeVersion
	if wanted != "" && !chartutil.IsCompatibleRange(wanted, made.KubeVersion.String()) {
		return nil, problemf("chart", "chart %s is for Kubernetes %s; this cluster has %s",
			loaded.Name(), wanted, made.KubeVersion.Version)
	}
	return made, nil
}

// chartCRDs adds the objects of crds/: first, and as they stand.
func (r *render) chartCRDs(loaded *chart.Chart, folder string) error {
	for _, crd := range loaded.CRDObjects() {
		name := chartPath(loaded, folder, crd.Filename)
		found, err := splitManifest(r.artifact, name, crd.File.Data)
		if err != nil {
			return err
		}
		for _, one := range found {
			read, err := readHead(one.body, one.at)
			if err != nil {
				return err
			}
			if err := r.addObject(one.body, read, &one.at, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *render) takeRendered(loaded *chart.Chart, folder string, rendered map[string]string, skipTests bool) error {
	names := make([]string, 0, len(rendered))
	for name := range rendered {
		if !strings.HasSuffix(name, notesFile) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		file := chartPath(loaded, folder, name)
		found, err := splitRendered(r.artifact, file, []byte(rendered[name]))
		if err != nil {
			return outputProblem(file, err)
		}
		for _, one := range found {
			// Lines are those of the output, which nobody sees: the file is what helps.
			one.at.Line = 0
			read, err := readHead(one.body, one.at)
			if err != nil {
				return err
			}
			marked := hookOf(one.body)
			if marked != nil && skipTests && isTest(marked) {
				continue
			}
			if err := r.addObject(one.body, read, &one.at, marked); err != nil {
				return err
			}
		}
	}
	return nil
}

func isTest(marked *hook) bool {
	return slices.ContainsFunc(marked.Events, func(event string) bool { return strings.HasPrefix(event, "test") })
}

// chartPath gives the file behind a name that Helm prefixes with the chart's: `chart/templates/x.yaml`.
func chartPath(loaded *chart.Chart, folder, name string) string {
	return path.Join(folder, strings.TrimPrefix(name, loaded.Name()+"/"))
}

func outputProblem(file string, err error) error {
	broken := asProblem(err, "template")
	words := broken.Message
	if _, after, found := strings.Cut(words, "does not parse: "); found {
		words = after
	}
	line := 0
	if broken.Origin != nil {
		line = broken.Origin.Line
	}
	return problemf("template", "%s: what the template gives does not parse as YAML (line %d of its output): %s",
		file, line, words).at(origin{Path: file})
}
