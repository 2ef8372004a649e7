package main

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/strvals"
)

var unescapedComma = regexp.MustCompile(`([^\\]),`)

// helmValues merges the user's values in rising precedence: files, inline values, parameters, file parameters.
func (r *render) helmValues(folder string, recipe *helmRecipe) (map[string]any, error) {
	values := map[string]any{}
	for _, name := range recipe.ValueFiles {
		contents, err := r.valueFiles(folder, name, recipe.IgnoreMissingValueFiles)
		if err != nil {
			return nil, err
		}
		for _, content := range contents {
			read, err := loader.LoadValues(bytes.NewReader(content.data))
			if err != nil {
				if _, broken := splitManifest(content.tree, content.name, content.data); broken != nil {
					return nil, broken
				}
				return nil, problemf("values", "the value file %s: %v", name, err).at(content.tree.place(content.name))
			}
			values = loader.MergeMaps(values, read)
		}
	}
	inline := recipe.ValuesObject
	if inline == nil && recipe.Values != "" {
		read, err := loader.LoadValues(strings.NewReader(recipe.Values))
		if err != nil {
			return nil, problemf("values", "the inline values do not parse: %v", err)
		}
		inline = read
	}
	values = loader.MergeMaps(values, inline)
	// As on Helm's command line: plain ones, then those forced to be strings, then files.
	for _, forced := range []bool{false, true} {
		for _, parameter := range recipe.Parameters {
			if parameter.ForceString != forced {
				continue
			}
			parse := strvals.ParseInto
			if forced {
				parse = strvals.ParseIntoString
			}
			if err := parse(parameter.Name+"="+escapeParameter(parameter.Value), values); err != nil {
				return nil, problemf("values", "the parameter %q: %v", parameter.Name, err)
			}
		}
	}
	for _, parameter := range recipe.FileParameters {
		if err := r.fileParameter(folder, parameter, values); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// escapeParameter keeps a comma in a value from beginning another parameter; a list in braces stays one.
func escapeParameter(value string) string {
	if strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") {
		return value
	}
	return unescapedComma.ReplaceAllString(value, `$1\,`)
}

func (r *render) fileParameter(folder string, parameter helmFileParameter, values map[string]any) error {
	from, name, err := r.locateValues(folder, parameter.Path)
	if err != nil {
		return err
	}
	content, err := r.readClear(from, name)
	if isNotExist(err) {
		return problemf("values", "the file %q of parameter %q is not in the artifact", parameter.Path, parameter.Name)
	}
	if err != nil {
		return err
	}
	read := func([]rune) (any, error) { return string(content), nil }
	if err := strvals.ParseIntoFile(parameter.Name+"=file", values, read); err != nil {
		return problemf("values", "the parameter %q: %v", parameter.Name, err)
	}
	return nil
}

type valueFile struct {
	tree *tree
	name string
	data []byte
}

// valueFiles reads the value file, or the files of a glob, that a recipe names.
func (r *render) valueFiles(folder, wanted string, ignoreMissing bool) ([]valueFile, error) {
	from, name, err := r.locateValues(folder, wanted)
	if err != nil {
		return nil, err
	}
	names := []string{name}
	if strings.ContainsAny(name, "*?[") {
		if names, err = from.glob(name); err != nil {
			return nil, err
		}
		if len(names) == 0 && !ignoreMissing {
			return nil, problemf("values", "no value file matches %q", wanted).at(from.place(name))
		}
	}
	var read []valueFile
	for _, name := range names {
		content, err := r.readClear(from, name)
		if isNotExist(err) {
			if ignoreMissing {
				continue
			}
			return nil, problemf("values", "the value file %q is not in the artifact", wanted).at(from.place(name))
		}
		if err != nil {
			return nil, err
		}
		read = append(read, valueFile{from, name, content})
	}
	return read, nil
}

// locateValues says in which root a value file is, and where: `$name/…` in a further root, `/…` from the artifact's
// root, anything else beside the chart.
func (r *render) locateValues(folder, wanted string) (*tree, string, error) {
	if r.decryption != nil {
		wanted = strings.TrimPrefix(wanted, "secrets://")
	}
	if strings.HasPrefix(wanted, "secrets") && strings.Contains(wanted, "://") {
		return nil, "", problemf("values", "the value file %q is one of helm-secrets: only secrets:// in front of a path is "+
			"understood, where the unit names the Secret whose keys decrypt its files", wanted)
	}
	if strings.Contains(wanted, "://") {
		return nil, "", problemf("remote-base", "the value file %q is remote: remote value files are not fetched", wanted)
	}
	if strings.HasPrefix(wanted, "$") {
		name, rest, _ := strings.Cut(wanted[1:], "/")
		further, known := r.further[name]
		if !known {
			return nil, "", problemf("values", "the value file %q names the source %q, which this unit does not have", wanted, name)
		}
		return further, path.Clean(rest), nil
	}
	if rest, absolute := strings.CutPrefix(wanted, "/"); absolute {
		return r.artifact, path.Clean(rest), nil
	}
	return r.artifact, folder + "/" + wanted, nil
}

// glob gives the files that a pattern matches, sorted; `*` stays inside one folder, `**` as a whole part crosses them.
func (t *tree) glob(pattern string) ([]string, error) {
	found := []string{"."}
	for _, part := range strings.Split(path.Clean(pattern), "/") {
		var next []string
		for _, base := range found {
			matches, err := t.globPart(base, part)
			if err != nil {
				return nil, err
			}
			next = append(next, matches...)
		}
		slices.Sort(next)
		found = slices.Compact(next)
	}
	return slices.DeleteFunc(found, func(name string) bool {
		_, info, err := t.resolve(name)
		return err != nil || info.IsDir()
	}), nil
}

func (t *tree) globPart(base, part string) ([]string, error) {
	if part == ".." || !strings.ContainsAny(part, "*?[") {
		return []string{base + "/" + part}, nil
	}
	_, info, err := t.resolve(base)
	if isNotExist(err) || err == nil && !info.IsDir() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	_, names, err := t.list(base)
	if err != nil {
		return nil, err
	}
	var matches []string
	for _, name := range names {
		child := base + "/" + name
		if part == "**" {
			below, err := t.globPart(child, "**")
			if err != nil {
				return nil, err
			}
			matches = append(append(matches, child), below...)
			continue
		}
		matched, err := path.Match(part, name)
		if err != nil {
			return nil, problemf("values", "the pattern %q: %v", part, err)
		}
		if matched {
			matches = append(matches, child)
		}
	}
	if part == "**" {
		matches = append(matches, base)
	}
	return matches, nil
}
