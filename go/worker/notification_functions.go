package main

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// commit is what the engine knows of a commit. The names are those that Argo CD's templates use.
type commit struct {
	Message string    `json:"message"`
	Author  string    `json:"author"`
	Date    time.Time `json:"date"`
	Tags    []string  `json:"tags"`
}

type sourceParameter struct {
	Name        string `json:"name"`
	Value       string `json:"value"`
	ForceString bool   `json:"forceString"`
}

type sourceFileParameter struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

type helmDetails struct {
	Name           string                `json:"name"`
	ValueFiles     []string              `json:"valueFiles"`
	Parameters     []sourceParameter     `json:"parameters"`
	Values         string                `json:"values"`
	FileParameters []sourceFileParameter `json:"fileParameters"`
}

// GetParameterValueByName gives a parameter's value, empty where there is none of this name.
func (h helmDetails) GetParameterValueByName(name string) string {
	for _, parameter := range h.Parameters {
		if parameter.Name == name {
			return parameter.Value
		}
	}
	return ""
}

// GetFileParameterPathByName gives the path of a file parameter, empty where there is none of this name.
func (h helmDetails) GetFileParameterPathByName(name string) string {
	for _, parameter := range h.FileParameters {
		if parameter.Name == name {
			return parameter.Path
		}
	}
	return ""
}

type kustomizeDetails struct {
	Images []string `json:"images"`
}

type directoryDetails struct{}

// appDetails is what the engine knows of an application's source.
type appDetails struct {
	Type      string            `json:"type"`
	Helm      *helmDetails      `json:"helm"`
	Kustomize *kustomizeDetails `json:"kustomize"`
	Directory *directoryDetails `json:"directory"`
}

// notificationFunctions gives the functions that Argo CD's notifications may call, by the names they have there. They
// look only at what they are given; one that fails panics, which the languages make an error of.
func notificationFunctions(commits map[string]commit, details *appDetails) map[string]any {
	return map[string]any{
		"time": timeFunctions,
		"strings": map[string]any{
			"ReplaceAll": strings.ReplaceAll,
			"ToUpper":    strings.ToUpper,
			"ToLower":    strings.ToLower,
		},
		"sync": map[string]any{"GetInfoItem": infoItem},
		"repo": map[string]any{
			"RepoURLToHTTPS":    repoURLToHTTPS,
			"FullNameByRepoURL": fullNameByRepoURL,
			"QueryEscape":       url.QueryEscape,
			"GetCommitMetadata": func(sha string) any {
				known, ok := commits[sha]
				if !ok {
					panic(fmt.Errorf("nothing is known of the commit %q", sha))
				}
				return known
			},
			"GetAppDetails": func() any {
				if details == nil {
					panic(fmt.Errorf("nothing is known of the application's source yet"))
				}
				return *details
			},
		},
	}
}

var timeFunctions = map[string]any{
	"Now": time.Now,
	"Parse": func(text string) time.Time {
		parsed, err := time.Parse(time.RFC3339, text)
		if err != nil {
			panic(err)
		}
		return parsed
	},
	"Nanosecond": time.Nanosecond, "Microsecond": time.Microsecond, "Millisecond": time.Millisecond,
	"Second": time.Second, "Minute": time.Minute, "Hour": time.Hour,
	"ANSIC": time.ANSIC, "UnixDate": time.UnixDate, "RubyDate": time.RubyDate, "RFC822": time.RFC822,
	"RFC822Z": time.RFC822Z, "RFC850": time.RFC850, "RFC1123": time.RFC1123, "RFC1123Z": time.RFC1123Z,
	"RFC3339": time.RFC3339, "RFC3339Nano": time.RFC3339Nano, "Kitchen": time.Kitchen,
	"Stamp": time.Stamp, "StampMilli": time.StampMilli, "StampMicro": time.StampMicro, "StampNano": time.StampNano,
}

// infoItem gives the info item of this name that the application's last operation was started with.
func infoItem(app map[string]any, name string) string {
	state, _ := inside(app, "status", "operationState", "operation")["info"].([]any)
	for _, each := range state {
		if item, ok := each.(map[string]any); ok && item["name"] == name {
			value, _ := item["value"].(string)
			return value
		}
	}
	return ""
}

func inside(value map[string]any, path ...string) map[string]any {
	for _, step := range path {
		value, _ = value[step].(map[string]any)
	}
	return value
}

// The short form of an SSH address: user@host:path.
var shortAddress = regexp.MustCompile(`^(?:([^@/:]+)@)?([^/:]+):([^:].*)$`)

func parseAddress(address string) *url.URL {
	if !strings.Contains(address, "://") {
		if parts := shortAddress.FindStringSubmatch(address); parts != nil {
			return &url.URL{Scheme: "ssh", User: url.User(parts[1]), Host: parts[2], Path: "/" + strings.TrimPrefix(parts[3], "/")}
		}
	}
	parsed, err := url.Parse(address)
	if err != nil {
		panic(fmt.Errorf("the repository's URL cannot be read"))
	}
	return parsed
}

func repoURLToHTTPS(address string) string {
	parsed := parseAddress(address)
	parsed.Scheme = "https"
	parsed.User = nil
	return parsed.String()
}

// fullNameByRepoURL gives the owner and name of a repository.
func fullNameByRepoURL(address string) string {
	path := strings.TrimSuffix(parseAddress(address).Path, ".git")
	parts := strings.FieldsFunc(path, func(letter rune) bool { return letter == '/' })
	if len(parts) >= 2 {
		return strings.Join(parts[:2], "/")
	}
	return path
}
