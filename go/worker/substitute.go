package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/fluxcd/pkg/envsubst"
	"sigs.k8s.io/yaml"
)

// substituteRequest asks for variables to be put into objects that were rendered before, and for labels and annotations
// to be set on them afterwards. Without `substitute` only these are set.
type substituteRequest struct {
	ID         uint64            `json:"id"`
	Objects    []object          `json:"objects"`
	Substitute bool              `json:"substitute"`
	Variables  map[string]string `json:"variables"`
	// Unusable says of names that have a value why it cannot be put into a text.
	Unusable map[string]string `json:"unusable"`
	// Refused says what is wrong with the variables: it counts as soon as an object would be looked at.
	Refused string `json:"refused"`
	// DisabledBy is the label or annotation with which an object is left as it is.
	DisabledBy  string            `json:"disabled_by"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

const (
	maxMissing = 20
	disabled   = "disabled"
	codeValues = "substitution"
)

var (
	notSet = regexp.MustCompile(`variable not set \(strict mode\): "([^"]*)"`)
	// What a parser quotes may be a variable's value.
	quoted     = regexp.MustCompile("\"[^\"\n]*\"|'[^'\n]*'|`[^`]*`")
	parserLine = regexp.MustCompile(`line \d+: `)
)

func handleSubstitute(body []byte) response {
	var request substituteRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return response{Problem: problemf("protocol", "the request cannot be read: %v", err)}
	}
	for index := range request.Objects {
		if err := request.change(&request.Objects[index]); err != nil {
			found := asProblem(err, codeValues)
			found.Message = shorten(found.Message)
			return response{Problem: found}
		}
	}
	return response{Objects: request.Objects}
}

// change puts the variables into one object, and sets the labels and annotations.
func (s *substituteRequest) change(one *object) error {
	if s.Substitute && !s.leavesAlone(one.Body) {
		changed, err := s.substituted(one.Body)
		if err != nil {
			return s.explain(one, err)
		}
		one.Body = changed
	}
	if len(s.Labels) == 0 && len(s.Annotations) == 0 {
		return nil
	}
	var read map[string]any
	if err := decodeNumbers(one.Body, &read); err != nil {
		return s.explain(one, err)
	}
	metadata, _ := read["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		read["metadata"] = metadata
	}
	for field, pairs := range map[string]map[string]string{"labels": s.Labels, "annotations": s.Annotations} {
		if len(pairs) == 0 {
			continue
		}
		known, _ := metadata[field].(map[string]any)
		if known == nil {
			known = map[string]any{}
			metadata[field] = known
		}
		for name, value := range pairs {
			known[name] = value
		}
	}
	encoded, err := json.Marshal(read)
	if err != nil {
		return s.explain(one, err)
	}
	one.Body = encoded
	return nil
}

func decodeNumbers(body []byte, into any) error {
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	return decoder.Decode(into)
}

// leavesAlone says whether an object is marked so that nothing is put into it.
func (s *substituteRequest) leavesAlone(body []byte) bool {
	var read struct {
		Metadata struct {
			Labels      map[string]any `json:"labels"`
			Annotations map[string]any `json:"annotations"`
		} `json:"metadata"`
	}
	if s.DisabledBy == "" || json.Unmarshal(body, &read) != nil {
		return false
	}
	return read.Metadata.Labels[s.DisabledBy] == disabled || read.Metadata.Annotations[s.DisabledBy] == disabled
}

// substituted gives an object with its variables' values: they are put into its text, which is read again as YAML, so
// that a value decides what it is, a text, a number or a whole list.
func (s *substituteRequest) substituted(body []byte) (json.RawMessage, error) {
	if s.Refused != "" {
		return nil, problemf(codeValues, "%s", s.Refused)
	}
	if !bytes.ContainsRune(body, '$') {
		return body, nil
	}
	text, err := yaml.JSONToYAML(body)
	if err != nil {
		return nil, err
	}
	changed, err := s.evaluate(string(text))
	if err != nil {
		return nil, err
	}
	encoded, err := yaml.YAMLToJSON([]byte(changed))
	if err != nil {
		words := parserLine.ReplaceAllString(strings.TrimPrefix(err.Error(), "error converting YAML to JSON: "), "")
		return nil, problemf(codeValues, "what comes of it is no YAML (%s): "+
			"the value of a variable breaks it, or needs quotes of its own", quoted.ReplaceAllString(words, "***"))
	}
	return encoded, checkSubstituted(encoded)
}

