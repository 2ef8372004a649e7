package main

import (
	"errors"
	"fmt"
)

// problem is a failure for people (message) and programs (code). The codes are those of trueup's core.recipe.
type problem struct {
	Code    string    `json:"code"`
	Message string    `json:"message"`
	Origin  *origin   `json:"origin,omitempty"`
	Missing []missing `json:"missing,omitempty"`
}

// missing names a chart that another one declares and does not bring.
type missing struct {
	Name       string `json:"name"`
	Version    string `json:"version,omitempty"`
	Repository string `json:"repository,omitempty"`
}

func (p *problem) Error() string { return p.Message }

// at says where the problem stands.
func (p *problem) at(where origin) *problem {
	p.Origin = &where
	return p
}

func problemf(code, format string, args ...any) *problem {
	return &problem{Code: code, Message: fmt.Sprintf(format, args...)}
}

// asProblem gives the problem inside err, or one of the given code with err's words.
func asProblem(err error, code string) *problem {
	var found *problem
	if errors.As(err, &found) {
		return found
	}
	return problemf(code, "%v", err)
}
