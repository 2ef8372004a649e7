package main

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
)

// dependencyRoot names the further root in which a chart lies that another one depends on, as trueup.core.ports has it.
func dependencyRoot(one missing) string {
	sum := sha256.Sum256([]byte(one.Name + "\x00" + one.Version + "\x00" + one.Repository))
	return "chart-" + hex.EncodeToString(sum[:16])
}

// completeDependencies adds the charts that a chart names by a path in the repository, and those that were fetched for
// it, and says which others it lacks.
func (r *render) completeDependencies(loaded *chart.Chart, from *tree, folder string) error {
	var lacking []missing
	if err := r.complete(loaded, from, folder, &lacking); err != nil {
		return err
	}
	if len(lacking) == 0 {
		return nil
	}
	names := make([]string, len(lacking))
	for index, one := range lacking {
		names[index] = strings.TrimSpace(one.Name + " " + one.Version)
		if one.Repository != "" {
			names[index] += " from " + one.Repository
		}
	}
	failed := problemf("missing-dependency",
		"chart %s depends on charts that are not in its charts/ folder: %s; commit them with `helm dependency build`",
		loaded.Name(), strings.Join(names, ", ")).at(from.place(path.Join(folder, "Chart.yaml")))
	failed.Missing = lacking
	return failed
}

func (r *render) complete(loaded *chart.Chart, from *tree, folder string, lacking *[]missing) error {
	if r.nested++; r.nested > maxNestedCharts {
		return problemf("cycle", "the dependencies of chart %s have dependencies without end", loaded.Name())
	}
	defer func() { r.nested-- }()
	for _, wanted := range loaded.Metadata.Dependencies {
		if wanted == nil || hasDependency(loaded, wanted.Name) {
			continue
		}
		if local, isLocal := strings.CutPrefix(wanted.Repository, "file://"); isLocal {
			beside, err := r.localDependency(loaded, from, folder, wanted, local, lacking)
			if err != nil {
				return err
			}
			loaded.AddDependency(beside)
			continue
		}
		version, err := lockedVersion(loaded, from, folder, wanted)
		if err != nil {
			return err
		}
		one := missing{wanted.Name, version, wanted.Repository}
		fetched, known := r.further[dependencyRoot(one)]
		if !known {
			*lacking = append(*lacking, one)
			continue
		}
		inner, err := r.loadChart(fetched, ".")
		if err != nil {
			return err
		}
		if inner.Name() != wanted.Name {
			return problemf("chart", "chart %s depends on %s from %s, where a chart of that name calls itself %s",
				loaded.Name(), wanted.Name, wanted.Repository, inner.Name())
		}
		if err := r.complete(inner, fetched, ".", lacking); err != nil {
			return err
		}
		loaded.AddDependency(inner)
	}
	return nil
}

// lockedVersion gives the version that Chart.lock holds a dependency to, or the one that is asked for without a lock.
func lockedVersion(loaded *chart.Chart, from *tree, folder string, wanted *chart.Dependency) (string, error) {
	if loaded.Lock == nil {
		return wanted.Version, nil
	}
	for _, locked := range loaded.Lock.Dependencies {
		same := locked != nil && locked.Name == wanted.Name && locked.Repository == wanted.Repository
		if same && (wanted.Version == "" || chartutil.IsCompatibleRange(wanted.Version, locked.Version)) {
			return locked.Version, nil
		}
	}
	return "", problemf("chart", "the lock file of chart %s does not fit its dependency %s %s: run `helm dependency update` "+
		"and commit the lock", loaded.Name(), wanted.Name, wanted.Version).at(from.place(path.Join(folder, "Chart.yaml")))
}

func (r *render) localDependency(
	loaded *chart.Chart, from *tree, folder string, wanted *chart.Dependency, local string, lacking *[]missing,
) (*chart.Chart, error) {
	where, err := from.folder(folder + "/" + local)
	if err != nil {
		return nil, err
	}
	if where == folder || strings.HasPrefix(folder+"/", where+"/") {
		return nil, problemf("cycle", "chart %s names itself as its dependency %s", loaded.Name(), wanted.Name)
	}
	beside, err := r.loadChart(from, where)
	if err != nil {
		return nil, err
	}
	for _, inner := range beside.Metadata.Dependencies {
		if inner != nil && strings.HasPrefix(inner.Repository, "file://") && !hasDependency(beside, inner.Name) {
			return nil, problemf("missing-dependency",
				"chart %s, a dependency of %s, has local dependencies of its own: commit them into its charts/ folder",
				beside.Name(), loaded.Name())
		}
	}
	return beside, r.complete(beside, from, where, lacking)
}
