package main

import (
	"errors"
	"regexp"
	"strings"
)

// compileGlob reads a glob on a relative path: `*` matches anything, folders included, `?` one character, `[a-z]` and
// `[!a-z]` a class, `{a,b}` either. An empty glob is nil.
func compileGlob(pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, nil
	}
	var out strings.Builder
	out.WriteString(`(?s)\A`)
	depth := 0
	for index := 0; index < len(pattern); index++ {
		switch char := pattern[index]; char {
		case '*':
			for index+1 < len(pattern) && pattern[index+1] == '*' {
				index++
			}
			out.WriteString(`.*`)
		case '?':
			out.WriteString(`.`)
		case '[':
			end := strings.IndexByte(pattern[index+1:], ']')
			if end < 1 {
				return nil, errors.New("a [ has no ]")
			}
			class := pattern[index+1 : index+1+end]
			negated := class[0] == '!' || class[0] == '^'
			if negated {
				class = class[1:]
			}
			out.WriteByte('[')
			if negated {
				out.WriteByte('^')
			}
			out.WriteString(strings.ReplaceAll(strings.ReplaceAll(class, `\`, `\\`), `[`, `\[`))
			out.WriteByte(']')
			index += end + 1
		case '{':
			depth++
			out.WriteString(`(?:`)
		case '}':
			if depth == 0 {
				return nil, errors.New("a } has no {")
			}
			depth--
			out.WriteByte(')')
		case ',':
			if depth > 0 {
				out.WriteByte('|')
			} else {
				out.WriteByte(',')
			}
		case '\\':
			index++
			if index == len(pattern) {
				return nil, errors.New("it ends in a backslash")
			}
			out.WriteString(regexp.QuoteMeta(pattern[index : index+1]))
		default:
			out.WriteString(regexp.QuoteMeta(string(char)))
		}
	}
	if depth > 0 {
		return nil, errors.New("a { has no }")
	}
	out.WriteString(`\z`)
	return regexp.Compile(out.String())
}
