package main

import (
	"encoding/json"
	"strings"
)

// check looks at the whole of what was rendered: every object named, duplicates told.
func (r *render) check() error {
	type identity struct{ group, kind, namespace, name string }
	seen := make(map[identity]*origin, len(r.objects))
	for index := range r.objects {
		one := &r.objects[index]
		where := origin{}
		if one.Origin != nil {
			where = *one.Origin
		}
		read, err := readHead(one.Body, where)
		if err != nil {
			return err
		}
		if err := checkHead(read, where); err != nil {
			return err
		}
		if read.Metadata.Name == "" {
			continue
		}
		group, _, found := strings.Cut(read.APIVersion, "/")
		if !found {
			group = ""
		}
		key := identity{group, read.Kind, read.Metadata.Namespace, read.Metadata.Name}
		first, twice := seen[key]
		if !twice {
			seen[key] = one.Origin
			continue
		}
		r.warn("duplicate-object", duplicateText(read, first, one.Origin), one.Origin)
	}
	return nil
}

func duplicateText(read *head, first, second *origin) string {
	text := read.Kind + " " + read.Metadata.Name
	if read.Metadata.Namespace != "" {
		text = read.Kind + " " + read.Metadata.Namespace + "/" + read.Metadata.Name
	}
	text += " is there more than once"
	if first != nil && second != nil {
		text += ": in " + placeText(*first) + " and " + placeText(*second)
	}
	return text + "; the last one counts"
}

// hookOf reads Helm's hook annotations: nil for an ordinary object.
func hookOf(body json.RawMessage) *hook {
	var read struct {
		Metadata struct {
			Annotations map[string]any `json:"annotations"`
		} `json:"metadata"`
	}
	if json.Unmarshal(body, &read) != nil {
		return nil
	}
	events := splitAnnotation(read.Metadata.Annotations["helm.sh/hook"])
	if len(events) == 0 {
		return nil
	}
	marked := &hook{Events: events, DeletePolicies: splitAnnotation(read.Metadata.Annotations["helm.sh/hook-delete-policy"])}
	if text, ok := read.Metadata.Annotations["helm.sh/hook-weight"].(string); ok {
		marked.Weight = asWeight(text)
	}
	return marked
}

func splitAnnotation(value any) []string {
	text, ok := value.(string)
	if !ok {
		return nil
	}
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.ToLower(strings.TrimSpace(part)); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}
