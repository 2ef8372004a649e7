package main

import "encoding/json"

// hello is the first frame a worker sends.
type hello struct {
	Version string `json:"version"`
}

// renderRequest asks for one recipe to be rendered. The recipe's fields are those of trueup's core.recipe.
type renderRequest struct {
	ID           uint64            `json:"id"`
	Root         string            `json:"root"`
	Roots        map[string]string `json:"roots"`
	Recipe       json.RawMessage   `json:"recipe"`
	Capabilities capabilities      `json:"capabilities"`
	Keys         *keyMaterial      `json:"keys"`
}

type capabilities struct {
	KubeVersion string   `json:"kube_version"`
	APIVersions []string `json:"api_versions"`
}

// response answers either role.
type response struct {
	ID          uint64                `json:"id"`
	Recipe      string                `json:"recipe,omitempty"`
	Objects     []object              `json:"objects,omitempty"`
	InputPaths  map[string]inputPaths `json:"input_paths,omitempty"`
	Warnings    []warning             `json:"warnings,omitempty"`
	Uncacheable []string              `json:"uncacheable,omitempty"`
	Secrets     []string              `json:"secrets,omitempty"`
	Value       json.RawMessage       `json:"value,omitempty"`
	Problem     *problem              `json:"problem,omitempty"`
}

type object struct {
	Body   json.RawMessage `json:"body"`
	Origin *origin         `json:"origin,omitempty"`
	Hook   *hook           `json:"hook,omitempty"`
}

type origin struct {
	Path     string `json:"path"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Document int    `json:"document,omitempty"`
	Root     string `json:"root,omitempty"`
}

type hook struct {
	Events         []string `json:"events"`
	Weight         int      `json:"weight,omitempty"`
	DeletePolicies []string `json:"delete_policies,omitempty"`
}

type warning struct {
	Code    string  `json:"code"`
	Message string  `json:"message"`
	Origin  *origin `json:"origin,omitempty"`
}

type inputPaths struct {
	Files       []string `json:"files,omitempty"`
	Directories []string `json:"directories,omitempty"`
	Absent      []string `json:"absent,omitempty"`
}
