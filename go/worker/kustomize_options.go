package main

import (
	"maps"
	"path"
	"slices"
	"sort"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/resid"
)

// keepSetting in an image override keeps what the kustomization's own override of that image says.
const keepSetting = "*"

// layOver writes the user's options into the kustomization, as the tools' own commands would into the file.
func (r *render) layOver(kustomization *types.Kustomization, folder string, recipe *kustomizeRecipe) error {
	if recipe.Namespace != "" {
		kustomization.Namespace = recipe.Namespace
	}
	if recipe.NamePrefix != "" {
		kustomization.NamePrefix = recipe.NamePrefix
	}
	if recipe.NameSuffix != "" {
		kustomization.NameSuffix = recipe.NameSuffix
	}
	if len(recipe.BuildMetadata) > 0 {
		kustomization.BuildMetadata = recipe.BuildMetadata
	}
	kustomization.Images = overrideImages(kustomization.Images, recipe.Images)
	kustomization.Replicas = overrideReplicas(kustomization.Replicas, recipe.Replicas)
	for _, wanted := range recipe.Patches {
		kustomization.Patches = append(kustomization.Patches, asPatch(wanted))
	}
	if err := addLabels(kustomization, recipe); err != nil {
		return err
	}
	if err := addAnnotations(kustomization, recipe); err != nil {
		return err
	}
	return r.addComponents(kustomization, folder, recipe)
}

func overrideImages(own []types.Image, wanted []imageOverride) []types.Image {
	images := slices.Clone(own)
	for _, override := range wanted {
		image := types.Image{
			Name: override.Name, NewName: override.NewName, NewTag: override.NewTag, Digest: override.Digest,
		}
		index := slices.IndexFunc(images, func(other types.Image) bool { return other.Name == image.Name })
		var before types.Image
		if index >= 0 {
			before = images[index]
		}
		for setting, kept := range map[*string]string{
			&image.NewName: before.NewName, &image.NewTag: before.NewTag, &image.Digest: before.Digest,
		} {
			if *setting == keepSetting {
				*setting = kept
			}
		}
		if index >= 0 {
			images[index] = image
		} else {
			images = append(images, image)
		}
	}
	return images
}

func overrideReplicas(own []types.Replica, wanted []replicaOverride) []types.Replica {
	replicas := slices.Clone(own)
	for _, override := range wanted {
		replica := types.Replica{Name: override.Name, Count: override.Count}
		index := slices.IndexFunc(replicas, func(other types.Replica) bool { return other.Name == replica.Name })
		if index >= 0 {
			replicas[index] = replica
		} else {
			replicas = append(replicas, replica)
		}
	}
	return replicas
}

func asPatch(wanted patch) types.Patch {
	made := types.Patch{Patch: wanted.Patch, Path: wanted.Path}
	if target := wanted.Target; target != nil {
		made.Target = &types.Selector{
			ResId: resid.ResId{
				Gvk:       resid.Gvk{Group: target.Group, Version: target.Version, Kind: target.Kind},
				Name:      target.Name,
				Namespace: target.Namespace,
			},
			LabelSelector:      target.LabelSelector,
			AnnotationSelector: target.AnnotationSelector,
		}
	}
	if len(wanted.Options) > 0 {
		made.Options = &types.PatchArgs{
			AllowNameChange: wanted.Options["allowNameChange"],
			AllowKindChange: wanted.Options["allowKindChange"],
		}
	}
	return made
}

func addLabels(kustomization *types.Kustomization, recipe *kustomizeRecipe) error {
	if len(recipe.CommonLabels) == 0 {
		return nil
	}
	if recipe.LabelWithoutSelector {
		kustomization.Labels = append(kustomization.Labels, types.Label{
			Pairs: recipe.CommonLabels, IncludeTemplates: recipe.LabelIncludeTemplates,
		})
		return nil
	}
	merged, err := mergePairs("label", kustomization.CommonLabels, recipe.CommonLabels, recipe.ForceCommonLabels)
	kustomization.CommonLabels = merged
	return err
}

func addAnnotations(kustomization *types.Kustomization, recipe *kustomizeRecipe) error {
	merged, err := mergePairs(
		"annotation", kustomization.CommonAnnotations, recipe.CommonAnnotations, recipe.ForceCommonAnnotations)
	kustomization.CommonAnnotations = merged
	return err
}

func mergePairs(what string, own, wanted map[string]string, force bool) (map[string]string, error) {
	if len(wanted) == 0 {
		return own, nil
	}
	merged := maps.Clone(own)
	if merged == nil {
		merged = map[string]string{}
	}
	names := slices.Collect(maps.Keys(wanted))
	sort.Strings(names)
	for _, name := range names {
		if _, taken := own[name]; taken && !force {
			return own, problemf("build",
				"the common %s %q is already in the kustomization file; to replace it, force common %ss", what, name, what)
		}
		merged[name] = wanted[name]
	}
	return merged, nil
}

func (r *render) addComponents(kustomization *types.Kustomization, folder string, recipe *kustomizeRecipe) error {
	for _, component := range recipe.Components {
		if recipe.IgnoreMissingComponents {
			_, found, err := r.artifact.exists(path.Join(folder, component))
			if err != nil {
				return err
			}
			if !found {
				continue
			}
		}
		if !slices.Contains(kustomization.Components, component) {
			kustomization.Components = append(kustomization.Components, component)
		}
	}
	return nil
}
