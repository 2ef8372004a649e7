package main

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
	"reflect"
)

const (
	// An expression over one object costs some hundreds; a million is some tens of milliseconds.
	maxCost = 1_000_000
	// How many compiled expressions are kept.
	maxPrograms = 2048
	checkEvery  = 100
)

// evaluateRequest asks for the value of an expression. With declared variables (each one object) it is type-checked
// before and must give a boolean; without, names are only known when it runs, as for fields at an object's top level.
type evaluateRequest struct {
	ID         uint64         `json:"id"`
	Expression string         `json:"expression"`
	Declared   []string       `json:"declared"`
	Variables  map[string]any `json:"variables"`
	CheckOnly  bool           `json:"check_only"`
	DeadlineMS int64          `json:"deadline_ms"`
}

var programs = map[string]cel.Program{}

func handleEvaluate(body []byte) response {
	var head struct {
		Kind string `json:"kind"`
	}
	if json.Unmarshal(body, &head) == nil && head.Kind == "notifications" {
		return handleNotifications(body)
	}
	var request evaluateRequest
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	if err := decoder.Decode(&request); err != nil {
		return response{Problem: problemf("protocol", "the request cannot be read: %v", err)}
	}
	value, err := evaluate(request)
	if err != nil {
		return response{Problem: asProblem(err, "expression")}
	}
	return response{Value: value}
}

func evaluate(request evaluateRequest) (json.RawMessage, error) {
	program, err := compile(request.Expression, request.Declared)
	if err != nil || request.CheckOnly {
		return nil, err
	}
	deadline := time.Duration(request.DeadlineMS) * time.Millisecond
	if deadline <= 0 {
		deadline = time.Second
	}
	limited, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	variables, _ := numbers(request.Variables).(map[string]any)
	if variables == nil {
		variables = map[string]any{}
	}
	result, _, err := program.ContextEval(limited, variables)
	switch {
	case limited.Err() != nil:
		return nil, problemf("deadline", "the expression %q took longer than %s", request.Expression, deadline)
	case err != nil && strings.Contains(err.Error(), "actual cost limit exceeded"):
		return nil, problemf("cost", "the expression %q does more work than is allowed", request.Expression)
	case err != nil:
		return nil, problemf("expression", "the expression %q: %v", request.Expression, err)
	}
	native, err := result.ConvertToNative(reflect.TypeFor[*structpb.Value]())
	if err != nil {
		return nil, problemf("expression", "the value of %q cannot be written as JSON: %v", request.Expression, err)
	}
	encoded, err := protojson.Marshal(native.(*structpb.Value))
	if err != nil {
		return nil, problemf("expression", "the value of %q cannot be written as JSON: %v", request.Expression, err)
	}
	return encoded, nil
}

func compile(expression string, declared []string) (cel.Program, error) {
	key := strings.Join(declared, ",") + "\x00" + expression
	if program, ok := programs[key]; ok {
		return program, nil
	}
	options := []cel.EnvOption{
		cel.HomogeneousAggregateLiterals(),
		cel.EagerlyValidateDeclarations(true),
		cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true),
		cel.OptionalTypes(),
		ext.Strings(),
		ext.Sets(),
		ext.Encoders(),
	}
	for _, name := range declared {
		options = append(options, cel.Variable(name, cel.ObjectType("google.protobuf.Struct")))
	}
	environment, err := cel.NewEnv(options...)
	if err != nil {
		return nil, err
	}
	parse := environment.Parse
	if len(declared) > 0 {
		parse = environment.Compile
	}
	tree, issues := parse(expression)
	if issues != nil && issues.Err() != nil {
		return nil, problemf("expression", "the expression %q: %s", expression, issues.String())
	}
	if len(declared) > 0 && tree.OutputType() != cel.BoolType {
		return nil, problemf("expression", "the expression %q gives %s where true or false is needed",
			expression, tree.OutputType())
	}
	program, err := environment.Program(tree,
		cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost), cel.InterruptCheckFrequency(checkEvery))
	if err != nil {
		return nil, problemf("expression", "the expression %q: %v", expression, err)
	}
	if len(programs) >= maxPrograms {
		clear(programs)
	}
	programs[key] = program
	return program, nil
}

// numbers makes JSON's numbers what Kubernetes takes them for: whole ones integers, others floating.
func numbers(value any) any {
	switch typed := value.(type) {
	case json.Number:
		if whole, err := typed.Int64(); err == nil {
			return whole
		}
		broken, err := typed.Float64()
		if err != nil {
			return typed.String()
		}
		return broken
	case map[string]any:
		for key, inner := range typed {
			typed[key] = numbers(inner)
		}
	case []any:
		for index, inner := range typed {
			typed[index] = numbers(inner)
		}
	}
	return value
}
