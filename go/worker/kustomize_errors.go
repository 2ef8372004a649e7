package main

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	accumulated = regexp.MustCompile(`accumulating resources from '([^']+)'`)
	recursed    = regexp.MustCompile(`(?:recursed accumulation of path|couldn't make target for path) '([^']+)'`)
	duplicated  = regexp.MustCompile(`may not add resource with an already registered id: ([^\s:]+)`)
	fileless    = regexp.MustCompile(`([^\s:'"()\[\]]+): file does not exist`)
	bare        = regexp.MustCompile(`unable to find one of 'kustomization\.yaml'[^/]*'([^']+)'`)
	nameless    = regexp.MustCompile(`missing metadata\.name in object \{\{(\S+) (\S+)\}`)
	merging     = regexp.MustCompile(`merging resources from '([^']+)'`)
	cycleRoots  = regexp.MustCompile(`candidate root '([^']+)' contains visited root '([^']+)'`)
)

// kustomizationProblem explains a kustomization file that cannot be read.
func (r *render) kustomizationProblem(name string, content []byte, err error) error {
	if _, broken := splitManifest(r.artifact, name, content); broken != nil {
		return broken
	}
	return problemf("build", "%s: %v", name, err).at(r.artifact.place(name))
}

// explainKustomize finds in kustomize's words, which tell of every meaning it tried for a path, what the user has to
// know: the code, the file and, where known, the line.
func (r *render) explainKustomize(files *kustomizeFiles, folder string, err error) error {
	text := err.Error()
	if files.refused != nil {
		return r.refusedProblem(files.refused, text, folder)
	}
	if strings.Contains(text, errNoNetwork.Error()) || strings.Contains(text, "no 'git' program on path") {
		base := lastMatch(accumulated, text)
		return problemf("remote-base",
			"the kustomization in %s uses the remote base %q: remote bases are not fetched; "+
				"copy it into the repository, or add it as a source of its own", r.innermost(text, folder), base)
	}
	if roots := cycleRoots.FindStringSubmatch(text); roots != nil {
		from := r.innermost(text, folder)
		return problemf("cycle", "the kustomization in %s names %s as a base, which leads back to itself",
			from, inArtifact(roots[1])).at(r.artifact.place(from))
	}
	if start := strings.Index(text, "security; file"); start >= 0 {
		return problemf("outside",
			"%s: a kustomization may only use files in or below its own folder", cleanPaths(lastPart(text[start:])))
	}
	if strings.Contains(text, "--enable-helm") {
		return problemf("plugin", "the kustomization in %s inflates Helm charts: that is switched off here; "+
			"use a Helm source instead", r.innermost(text, folder))
	}
	if strings.Contains(text, "external plugins disabled") || strings.Contains(text, "--enable-alpha-plugins") {
		words := "the kustomization in " + r.innermost(text, folder) +
			" uses a plugin: kustomize plugins are switched off here"
		if strings.Contains(strings.ToLower(text), "ksops") {
			words += "; generators of KSOPS are understood where the unit names the Secret whose keys decrypt its files"
		}
		return problemf("plugin", "%s", words)
	}
	if without := bare.FindStringSubmatch(text); without != nil && !strings.Contains(text, "evalsymlink failure") {
		where := r.artifact.place(inArtifact(without[1]))
		return problemf("build", "the folder %s, which a kustomization names, has no kustomization.yaml", where.Path).at(where)
	}
	if found := r.brokenFile(text, folder); found != nil {
		return found
	}
	if twice := duplicated.FindStringSubmatch(text); twice != nil {
		return r.duplicateProblem(text, folder, twice[1])
	}
	if without := nameless.FindStringSubmatch(text); without != nil {
		where := r.artifact.place(path.Join(r.innermost(text, folder), lastMatch(accumulated, text)))
		return problemf("missing-name", "%s: a %s in it has no metadata.name: kustomize has no use for generateName",
			placeText(where), without[2]).at(where)
	}
	return problemf("build", "kustomize build of %s failed: %s", folder, cleanPaths(text))
}

