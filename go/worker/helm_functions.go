package main

import (
	"maps"
	"reflect"
	"slices"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
)

// What these functions give differs from one render to the next: random values, keys and certificates, the time.
var chanceFunctions = []string{
	"randAlphaNum", "randAlpha", "randAscii", "randNumeric", "randBytes", "randInt", "shuffle", "uuidv4",
	"genPrivateKey", "genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert",
	"genSignedCertWithKey", "encryptAES", "bcrypt", "htpasswd", "now", "ago", "durationRound",
}

// These format the time given to them, and the present where they are given something else.
var dateFunctions = []string{"date", "dateInZone", "date_in_zone", "htmlDate", "htmlDateInZone"}

// watchedFunctions gives the template functions that the result must not depend on unseen: those of chance and time
// say that they were used; those that walk a map do it in the order of its keys.
func (r *render) watchedFunctions() template.FuncMap {
	standard := sprig.TxtFuncMap()
	watched := template.FuncMap{
		// There is no cluster and no network here, whatever the day: as in `helm template`, nothing is found.
		"lookup":        func(string, string, string, string) (map[string]any, error) { return map[string]any{}, nil },
		"getHostByName": func(string) string { return "" },
		"keys":          sortedKeys,
		"values":        sortedValues,
	}
	for _, name := range chanceFunctions {
		if function, ok := standard[name]; ok {
			watched[name] = observed(function, func([]reflect.Value) { r.use(name) })
		}
	}
	for _, name := range dateFunctions {
		if function, ok := standard[name]; ok {
			watched[name] = observed(function, func(arguments []reflect.Value) {
				if !slices.ContainsFunc(arguments, isTime) {
					r.use(name)
				}
			})
		}
	}
	return watched
}

func observed(function any, observe func([]reflect.Value)) any {
	original := reflect.ValueOf(function)
	return reflect.MakeFunc(original.Type(), func(arguments []reflect.Value) []reflect.Value {
		observe(arguments)
		if original.Type().IsVariadic() {
			return original.CallSlice(arguments)
		}
		return original.Call(arguments)
	}).Interface()
}

func isTime(argument reflect.Value) bool {
	if !argument.IsValid() || !argument.CanInterface() {
		return false
	}
	switch argument.Interface().(type) {
	case time.Time, *time.Time, int64, int, int32:
		return true
	}
	return false
}

func sortedKeys(dictionaries ...map[string]any) []string {
	var keys []string
	for _, dictionary := range dictionaries {
		keys = append(keys, slices.Sorted(maps.Keys(dictionary))...)
	}
	return keys
}

func sortedValues(dictionary map[string]any) []any {
	values := make([]any, 0, len(dictionary))
	for _, key := range slices.Sorted(maps.Keys(dictionary)) {
		values = append(values, dictionary[key])
	}
	return values
}
