package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"numhook/server/event"
)

// settings change members of an example before it is sent.
type settings struct {
	number string
	set    []string // member=value
}

func (s settings) any() bool { return s.number != "" || len(s.set) > 0 }

// apply is the example with the members that were asked for.
func (s settings) apply(example []byte) ([]byte, error) {
	if !s.any() {
		return example, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(example))
	decoder.UseNumber()
	var root map[string]any
	if err := decoder.Decode(&root); err != nil {
		return nil, fmt.Errorf("cannot read the example: %w", err)
	}
	if s.number != "" {
		if err := setMember(root, "phone_numbers", func(any) any { return []any{s.number} }); err != nil {
			return nil, err
		}
	}
	for _, one := range s.set {
		member, text, found := strings.Cut(one, "=")
		if !found || member == "" {
			return nil, misuse(fmt.Sprintf("cannot set %q: it is no member=value", one), "write --set cnam=ACME, or "+
				"--set payload.object.carrier_code=3457")
		}
		if err := setMember(root, member, func(old any) any { return valueFor(old, text) }); err != nil {
			return nil, err
		}
	}
	return json.Marshal(root)
}

// valueFor is the text as a value in the place of another: text where that is one, else JSON where it is some.
func valueFor(old any, text string) any {
	if _, isText := old.(string); !isText && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return text
}

// setMember sets the member of a path such as payload.object.cnam, or of a name that only one member has. The last step
// of a path may be new.
func setMember(root map[string]any, path string, value func(old any) any) error {
	steps := strings.Split(path, ".")
	if len(steps) == 1 {
		var found [][]string
		findMembers(root, nil, func(at []string) {
			if at[len(at)-1] == path {
				found = append(found, at)
			}
		})
		if len(found) != 1 {
			return noMember(root, path, len(found))
		}
		steps = found[0]
	}
	into := root
	for _, step := range steps[:len(steps)-1] {
		next, ok := into[step].(map[string]any)
		if !ok {
			return noMember(root, path, 0)
		}
		into = next
	}
	last := steps[len(steps)-1]
	into[last] = value(into[last])
	return nil
}

func noMember(root map[string]any, path string, found int) error {
	var all []string
	findMembers(root, nil, func(at []string) { all = append(all, strings.Join(at, ".")) })
	slices.Sort(all)
	text := "the example has no such member"
	if found > 1 {
		text = "the example has more than one of this name"
	}
	return &event.Error{Kind: event.Invalid, Text: fmt.Sprintf("cannot set %q: %s", path, text),
		Hint: "it has " + strings.Join(all, ", ")}
}

// findMembers visits every member of the objects in a value.
func findMembers(in map[string]any, at []string, visit func(at []string)) {
	for name, value := range in {
		here := append(slices.Clone(at), name)
		visit(here)
		if inner, ok := value.(map[string]any); ok {
			findMembers(inner, here, visit)
		}
	}
}