// evaluate puts the values into a text, and names all variables that have none at once.
func (s *substituteRequest) evaluate(text string) (string, error) {
	var missing []string
	for {
		changed, err := evaluateOnce(text, func(name string) (string, bool) {
			value, known := s.Variables[name]
			return value, known || slices.Contains(missing, name)
		})
		if err == nil && len(missing) == 0 {
			return changed, nil
		}
		if err == nil || len(missing) == maxMissing {
			return "", s.missing(missing)
		}
		found := notSet.FindStringSubmatch(err.Error())
		if found == nil && len(missing) > 0 {
			return "", s.missing(missing)
		}
		if found == nil {
			return "", problemf(codeValues, "an expression in it cannot be read (%v): "+
				"what begins with ${ ends with }, and a name consists of letters, digits and underscores; "+
				"write $${ where no variable is meant", err)
		}
		missing = append(missing, found[1])
	}
}

func (s *substituteRequest) missing(names []string) error {
	for _, name := range names {
		if why := s.Unusable[name]; why != "" {
			return problemf(codeValues, "the variable %s cannot be used: %s", name, why)
		}
	}
	first := names[0]
	if len(names) == 1 {
		return problemf("variable", "the variable %s is not set: give it a value, or a default as ${%s:=value}; "+
			"write $${%s} where no variable is meant", first, first, first)
	}
	return problemf("variable", "the variables %s are not set: give them values, or defaults as ${%s:=value}; "+
		"write $${%s} where no variable is meant", strings.Join(names, ", "), first, first)
}

var errPanicked = errors.New("its numbers lead out of the value")

// evaluateOnce runs the library, which panics where a substring's numbers lead out of the value.
func evaluateOnce(text string, value func(string) (string, bool)) (changed string, err error) {
	defer func() {
		if recover() != nil {
			err = errPanicked
		}
	}()
	return envsubst.Eval(text, value)
}

// checkSubstituted refuses what is no object any more, in words without values.
func checkSubstituted(body json.RawMessage) error {
	var read map[string]any
	if json.Unmarshal(body, &read) != nil || read == nil {
		return problemf(codeValues, "what comes of it is no object any more")
	}
	for _, field := range []string{"apiVersion", "kind"} {
		if err := mustBeText(field, read[field]); err != nil {
			return err
		}
		if read[field] == nil || read[field] == "" {
			return problemf(codeValues, "what comes of it has no %s", field)
		}
	}
	metadata, isMap := read["metadata"].(map[string]any)
	if !isMap {
		return problemf(codeValues, "what comes of it has no metadata")
	}
	for _, field := range []string{"name", "namespace", "generateName"} {
		if err := mustBeText("metadata."+field, metadata[field]); err != nil {
			return err
		}
	}
	for _, field := range []string{"labels", "annotations"} {
		pairs, _ := metadata[field].(map[string]any)
		for name, value := range pairs {
			if err := mustBeText(fmt.Sprintf("metadata.%s[%s]", field, name), value); value != nil && err != nil {
				return err
			}
		}
	}
	return nil
}

// mustBeText refuses what YAML takes for something else: the text has lost its quotes when the object was built.
func mustBeText(field string, value any) error {
	kind := ""
	switch value.(type) {
	case nil, string:
		return nil
	case bool:
		kind = "true or false"
	case float64:
		kind = "a number"
	case []any:
		kind = "a list"
	default:
		kind = "a mapping"
	}
	return problemf(codeValues, "%s becomes %s, and must be a text: quotes in the file are gone when variables are "+
		"put in, so let the value bring its own, as '\"1\"'", field, kind)
}

// explain says in which object, and file, variables could not be put.
func (s *substituteRequest) explain(one *object, err error) error {
	found := *asProblem(err, codeValues)
	var read head
	_ = json.Unmarshal(one.Body, &read)
	name := read.Kind + "/" + read.Metadata.Name
	if read.Metadata.Namespace != "" {
		name = read.Kind + "/" + read.Metadata.Namespace + "/" + read.Metadata.Name
	}
	place := ""
	if one.Origin != nil {
		place = " (" + placeText(*one.Origin) + ")"
	}
	found.Message = "variables in " + name + place + ": " + found.Message
	found.Origin = one.Origin
	return &found
}
