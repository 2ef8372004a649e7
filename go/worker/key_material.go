package main

// codeKeys is the code of every problem with decryption.
const codeKeys = "decryption"

// keyMaterial is what a request brings for decryption: private keys by their names in a Secret, which `from` names.
type keyMaterial struct {
	From  string            `json:"from"`
	Files map[string][]byte `json:"files"`
	// Strict refuses a file whose MAC does not fit, where it is told otherwise.
	Strict bool `json:"strict"`
	// DisabledBy is the annotation with which an object is left encrypted, with the value `disabled` in any case.
	DisabledBy string `json:"disabled_by"`
	// Remedy says where users name keys.
	Remedy string `json:"remedy"`
}
