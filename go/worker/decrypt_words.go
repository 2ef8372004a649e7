package main

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	hidden          = "***"
	maxClearTexts   = 20_000
	maxLinesOfOne   = 200
	shortestText    = 4
	shortestQuoted  = 3
	quotationMarks  = "\"'`"
	maxClearRunning = 32 << 20
)

// clearTexts are the values that a render has decrypted: they are told to nobody.
type clearTexts struct {
	seen  map[string]struct{}
	bytes int
}

func (c *clearTexts) add(text string) {
	c.keep(text)
	if strings.Count(text, "\n") == 0 {
		return
	}
	lines := strings.Split(text, "\n")
	for _, line := range lines[:min(len(lines), maxLinesOfOne)] {
		c.keep(strings.TrimSpace(line))
	}
}

func (c *clearTexts) keep(text string) {
	if text == "" {
		return
	}
	if c.seen == nil {
		c.seen = map[string]struct{}{}
	}
	if _, known := c.seen[text]; known {
		return
	}
	if len(c.seen) >= maxClearTexts || c.bytes+len(text) > maxClearRunning {
		return
	}
	c.seen[text] = struct{}{}
	c.bytes += len(text)
}

// all gives the values that are long enough to be recognised in a text, the longest first.
func (c *clearTexts) all() []string {
	found := make([]string, 0, len(c.seen))
	for text := range c.seen {
		if len(text) >= shortestText {
			found = append(found, text)
		}
	}
	sort.Slice(found, func(left, right int) bool {
		if len(found[left]) != len(found[right]) {
			return len(found[left]) > len(found[right])
		}
		return found[left] < found[right]
	})
	return found
}

// within gives the values that stand in objects which are no Secrets: what a Secret holds is hidden by its kind.
func (c *clearTexts) within(objects []object) []string {
	var texts strings.Builder
	for _, one := range objects {
		var read map[string]any
		if decodeNumbers(one.Body, &read) == nil && read["kind"] != "Secret" {
			writeLeaves(&texts, read)
		}
	}
	held := texts.String()
	var found []string
	for _, text := range c.all() {
		if utf8.ValidString(text) && strings.Contains(held, text) {
			found = append(found, text)
		}
	}
	return found
}

func writeLeaves(into *strings.Builder, value any) {
	switch known := value.(type) {
	case map[string]any:
		for key, inner := range known {
			into.WriteString(key)
			into.WriteByte(0)
			writeLeaves(into, inner)
		}
	case []any:
		for _, inner := range known {
			writeLeaves(into, inner)
		}
	case nil, bool:
	default:
		fmt.Fprint(into, known)
		into.WriteByte(0)
	}
}

// hide takes decrypted values out of a message, also where a library has quoted them or a part of them.
func (c *clearTexts) hide(message string) string {
	if len(c.seen) == 0 {
		return message
	}
	for _, text := range c.all() {
		for _, form := range forms(text) {
			message = strings.ReplaceAll(message, form, hidden)
		}
	}
	for text := range c.seen {
		if len(text) < shortestText && len(text) >= shortestQuoted {
			message = hideWord(message, text)
		}
	}
	return c.hideQuoted(message)
}

func forms(text string) []string {
	made := []string{text}
	if quoted := strconv.Quote(text); quoted[1:len(quoted)-1] != text {
		made = append(made, quoted[1:len(quoted)-1])
	}
	if encoded, err := json.Marshal(text); err == nil && string(encoded[1:len(encoded)-1]) != text {
		made = append(made, string(encoded[1:len(encoded)-1]))
	}
	if !utf8.ValidString(text) && len(text) <= maxMessageBytes {
		// kustomize shows a line that is no text byte by byte.
		made = append(made, strings.Trim(fmt.Sprint([]byte(text)), "[]"))
	}
	return made
}

// hideWord hides a short value where it stands alone.
func hideWord(message, word string) string {
	var made strings.Builder
	rest := message
	for {
		at := strings.Index(rest, word)
		if at < 0 {
			made.WriteString(rest)
			return made.String()
		}
		end := at + len(word)
		alone := (at == 0 || !isWordByte(rest[at-1])) && (end == len(rest) || !isWordByte(rest[end]))
		made.WriteString(rest[:at])
		if alone {
			made.WriteString(hidden)
		} else {
			made.WriteString(word)
		}
		rest = rest[end:]
	}
}

func isWordByte(one byte) bool {
	return one == '_' || one >= '0' && one <= '9' || one >= 'A' && one <= 'Z' || one >= 'a' && one <= 'z' || one >= 0x80
}

// hideQuoted hides what stands in quotation marks and is a part of a decrypted value.
func (c *clearTexts) hideQuoted(message string) string {
	var made strings.Builder
	for rest := message; ; {
		start := strings.IndexAny(rest, quotationMarks)
		if start < 0 {
			made.WriteString(rest)
			return made.String()
		}
		length := strings.IndexByte(rest[start+1:], rest[start])
		if length < 0 {
			made.WriteString(rest)
			return made.String()
		}
		within := rest[start+1 : start+1+length]
		made.WriteString(rest[:start+1])
		if c.holds(strings.TrimSuffix(within, "...")) {
			within = hidden
		}
		made.WriteString(within)
		made.WriteByte(rest[start])
		rest = rest[start+length+2:]
	}
}

func (c *clearTexts) holds(part string) bool {
	if len(part) < shortestQuoted {
		return false
	}
	for text := range c.seen {
		if len(text) > len(part) && strings.Contains(text, part) {
			return true
		}
	}
	return false
}
