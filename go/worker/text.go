package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"strconv"
	"strings"
)

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// asWeight reads a hook's weight as Helm does: what is not a number counts 0.
func asWeight(text string) int {
	weight, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0
	}
	return weight
}

func compactJSON(value []byte) []byte {
	var compact bytes.Buffer
	if json.Compact(&compact, value) != nil {
		return value
	}
	return compact.Bytes()
}
