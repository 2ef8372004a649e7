package main

import (
	"encoding/json"
	"io/fs"
	"path"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
)

// render is one request under way: what it may look at and what it gives.
type render struct {
	artifact     *tree
	further      map[string]*tree
	capabilities capabilities
	objects      []object
	warnings     []warning
	uncacheable  map[string]struct{}
	documents    map[string]map[[2]string]spot
	decryption   *decryption
	nested       int
}

func handleRender(body []byte) response {
	var head struct {
		Kind string `json:"kind"`
	}
	if json.Unmarshal(body, &head) == nil && head.Kind == "substitute" {
		return handleSubstitute(body)
	}
	var request renderRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return response{Problem: problemf("protocol", "the request cannot be read: %v", err)}
	}
	if request.Keys != nil {
		return response{Problem: problemf("protocol", "this process takes no keys: its role is render, not decrypt")}
	}
	return answerRender(request)
}

// handleDecrypt renders with keys. Its process answers one such request and is ended, so that neither keys nor what was
// decrypted with them are there when anything else is rendered.
func handleDecrypt(body []byte) (answer response) {
	defer func() {
		if recover() != nil {
			// What a library says when it panics may be a decrypted value.
			answer = response{Problem: problemf("crashed", "the renderer panicked on what it had decrypted")}
		}
	}()
	var request renderRequest
	if err := json.Unmarshal(body, &request); err != nil || request.Keys == nil {
		return response{Problem: problemf("protocol", "the request for a render with keys cannot be read")}
	}
	return answerRender(request)
}

func answerRender(request renderRequest) response {
	r, err := newRender(request)
	if err != nil {
		return response{Problem: asProblem(err, "protocol")}
	}
	defer r.close()
	kind, err := r.run(request.Recipe)
	if err == nil {
		err = r.decryptObjects()
	}
	if err == nil {
		err = r.check()
	}
	answer := response{Recipe: kind, InputPaths: r.inputPaths()}
	if err == nil && len(r.objects) == 0 && len(r.warnings) == 0 {
		r.warn("empty", "this renders no objects", nil)
	}
	if err != nil {
		answer.Problem = asProblem(err, "build")
		answer.Problem.Message = shorten(r.hide(answer.Problem.Message))
		return answer
	}
	answer.Objects = r.objects
	answer.Warnings = r.warnings
	if r.decryption != nil {
		answer.Secrets = r.decryption.clear.within(r.objects)
		for index := range answer.Warnings {
			answer.Warnings[index].Message = r.hide(answer.Warnings[index].Message)
		}
	}
	answer.Uncacheable = sortedNames(r.uncacheable)
	return answer
}

func newRender(request renderRequest) (*render, error) {
	artifact, err := openTree("", request.Root)
	if err != nil {
		return nil, err
	}
	r := &render{
		artifact: artifact, further: map[string]*tree{}, capabilities: request.Capabilities,
		uncacheable: map[string]struct{}{}, documents: map[string]map[[2]string]spot{},
	}
	for name, root := range request.Roots {
		further, err := openTree(name, root)
		if err != nil {
			r.close()
			return nil, err
		}
		r.further[name] = further
	}
	if request.Keys != nil {
		if r.decryption, err = openDecryption(request.Keys); err != nil {
			r.close()
			return nil, err
		}
		if ignored := r.decryption.keys.ignored; len(ignored) > 0 {
			r.warn("decryption", request.Keys.From+" also holds "+strings.Join(ignored, " and ")+
				": services that keep keys are not asked yet", nil)
		}
	}
	return r, nil
}

// hide takes decrypted values out of a message.
func (r *render) hide(message string) string {
	if r.decryption == nil {
		return message
	}
	return r.decryption.clear.hide(message)
}

func (r *render) close() {
	r.artifact.close()
	for _, further := range r.further {
		further.close()
	}
}

func (r *render) inputPaths() map[string]inputPaths {
	all := map[string]inputPaths{"": r.artifact.inputPaths()}
	for name, further := range r.further {
		all[name] = further.inputPaths()
	}
	return all
}

func (r *render) warn(code, message string, where *origin) {
	if len(r.warnings) < maxWarnings {
		r.warnings = append(r.warnings, warning{Code: code, Message: shorten(message), Origin: where})
	}
}

// run renders by the recipe and gives the kind that was used.
func (r *render) run(encoded json.RawMessage) (string, error) {
	var head struct {
		Kind      string          `json:"kind"`
		Helm      json.RawMessage `json:"helm"`
		Kustomize json.RawMessage `json:"kustomize"`
		Directory json.RawMessage `json:"directory"`
	}
	if err := decodeRecipe(encoded, &head); err != nil {
		return "", err
	}
	if head.Kind == "auto" {
		directory, err := decodeDirectory(head.Directory)
		if err != nil {
			return "", err
		}
		if head.Kind, err = r.detect(directory.Path); err != nil {
			return "", err
		}
		encoded = map[string]json.RawMessage{
			"helm": head.Helm, "kustomize": head.Kustomize, "directory": head.Directory,
		}[head.Kind]
	}
	switch head.Kind {
	case "kustomize":
		recipe, err := decodeKustomize(encoded)
		if err != nil {
			return head.Kind, err
		}
		return head.Kind, r.kustomize(recipe)
	case "helm":
		recipe, err := decodeHelm(encoded)
		if err != nil {
			return head.Kind, err
		}
		return head.Kind, r.helm(recipe)
	case "directory":
		recipe, err := decodeDirectory(encoded)
		if err != nil {
			return head.Kind, err
		}
		return head.Kind, r.directory(recipe)
	}
	return head.Kind, problemf("protocol", "there is no recipe of kind %q", head.Kind)
}

// detect finds which tool a folder is written for. Where it is written for two, kustomize comes first, as in Argo CD.
func (r *render) detect(folder string) (string, error) {
	if _, err := r.artifact.folder(folder); err != nil {
		return "", err
	}
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if found, err := r.hasFile(path.Join(folder, name)); found || err != nil {
			return "kustomize", err
		}
	}
	if found, err := r.hasFile(path.Join(folder, "Chart.yaml")); found || err != nil {
		return "helm", err
	}
	return "directory", nil
}

func (r *render) hasFile(name string) (bool, error) {
	return r.artifact.hasFile(name)
}

func (t *tree) hasFile(name string) (bool, error) {
	info, found, err := t.exists(name)
	return found && !isFolder(info), err
}

func isFolder(info fs.FileInfo) bool { return info != nil && info.IsDir() }

// use marks the result as good for this once, because of the named function.
func (r *render) use(function string) { r.uncacheable[function] = struct{}{} }

func (r *render) add(found ...object) error {
	if len(r.objects)+len(found) > maxObjects {
		return problemf("too-many-objects", "this renders more than %d objects", maxObjects)
	}
	r.objects = append(r.objects, found...)
	return nil
}
