package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
)

const (
	// One field of a message, and all fields of one template. Chat services take some tens of KiB at most.
	maxFieldBytes    = 256 << 10
	maxTemplateBytes = 1 << 20
	maxConditions    = 2048
	// Values that expressions may make, and the size of an expression in nodes of its tree.
	maxExprMemory = 1_000_000
	maxExprNodes  = 10_000
)

var errTooLarge = errors.New("the text grows too large")
var errTooLate = errors.New("it takes too long")

// notificationRequest asks for all conditions of an object, or all templates that its notifications need, at once.
// The variables are those that Argo CD's notification engine gives: the object, context, secrets.
type notificationRequest struct {
	ID         uint64            `json:"id"`
	Variables  map[string]any    `json:"variables"`
	Commits    map[string]commit `json:"commits"`
	Details    *appDetails       `json:"details"`
	Conditions []condition       `json:"conditions"`
	Templates  []messageTemplate `json:"templates"`
	DeadlineMS int64             `json:"deadline_ms"`
}

type condition struct {
	When    string `json:"when"`
	OncePer string `json:"once_per"`
}

type messageTemplate struct {
	Fields      map[string]string `json:"fields"`
	ServiceType string            `json:"service_type"`
	Recipient   string            `json:"recipient"`
}

// conditionAnswer says whether a condition holds. Once is the value of oncePer as text, where it holds.
type conditionAnswer struct {
	Holds   bool     `json:"holds"`
	Once    string   `json:"once,omitempty"`
	Problem *problem `json:"problem,omitempty"`
}

type templateAnswer struct {
	Fields  map[string]string `json:"fields,omitempty"`
	Problem *problem          `json:"problem,omitempty"`
}

type notificationAnswer struct {
	Conditions []conditionAnswer `json:"conditions"`
	Templates  []templateAnswer  `json:"templates"`
}

func handleNotifications(body []byte) response {
	var request notificationRequest
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&request); err != nil {
		return response{Problem: problemf("protocol", "the request cannot be read: %v", err)}
	}
	variables, _ := numbers(request.Variables).(map[string]any)
	if variables == nil {
		variables = map[string]any{}
	}
	maps.Copy(variables, notificationFunctions(request.Commits, request.Details))
	deadline := time.Now().Add(time.Duration(request.DeadlineMS) * time.Millisecond)
	answer := notificationAnswer{Conditions: []conditionAnswer{}, Templates: []templateAnswer{}}
	for _, each := range request.Conditions {
		answer.Conditions = append(answer.Conditions, holds(each, variables))
	}
	for _, each := range request.Templates {
		answer.Templates = append(answer.Templates, renderMessage(each, variables, deadline))
	}
	return response{Value: mustEncode(answer)}
}

var conditions = map[string]*vm.Program{}

func compileCondition(text string) (*vm.Program, error) {
	if program, ok := conditions[text]; ok {
		return program, nil
	}
	program, err := expr.Compile(text, expr.MaxNodes(maxExprNodes))
	if err != nil {
		return nil, problemf("expression", "the expression %q: %s", text, shorten(err.Error()))
	}
	if len(conditions) >= maxConditions {
		clear(conditions)
	}
	conditions[text] = program
	return program, nil
}

func runCondition(text string, variables map[string]any) (any, error) {
	program, err := compileCondition(text)
	if err != nil {
		return nil, err
	}
	machine := vm.VM{MemoryBudget: maxExprMemory}
	value, err := machine.Run(program, variables)
	if err == nil {
		return value, nil
	}
	code := "expression"
	if strings.Contains(err.Error(), "from <nil>") {
		// The object has no such field (yet), which is no fault of the expression.
		code = "absent"
	}
	return nil, problemf(code, "the expression %q: %s", text, shorten(err.Error()))
}

func holds(asked condition, variables map[string]any) conditionAnswer {
	if asked.When == "" {
		return conditionAnswer{}
	}
	value, err := runCondition(asked.When, variables)
	if err != nil {
		return conditionAnswer{Problem: asProblem(err, "expression")}
	}
	yes, ok := value.(bool)
	if !ok {
		return conditionAnswer{Problem: problemf("expression",
			"the expression %q gives %T where true or false is needed", asked.When, value)}
	}
	answer := conditionAnswer{Holds: yes}
	if !yes || asked.OncePer == "" {
		return answer
	}
	once, err := runCondition(asked.OncePer, variables)
	if err != nil {
		answer.Problem = asProblem(err, "expression")
		return answer
	}
	var text boundedText
	if _, err := fmt.Fprintf(&text, "%v", once); err != nil {
		answer.Problem = problemf("expression", "the value of %q: %v", asked.OncePer, err)
		return answer
	}
	answer.Once = text.String()
	return answer
}

func renderMessage(asked messageTemplate, variables map[string]any, deadline time.Time) templateAnswer {
	given := maps.Clone(variables)
	given["serviceType"] = asked.ServiceType
	given["recipient"] = asked.Recipient
	fields, total := map[string]string{}, 0
	for _, name := range slices.Sorted(maps.Keys(asked.Fields)) {
		text, err := renderField(asked.Fields[name], given, deadline)
		if err == nil {
			if total += len(text); total > maxTemplateBytes {
				err = errTooLarge
			}
		}
		if err != nil {
			code := "template"
			if errors.Is(err, errTooLate) {
				code = "deadline"
			}
			return templateAnswer{Problem: problemf(code, "%s: %s", name, shorten(err.Error()))}
		}
		fields[name] = text
	}
	return templateAnswer{Fields: fields}
}

func renderField(text string, variables map[string]any, deadline time.Time) (string, error) {
	parsed, err := template.New("template").Funcs(messageFunctions).Parse(text)
	if err != nil {
		return "", err
	}
	written := boundedText{deadline: deadline}
	err = parsed.Execute(&written, variables)
	return written.String(), err
}

// messageFunctions are sprig's without those that look at this process' surroundings.
var messageFunctions = func() template.FuncMap {
	functions := sprig.TxtFuncMap()
	for _, name := range []string{"env", "expandenv", "getHostByName"} {
		delete(functions, name)
	}
	return functions
}()

// boundedText takes what a template writes, up to a size and until a moment.
type boundedText struct {
	strings.Builder
	deadline time.Time
}

func (b *boundedText) Write(part []byte) (int, error) {
	if b.Len()+len(part) > maxFieldBytes {
		return 0, errTooLarge
	}
	if !b.deadline.IsZero() && time.Now().After(b.deadline) {
		return 0, errTooLate
	}
	return b.Builder.Write(part)
}
