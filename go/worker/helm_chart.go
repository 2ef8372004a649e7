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

// loadChart reads the chart in a folder of the artifact, or of a further root.
func (r *render) loadChart(from *tree, folder string) (*chart.Chart, error) {
	found, err := from.hasFile(path.Join(folder, "Chart.yaml"))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, problemf("chart", "%s has no Chart.yaml: it is not a chart", folder).at(from.place(folder))
	}
	rules := ignore.Empty()
	ignoreFile := path.Join(folder, ignore.HelmIgnore)
	if ignored, err := from.hasFile(ignoreFile); err != nil {
		return nil, err
	} else if ignored {
		content, err := from.readFile(ignoreFile)
		if err != nil {
			return nil, err
		}
		if rules, err = ignore.Parse(bytes.NewReader(content)); err != nil {
			return nil, problemf("chart", "%s: %v", ignoreFile, err).at(from.place(ignoreFile))
		}
	}
	rules.AddDefaults()
	var files []*archive.BufferedFile
	err = from.walk(folder, true, func(name string, info fs.FileInfo) error {
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
		content, err := from.readFile(name)
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
		return nil, chartProblem(from, folder, err)
	}
	return loaded, nil
}

// chartProblem finds the file behind an error in one of the chart's own files.
func chartProblem(from *tree, folder string, err error) error {
	for _, name := range []string{"Chart.yaml", "values.yaml"} {
		file := path.Join(folder, name)
		content, readErr := from.readFile(file)
		if readErr != nil {
			continue
		}
		if _, broken := splitManifest(from, file, content); broken != nil {
			return broken
		}
	}
	return problemf("chart", "the chart in %s cannot be loaded: %v", folder, err).at(from.place(folder))
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
