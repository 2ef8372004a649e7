package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// document is one document of a YAML stream, and the line it starts on, from 1.
type document struct {
	content []byte
	line    int
	index   int
}

// manifest is one document that has content, as JSON.
type manifest struct {
	body json.RawMessage
	at   origin
}

var (
	byteOrderMark = []byte("\xef\xbb\xbf")
	yamlLine      = regexp.MustCompile(`yaml: line (\d+): `)
	kindLine      = regexp.MustCompile(`(?m)^["']?kind["']?:[ \t]*["']?([^"'\s#]+)`)
	nameLine      = regexp.MustCompile(`(?m)^[ \t]+["']?name["']?:[ \t]*["']?([^"'\s#]+)`)
)

// splitDocuments cuts a YAML stream at its separators.
func splitDocuments(content []byte) []document {
	content = bytes.TrimPrefix(content, byteOrderMark)
	var documents []document
	current := document{line: 1, index: 1}
	start, line := 0, 1
	for offset := 0; offset < len(content); line++ {
		end := bytes.IndexByte(content[offset:], '\n')
		next := len(content)
		if end >= 0 {
			next = offset + end + 1
		}
		if isSeparator(content[offset:next]) {
			current.content = content[start:offset]
			if len(bytes.TrimSpace(current.content)) > 0 {
				documents = append(documents, current)
				current.index++
			}
			// The separator's own line stays: a document may begin on it.
			start, current.line = offset, line
		}
		offset = next
	}
	current.content = content[start:]
	return append(documents, current)
}

func isSeparator(line []byte) bool {
	return bytes.HasPrefix(line, []byte("---")) && (len(line) == 3 || bytes.ContainsAny(line[3:4], " \t\r\n"))
}

// splitManifest parses every document of a file; empty ones are left out.
func splitManifest(from *tree, name string, content []byte) ([]manifest, error) {
	return parseDocuments(from, name, splitDocuments(content))
}

// splitRendered does so for what a template gave. Helm writes each document with one line break at its end, however it
// ends in the template, which decides about the last line of a block text.
func splitRendered(from *tree, name string, content []byte) ([]manifest, error) {
	parts := splitDocuments(content)
	for index := range parts {
		parts[index].content = append(bytes.TrimRight(parts[index].content, " \t\r\n"), '\n')
	}
	return parseDocuments(from, name, parts)
}

func parseDocuments(from *tree, name string, parts []document) ([]manifest, error) {
	var found []manifest
	for _, part := range parts {
		encoded, err := yaml.YAMLToJSON(part.content)
		if err != nil {
			return found, parseProblem(from, name, part, err)
		}
		if encoded = bytes.TrimSpace(encoded); len(encoded) == 0 || bytes.Equal(encoded, []byte("null")) {
			continue
		}
		where := from.place(name)
		where.Document, where.Line = part.index, part.line+blankLines(part.content)
		found = append(found, manifest{body: encoded, at: where})
	}
	return found, nil
}

// parseProblem gives the line in the file, where the parser knows only the line in the document.
func parseProblem(from *tree, name string, part document, err error) error {
	where := from.place(name)
	where.Document = part.index
	words := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	where.Line = part.line
	if found := yamlLine.FindStringSubmatch(words); found != nil {
		if line, err := strconv.Atoi(found[1]); err == nil {
			where.Line = part.line + line - 1
		}
		words = strings.Replace(words, found[0], "", 1)
	}
	words = strings.TrimPrefix(words, "yaml: ")
	if path.Ext(name) == ".json" {
		return jsonProblem(where, part.content, words)
	}
	return problemf("parse", "%s:%d: the YAML does not parse: %s", name, where.Line, words).at(where)
}

// jsonProblem has JSON's own parser say what is wrong with a JSON file: the one for YAML knows only where it began.
func jsonProblem(where origin, content []byte, words string) error {
	var value any
	var syntax *json.SyntaxError
	if errors.As(json.Unmarshal(content, &value), &syntax) {
		before := content[:max(0, min(int(syntax.Offset), len(content))-1)]
		where.Line = bytes.Count(before, []byte{'\n'}) + 1
		where.Column = len(before) - bytes.LastIndexByte(before, '\n')
		words = syntax.Error()
	}
	return problemf("parse", "%s:%d: the JSON does not parse: %s", where.Path, where.Line, words).at(where)
}

