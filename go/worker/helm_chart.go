package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/ignore"
)

// templatePlace finds `chart/templates/x.yaml:12:5` in Helm's words.
var templatePlace = regexp.MustCompile(`([^\s:("]+/templates/[^\s:)"]+):(\d+)(?::(\d+))?`)

// loadChart reads the chart in a folder.
func (r *render) loadChart(folder string) (*chart.Chart, error) {
	found, err := r.hasFile(path.Join(folder, "Chart.yaml"))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, problemf("chart", "%s has no Chart.yaml: it is not a chart", folder).at(r.artifact.place(folder))
	}
	rules := ignore.Empty()
	ignoreFile := path.Join(folder, ignore.HelmIgnore)
	if ignored, err := r.hasFile(ignoreFile); err != nil {
		return nil, err
	} else if ignored {
		content, err := r.artifact.readFile(ignoreFile)
		if err != nil {
			return nil, err
		}
		if rules, err = ignore.Parse(bytes.NewReader(content)); err != nil {
			return nil, problemf("chart", "%s: %v", ignoreFile, err).at(r.artifact.place(ignoreFile))
		}
	}
	rules.AddDefaults()
	var files []*archive.BufferedFile
	err = r.artifact.walk(folder, true, func(name string, info fs.FileInfo) error {
		relative := strings.TrimPrefix(name, folder+"/")
		ignored := rules.Ignore(relative, info)
		if info.IsDir() {
			if ignored {
				return errSkip
			}
			return nil
		}
		if ignored {
			return nil
		}
		content, err := r.artifact.readFile(name)
		if err != nil {
			return err
		}
		content = bytes.TrimPrefix(content, byteOrderMark)
		files = append(files, &archive.BufferedFile{Name: relative, Data: content})
		return nil
	})
	if err != nil {
		return nil, err
	}
	loaded, err := loader.LoadFiles(files)
	if err != nil {
		return nil, r.chartProblem(folder, err)
	}
	return loaded, nil
}

// chartProblem finds the file behind an error in one of the chart's own files.
func (r *render) chartProblem(folder string, err error) error {
	for _, name := range []string{"Chart.yaml", "values.yaml"} {
		file := path.Join(folder, name)
		content, readErr := r.artifact.readFile(file)
		if readErr != nil {
			continue
		}
		if _, broken := splitManifest(r.artifact, file, content); broken != nil {
			return broken
		}
	}
	return problemf("chart", "the chart in %s cannot be loaded: %v", folder, err).at(r.artifact.place(folder))
}

// completeDependencies adds the charts that a chart names by a path in the repository, and says which others it lacks.
func (r *render) completeDependencies(loaded *chart.Chart, folder string) error {
	var lacking []missing
	for _, wanted := range loaded.Metadata.Dependencies {
		if wanted == nil || hasDependency(loaded, wanted.Name) {
			continue
		}
		local, isLocal := strings.CutPrefix(wanted.Repository, "file://")
		if !isLocal {
			lacking = append(lacking, missing{wanted.Name, wanted.Version, wanted.Repository})
			continue
		}
		beside, err := r.localDependency(loaded, folder, wanted, local)
		if err != nil {
			return err
		}
		loaded.AddDependency(beside)
	}
	if len(lacking) == 0 {
		return nil
	}
	names := make([]string, len(lacking))
	for index, one := range lacking {
		names[index] = strings.TrimSpace(one.Name + " " + one.Version)
		if one.Repository != "" {
			names[index] += " from " + one.Repository
		}
	}
	failed := problemf("missing-dependency",
		"chart %s depends on charts that are not in its charts/ folder: %s; commit them with `helm dependency build`",
		loaded.Name(), strings.Join(names, ", ")).at(r.artifact.place(path.Join(folder, "Chart.yaml")))
	failed.Missing = lacking
	return failed
}

func (r *render) localDependency(
	loaded *chart.Chart, folder string, wanted *chart.Dependency, local string,
) (*chart.Chart, error) {
	where, err := r.artifact.folder(folder + "/" + local)
	if err != nil {
		return nil, err
	}
	if where == folder || strings.HasPrefix(folder+"/", where+"/") {
		return nil, problemf("cycle", "chart %s names itself as its dependency %s", loaded.Name(), wanted.Name)
	}
	beside, err := r.loadChart(where)
	if err != nil {
		return nil, err
	}
	for _, inner := range beside.Metadata.Dependencies {
		if inner != nil && strings.HasPrefix(inner.Repository, "file://") && !hasDependency(beside, inner.Name) {
			return nil, problemf("missing-dependency",
				"chart %s, a dependency of %s, has local dependencies of its own: commit them into its charts/ folder",
				beside.Name(), loaded.Name())
		}
	}
	return beside, r.completeDependencies(beside, where)
}

func hasDependency(loaded *chart.Chart, name string) bool {
	for _, have := range loaded.Dependencies() {
		if have.Name() == name {
			return true
		}
	}
	return false
}

// checkSchema refuses a values schema that refers to files of this machine: the validator would read them.
func checkSchema(loaded *chart.Chart) error {
	if len(loaded.Schema) > 0 {
		var schema any
		if err := json.Unmarshal(loaded.Schema, &schema); err != nil {
			return problemf("schema", "values.schema.json of chart %s: %v", loaded.Name(), err)
		}
		root, _ := schema.(map[string]any)
		id, _ := root["$id"].(string)
		if reference := foreignReference(schema, strings.Contains(id, "://")); reference != "" {
			return problemf("schema", "values.schema.json of chart %s refers to %q: a schema may only refer to itself",
				loaded.Name(), reference)
		}
	}
	for _, inner := range loaded.Dependencies() {
		if err := checkSchema(inner); err != nil {
			return err
		}
	}
	return nil
}

func foreignReference(schema any, hasBase bool) string {
	switch value := schema.(type) {
	case map[string]any:
		for _, key := range []string{"$ref", "$dynamicRef", "$recursiveRef", "$id", "id", "$schema"} {
			text, ok := value[key].(string)
			if !ok {
				continue
			}
			isReference := strings.HasSuffix(strings.ToLower(key), "ref")
			local := !strings.HasPrefix(text, "#") && !strings.Contains(text, ":") && isReference && !hasBase
			if strings.HasPrefix(strings.ToLower(text), "file:") || local {
				return text
			}
		}
		for _, inner := range value {
			if found := foreignReference(inner, hasBase); found != "" {
				return found
			}
		}
	case []any:
		for _, inner := range value {
			if found := foreignReference(inner, hasBase); found != "" {
				return found
			}
		}
	}
	return ""
}

// templateProblem finds the template and its line in Helm's words.
func templateProblem(from *tree, loaded *chart.Chart, folder string, err error) error {
	text := strings.TrimSpace(err.Error())
	failed := problemf("template", "chart %s: %s", loaded.Name(), text)
	if errors.Is(err, errNoNetwork) {
		failed.Code = "remote-base"
	}
	found := templatePlace.FindStringSubmatch(text)
	if found == nil {
		return failed
	}
	where := from.place(chartPath(loaded, folder, found[1]))
	where.Line, _ = strconv.Atoi(found[2])
	where.Column, _ = strconv.Atoi(found[3])
	return failed.at(where)
}
