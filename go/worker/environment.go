package main

import (
	"errors"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
)

// errNoNetwork is what every attempt to reach the network through the standard client ends in.
var errNoNetwork = errors.New("this process has no network")

// forgetEnvironment leaves templates and libraries nothing of the parent's environment: no credentials, no search path.
func forgetEnvironment() {
	os.Clearenv()
}

type closedTransport struct{}

func (closedTransport) RoundTrip(*http.Request) (*http.Response, error) { return nil, errNoNetwork }

// refuseNetwork makes the clients that libraries build from the defaults fail at once, with an error we can name. The
// kernel's filter (confine) is what holds; this is for the message.
func refuseNetwork() {
	http.DefaultTransport = closedTransport{}
	http.DefaultClient = &http.Client{Transport: closedTransport{}}
}

// describeVersion names this program and the versions of the languages it speaks: part of what a render depends on.
func describeVersion() string {
	parts := []string{"worker/" + Version}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return parts[0]
	}
	names := map[string]string{
		"sigs.k8s.io/kustomize/api":      "kustomize",
		"helm.sh/helm/v4":                "helm",
		"github.com/google/go-jsonnet":   "jsonnet",
		"cel.dev/cel-go":                 "cel",
		"github.com/expr-lang/expr":      "expr",
		"github.com/fluxcd/pkg/envsubst": "envsubst",
		"github.com/getsops/sops/v3":     "sops",
	}
	for _, module := range info.Deps {
		if name, ok := names[module.Path]; ok {
			parts = append(parts, name+"/"+module.Version)
		}
	}
	return strings.Join(parts, " ")
}
