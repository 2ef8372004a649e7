module trueup.dev/worker

go 1.26.0

require (
	cel.dev/cel-go v0.33.2 // indirect
	github.com/blang/semver/v4 v4.0.0 // indirect
	github.com/google/go-jsonnet v0.22.0 // indirect
	go.yaml.in/yaml/v2 v2.4.4 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	helm.sh/helm/v4 v4.3.1 // indirect
	sigs.k8s.io/kustomize/api v0.21.2 // indirect
	sigs.k8s.io/kustomize/kyaml v0.21.2 // indirect
	sigs.k8s.io/yaml v1.6.0 // indirect
)
