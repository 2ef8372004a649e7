package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// decryptObjects decrypts what was built: objects that are encrypted as a whole, and single values of Secrets.
func (r *render) decryptObjects() error {
	if r.decryption == nil {
		return nil
	}
	for index := range r.objects {
		if err := r.decryptObject(&r.objects[index]); err != nil {
			return err
		}
	}
	return nil
}

// encrypted is what decides about the decryption of an object.
type encrypted struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name        string         `json:"name"`
		Namespace   string         `json:"namespace"`
		Annotations map[string]any `json:"annotations"`
	} `json:"metadata"`
	Data map[string]any `json:"data"`
	Sops struct {
		MAC string `json:"mac"`
	} `json:"sops"`
}

func (e *encrypted) name(where *origin) string {
	text := e.Kind + "/" + e.Metadata.Name
	if e.Metadata.Namespace != "" {
		text = e.Kind + "/" + e.Metadata.Namespace + "/" + e.Metadata.Name
	}
	if where != nil {
		text += " (" + placeText(*where) + ")"
	}
	return text
}

func (r *render) decryptObject(one *object) error {
	read := &encrypted{}
	if json.Unmarshal(one.Body, read) != nil {
		// Something in it is of another type than Kubernetes has it; such an object is not encrypted as a whole.
		return nil
	}
	mark, _ := read.Metadata.Annotations[r.decryption.disabledBy].(string)
	if r.decryption.disabledBy != "" && strings.EqualFold(mark, disabled) {
		return nil
	}
	if read.Sops.MAC != "" {
		return r.decryptWhole(one, read)
	}
	if read.Kind == "Secret" {
		if err := r.decryptValues(one, read); err != nil {
			return err
		}
	}
	return r.refuseLeftover(one, read)
}

// A value as sops writes it.
var sealedValue = regexp.MustCompile(`^ENC\[AES256_GCM,data:[^,\]]*,iv:[^,\]]*,tag:[^,\]]*,type:[a-z]+\]$`)

// refuseLeftover refuses a Secret with values that are still encrypted, because what was built of its file has no `sops`
// metadata any more; of any other object it is told.
func (r *render) refuseLeftover(one *object, read *encrypted) error {
	var body map[string]any
	if !bytes.Contains(one.Body, []byte("ENC[AES256_GCM,")) || decodeNumbers(one.Body, &body) != nil {
		return nil
	}
	field := sealedField(body, "")
	if field == "" {
		return nil
	}
	text := read.name(one.Origin) + ": " + field + " is still encrypted by SOPS, and the metadata to decrypt it is gone: " +
		"encrypt an object in a document of its own, and patch it by a file that `patches` names"
	if read.Kind == "Secret" {
		return located(problemf(codeKeys, "%s", text), one.Origin)
	}
	r.warn("decryption", text, one.Origin)
	return nil
}

func sealedField(value any, place string) string {
	switch known := value.(type) {
	case string:
		if sealedValue.MatchString(known) {
			return strings.TrimPrefix(place, ".")
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(known)) {
			if found := sealedField(known[key], place+"."+key); found != "" {
				return found
			}
		}
	case []any:
		for index, inner := range known {
			if found := sealedField(inner, fmt.Sprintf("%s[%d]", place, index)); found != "" {
				return found
			}
		}
	}
	return ""
}

func (r *render) decryptWhole(one *object, read *encrypted) error {
	what := read.name(one.Origin)
	plain, err := r.decryption.open(what, one.Body, formatJSON, formatJSON)
	if err != nil && !errors.Is(err, errMAC) {
		return located(err, one.Origin)
	}
	if !json.Valid(plain) {
		return located(problemf(codeKeys, "%s: what it decrypts to is no object", what), one.Origin)
	}
	one.Body = compactJSON(plain)
	r.noteEncoded(one.Body)
	if one.Origin == nil {
		return nil
	}
	// What was built may differ from what was encrypted by patches and the like: the file itself is held against its MAC.
	return r.proveFile(*one.Origin)
}

// noteEncoded notes what the base64 of a decrypted Secret stands for.
func (r *render) noteEncoded(body []byte) {
	var read encrypted
	if json.Unmarshal(body, &read) != nil || read.Kind != "Secret" {
		return
	}
	for _, value := range read.Data {
		if text, isText := value.(string); isText {
			if plain, err := base64.StdEncoding.DecodeString(text); err == nil {
				r.decryption.clear.add(string(plain))
			}
		}
	}
}

func (r *render) decryptValues(one *object, read *encrypted) error {
	var changed map[string]any
	for key, value := range read.Data {
		text, isText := value.(string)
		if !isText {
			continue
		}
		content, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			continue
		}
		in := formatWithin(content)
		if in == formatNone {
			continue
		}
		what := "the value " + key + " of " + read.name(one.Origin)
		plain, err := r.decryption.open(what, content, in, formatOf(key))
		if errors.Is(err, errMAC) {
			where := origin{Path: what}
			if err := r.doubt(where); err != nil {
				return located(err, one.Origin)
			}
		} else if err != nil {
			return located(err, one.Origin)
		}
		r.decryption.clear.add(string(plain))
		if changed == nil {
			if err := decodeNumbers(one.Body, &changed); err != nil {
				return err
			}
		}
		changed["data"].(map[string]any)[key] = base64.StdEncoding.EncodeToString(plain)
	}
	if changed == nil {
		return nil
	}
	encoded, err := json.Marshal(changed)
	one.Body = encoded
	return err
}

func located(err error, where *origin) error {
	found := *asProblem(err, codeKeys)
	if where != nil {
		found.Origin = where
	}
	return &found
}

// proveFile holds a file of the artifact against its MAC, once: the file as a whole, or the one document.
func (r *render) proveFile(where origin) error {
	key := placeText(where)
	if _, known := r.decryption.checked[key]; known {
		return nil
	}
	r.decryption.checked[key] = struct{}{}
	content, err := r.artifact.readFile(where.Path)
	if err != nil {
		return nil
	}
	written := formatYAML
	if path.Ext(where.Path) == ".json" {
		written = formatJSON
	}
	_, err = r.decryption.open(where.Path, content, written, written)
	if err == nil {
		return nil
	}
	if written == formatYAML && where.Document > 0 {
		for _, part := range splitDocuments(content) {
			if part.index != where.Document {
				continue
			}
			alone := bytes.TrimPrefix(part.content, []byte("---"))
			if _, err = r.decryption.open(where.Path, alone, written, written); err == nil {
				return nil
			}
		}
	}
	if !errors.Is(err, errMAC) {
		// It is not the file as sops wrote it that was built; that its values could be decrypted has been seen.
		return nil
	}
	return r.doubt(where)
}
