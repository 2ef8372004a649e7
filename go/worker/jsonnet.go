package main

import (
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-jsonnet"
)

// maxTrace bounds the lines of Jsonnet's own words, which go on with the stack.
const maxTrace = 8

var jsonnetPlace = regexp.MustCompile(`([^\s:()]+):\(?(\d+):(\d+)`)

// jsonnet renders one file, whose value is an object or an array of objects.
func (r *render) jsonnet(folder, name string, content []byte, recipe *directoryRecipe) error {
	machine := jsonnet.MakeVM()
	for _, variable := range recipe.ExtVars {
		if variable.Code {
			machine.ExtCode(variable.Name, variable.Value)
		} else {
			machine.ExtVar(variable.Name, variable.Value)
		}
	}
	for _, variable := range recipe.TLAs {
		if variable.Code {
			machine.TLACode(variable.Name, variable.Value)
		} else {
			machine.TLAVar(variable.Name, variable.Value)
		}
	}
	libraries := slices.Clone(recipe.Libs)
	slices.Reverse(libraries)
	libraries = append(libraries, folder)
	if beside := path.Dir(name); beside != folder {
		libraries = append(libraries, beside)
	}
	importer := &jsonnetImporter{tree: r.artifact, libraries: libraries, found: map[string]jsonnet.Contents{}}
	machine.Importer(importer)
	rendered, err := machine.EvaluateAnonymousSnippet(name, string(content))
	if err != nil {
		if importer.refused != nil {
			return importer.refused
		}
		return r.jsonnetProblem(name, err)
	}
	return r.jsonnetObjects(name, []byte(rendered))
}

func (r *render) jsonnetObjects(name string, rendered []byte) error {
	values := []json.RawMessage{rendered}
	if strings.HasPrefix(strings.TrimSpace(string(rendered)), "[") {
		values = nil
		if err := json.Unmarshal(rendered, &values); err != nil {
			return problemf("jsonnet", "%s: %v", name, err)
		}
	}
	for index, value := range values {
		where := r.artifact.place(name)
		where.Document = index + 1
		var compact json.RawMessage = compactJSON(value)
		read, err := readHead(compact, where)
		if err != nil {
			return err
		}
		if err := r.addObject(compact, read, &where, nil); err != nil {
			return err
		}
	}
	return nil
}

func (r *render) jsonnetProblem(name string, err error) error {
	text := strings.TrimSpace(err.Error())
	where := r.artifact.place(name)
	for _, found := range jsonnetPlace.FindAllStringSubmatch(text, maxTrace) {
		// Arguments and variables have places too, in files that are none.
		if _, read := r.artifact.files[found[1]]; !read {
			continue
		}
		where.Path = found[1]
		where.Line, _ = strconv.Atoi(found[2])
		where.Column, _ = strconv.Atoi(found[3])
		break
	}
	lines := strings.Split(text, "\n")
	if len(lines) > maxTrace {
		lines = append(lines[:maxTrace], "\t…")
	}
	return problemf("jsonnet", "%s: %s", name, strings.Join(lines, "\n")).at(where)
}

// jsonnetImporter finds imports beside the importing file, then in the libraries, within the artifact. For the file that
// is rendered, which the virtual machine does not name, the libraries come first: the last one, as in jsonnet's own
// search path, then the application's folder, then the file's.
type jsonnetImporter struct {
	tree      *tree
	libraries []string
	found     map[string]jsonnet.Contents
	refused   error
}

// Import implements jsonnet.Importer.
func (i *jsonnetImporter) Import(importedFrom, importedPath string) (jsonnet.Contents, string, error) {
	if path.IsAbs(importedPath) {
		i.refused = problemf("outside", "%s imports the absolute path %q: only files of the artifact can be imported",
			importedFrom, importedPath).at(i.tree.place(importedFrom))
		return jsonnet.Contents{}, "", i.refused
	}
	folders := i.libraries
	if importedFrom != "" {
		folders = append([]string{path.Dir(importedFrom)}, folders...)
	}
	for _, folder := range folders {
		candidate := strings.TrimPrefix(folder+"/"+importedPath, "./")
		real, info, err := i.tree.resolve(candidate)
		if isNotExist(err) {
			continue
		}
		if err != nil {
			i.refused = err
			return jsonnet.Contents{}, "", err
		}
		if info.IsDir() {
			continue
		}
		if contents, ok := i.found[real]; ok {
			return contents, real, nil
		}
		content, err := i.tree.readFile(real)
		if err != nil {
			i.refused = err
			return jsonnet.Contents{}, "", err
		}
		i.found[real] = jsonnet.MakeContentsRaw(content)
		return i.found[real], real, nil
	}
	return jsonnet.Contents{}, "", problemf("jsonnet", "%s imports %q, which is not in the artifact",
		importedFrom, importedPath)
}