// blankLines counts the lines before a document's first content: its separator, blank lines and comments.
func blankLines(content []byte) int {
	count := 0
	for line := range bytes.Lines(content) {
		text := bytes.TrimSpace(line)
		if len(text) > 0 && text[0] != '#' && !bytes.Equal(text, []byte("---")) {
			return count
		}
		count++
	}
	return 0
}

// head is what every object must have.
type head struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Items      json.RawMessage `json:"items"`
	Metadata   struct {
		Name         string `json:"name"`
		GenerateName string `json:"generateName"`
		Namespace    string `json:"namespace"`
	} `json:"metadata"`
}

func (h *head) isList() bool {
	return len(h.Items) > 0 && h.Items[0] == '[' && strings.HasSuffix(h.Kind, "List")
}

// isObject says whether a document wants to be a Kubernetes object at all: a Chart.yaml has an apiVersion too.
func (h *head) isObject() bool {
	return h.Kind != "" || h.APIVersion != "" && (h.Metadata.Name != "" || h.Metadata.GenerateName != "")
}

// readHead reads what every object must have, or says what is wrong with the document.
func readHead(body json.RawMessage, where origin) (*head, error) {
	if len(body) == 0 || body[0] != '{' {
		return nil, problemf("not-an-object", "%s: document %d is not a Kubernetes object but a bare value",
			placeText(where), where.Document).at(where)
	}
	read := &head{}
	if err := json.Unmarshal(body, read); err != nil {
		words := strings.TrimPrefix(err.Error(), "json: ")
		var mistyped *json.UnmarshalTypeError
		if errors.As(err, &mistyped) && mistyped.Type.Kind() == reflect.String {
			// YAML takes an unquoted 1, y or off for something else than a name.
			words = fmt.Sprintf("%s is a %s where a text is needed: put it in quotes", mistyped.Field, mistyped.Value)
		}
		return nil, problemf("not-an-object", "%s: document %d is not a Kubernetes object: %s",
			placeText(where), where.Document, words).at(where)
	}
	return read, nil
}

// checkHead refuses an object that Kubernetes could not even name.
func checkHead(read *head, where origin) error {
	missing := func(code, what string) error {
		return problemf(code, "%s: the object in document %d has no %s", placeText(where), where.Document, what).at(where)
	}
	switch {
	case read.Kind == "":
		return missing("missing-kind", "kind")
	case read.APIVersion == "":
		return missing("missing-api-version", "apiVersion")
	case !read.isList() && read.Metadata.Name == "" && read.Metadata.GenerateName == "":
		return missing("missing-name", "metadata.name")
	}
	return nil
}

func placeText(where origin) string {
	text := where.Path
	if where.Root != "" {
		text = "$" + where.Root + "/" + text
	}
	if where.Line > 0 {
		text += ":" + strconv.Itoa(where.Line)
	}
	return text
}

// checkManifests says what is wrong with a file that must hold nothing but Kubernetes objects.
func checkManifests(from *tree, name string, content []byte) error {
	found, err := splitManifest(from, name, content)
	if err != nil {
		return err
	}
	for _, one := range found {
		read, err := readHead(one.body, one.at)
		if err != nil {
			return err
		}
		if err := checkHead(read, one.at); err != nil {
			return err
		}
	}
	return nil
}

// spot is where a document stands in its file.
type spot struct{ document, line int }

// indexDocuments finds the documents of a file by the kind and name of their objects, without parsing it again.
func indexDocuments(content []byte) map[[2]string]spot {
	index := map[[2]string]spot{}
	for _, part := range splitDocuments(content) {
		kind := kindLine.FindSubmatch(part.content)
		if kind == nil {
			continue
		}
		for _, name := range nameLine.FindAllSubmatch(part.content, 8) {
			key := [2]string{string(kind[1]), string(name[1])}
			if _, taken := index[key]; !taken {
				index[key] = spot{part.index, part.line + blankLines(part.content)}
			}
		}
	}
	return index
}
