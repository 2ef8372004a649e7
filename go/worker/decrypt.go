package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"path"
	"strings"
)

// maxEncryptedBytes bounds an encrypted file, as upstream does.
const maxEncryptedBytes = 5 << 20

type format int

const (
	formatNone format = iota
	formatBinary
	formatDotenv
	formatINI
	formatJSON
	formatYAML
)

var formatNames = map[format]string{
	formatBinary: "binary", formatDotenv: "dotenv", formatINI: "INI", formatJSON: "JSON", formatYAML: "YAML",
}

// markers are found in every file of their format that is encrypted.
var markers = map[format][]byte{
	formatBinary: []byte(`"mac": "ENC[`),
	formatDotenv: []byte("sops_mac=ENC["),
	formatINI:    []byte("[sops]"),
	formatJSON:   []byte(`"mac": "ENC[`),
	formatYAML:   []byte("mac: ENC["),
}

func (f format) marks(content []byte) bool {
	if bytes.Contains(content, markers[f]) {
		return true
	}
	// JSON of no indentation.
	return (f == formatBinary || f == formatJSON) && bytes.Contains(content, []byte(`"mac":"ENC[`))
}

// formatOf says how a file is written, by its name.
func formatOf(name string) format {
	if strings.HasSuffix(name, ".dockerconfigjson") {
		return formatJSON
	}
	switch path.Ext(name) {
	case ".yaml", ".yml":
		return formatYAML
	case ".json":
		return formatJSON
	case ".env":
		return formatDotenv
	case ".ini":
		return formatINI
	}
	return formatBinary
}

// formatWithin finds how an encrypted text of unknown name is written.
func formatWithin(content []byte) format {
	for _, candidate := range []format{formatYAML, formatDotenv, formatINI} {
		if candidate.marks(content) {
			return candidate
		}
	}
	if !formatJSON.marks(content) {
		return formatNone
	}
	var read map[string]json.RawMessage
	if json.Unmarshal(content, &read) == nil && len(read) == 2 && read["data"] != nil && read["sops"] != nil {
		return formatBinary
	}
	return formatJSON
}

// decryption is what one render decrypts: with which keys, and what became of it.
type decryption struct {
	keys       *keyring
	strict     bool
	disabledBy string
	clear      clearTexts
	checked    map[string]struct{}
}

var errMAC = errors.New("the MAC does not fit")

func joined(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	const shown = 10
	if len(names) > shown {
		return strings.Join(names[:shown], ", ") + " and others"
	}
	return strings.Join(names, ", ")
}