// refusedProblem says which kustomization led to a path that cannot be used, in the words that stand in its file.
func (r *render) refusedProblem(refused *problem, text, folder string) error {
	if refused.Code != "outside" || refused.Origin != nil {
		return refused
	}
	from := r.innermost(text, folder)
	named := lastMatch(accumulated, text)
	if named == "" {
		return problemf("outside", "the kustomization in %s: %s", from, refused.Message).at(r.artifact.place(from))
	}
	return problemf("outside", "the kustomization in %s names %q, which leads out of the artifact", from, named).
		at(r.artifact.place(from))
}

// duplicateProblem says which object two resources of a kustomization bring. Kustomize names it Kind.version.group/name
// and .namespace, with placeholders for what is not there.
func (r *render) duplicateProblem(text, folder, id string) error {
	kind, name, _ := strings.Cut(id, "/")
	kind, _, _ = strings.Cut(kind, ".")
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		namespace := name[dot+1:]
		if name = name[:dot]; !strings.HasPrefix(namespace, "[") {
			name = namespace + "/" + name
		}
	}
	where := r.artifact.place(r.innermost(text, folder))
	if second := lastMatch(merging, text); second != "" {
		where.Path = path.Join(where.Path, second)
	}
	return problemf("build", "%s: it brings %s %s, which the kustomization in %s has already: keep one of them",
		where.Path, kind, name, r.innermost(text, folder)).at(where)
}

// innermost is the folder of the kustomization that kustomize was at when it failed.
func (r *render) innermost(text, folder string) string {
	if found := lastMatch(recursed, text); found != "" {
		return inArtifact(found)
	}
	return folder
}

// brokenFile looks for the file behind an error: the resource that kustomize was at, or any file that does not parse.
func (r *render) brokenFile(text, folder string) error {
	resource := lastMatch(accumulated, text)
	name := path.Join(r.innermost(text, folder), resource)
	if resource != "" {
		_, found, err := r.artifact.exists(name)
		if err == nil && !found {
			return problemf("path-absent", "the kustomization in %s names %q, which is not in the artifact",
				r.innermost(text, folder), resource).at(r.artifact.place(name))
		}
		if content, err := r.artifact.readFile(name); err == nil {
			if broken := checkManifests(r.artifact, name, content); broken != nil {
				return broken
			}
		}
	}
	if missing := lastMatch(fileless, text); missing != "" {
		where := r.artifact.place(inArtifact(missing))
		return problemf("path-absent", "the kustomization in %s names %q, which is not in the artifact",
			r.innermost(text, folder), where.Path).at(where)
	}
	unreadable := strings.Contains(text, "yaml: ") || strings.Contains(text, "unable to parse") ||
		strings.Contains(strings.ToLower(text), "malformed")
	if !unreadable {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(r.artifact.contents)) {
		if _, broken := splitManifest(r.artifact, name, r.artifact.contents[name]); broken != nil {
			return broken
		}
	}
	return nil
}

func lastMatch(pattern *regexp.Regexp, text string) string {
	found := pattern.FindAllStringSubmatch(text, -1)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1][1]
}

func lastPart(text string) string {
	if end := strings.IndexByte(text, '\n'); end >= 0 {
		return text[:end]
	}
	return text
}

func inArtifact(absolute string) string {
	if absolute == artifactDir {
		return "."
	}
	return strings.TrimPrefix(absolute, artifactDir+"/")
}

// cleanPaths takes the folder that only kustomize knows out of a message.
func cleanPaths(text string) string {
	text = strings.ReplaceAll(text, artifactDir+"/", "")
	text = strings.ReplaceAll(text, fmt.Sprintf("'%s'", artifactDir), "the artifact's root")
	return strings.TrimSpace(strings.ReplaceAll(text, artifactDir, "the artifact's root"))
}
