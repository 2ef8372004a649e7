package main

import (
	"io/fs"
	"path"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
)

// generateKustomization makes a kustomization of every manifest below a folder that has none: each YAML file, and each
// folder with a kustomization of its own as a whole.
func (r *render) generateKustomization(folder string) (*types.Kustomization, error) {
	made := &types.Kustomization{
		TypeMeta: types.TypeMeta{APIVersion: types.KustomizationVersion, Kind: types.KustomizationKind},
	}
	err := r.artifact.walk(folder, false, func(name string, info fs.FileInfo) error {
		relative := name
		if folder != "." {
			relative = strings.TrimPrefix(name, folder+"/")
		}
		if info.IsDir() {
			own, err := r.hasKustomization(name)
			if err != nil || !own {
				return err
			}
			made.Resources = append(made.Resources, relative)
			return errSkip
		}
		if extension := path.Ext(name); extension != ".yaml" && extension != ".yml" {
			return nil
		}
		content, err := r.artifact.readFile(name)
		if err != nil {
			return err
		}
		if err := checkManifests(r.artifact, name, content); err != nil {
			return err
		}
		made.Resources = append(made.Resources, relative)
		return nil
	})
	return made, err
}

func (r *render) hasKustomization(folder string) (bool, error) {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if found, err := r.hasFile(path.Join(folder, name)); found || err != nil {
			return found, err
		}
	}
	return false, nil
}
