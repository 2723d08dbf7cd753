package compose_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The composed document must accept whatever the sender's accepts. Both are held, by an independent implementation of
// JSON Schema, against bodies that are made from the sender's schemas: right, wrong, closed, open, with members that no
// schema knows.
func TestWhatTheSenderAcceptsIsAccepted(t *testing.T) {
	const bodies = 400 // for each event
	for name, document := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			source, result := decode(t, document), decode(t, composed(t, document))
			for _, event := range slices.Sorted(maps.Keys(at(t, source, "webhooks").(map[string]any))) {
				was := compile(t, source, "webhooks", event)
				if was == nil {
					continue
				}
				is := compile(t, result, "paths", "/"+event)
				maker := &maker{doc: source, rand: rand.New(rand.NewPCG(1, uint64(len(event))))}
				schema := pointed(source, "#"+where("webhooks", event))
				accepted := 0
				for range bodies {
					body := maker.value(schema, "", 0)
					if was.Validate(body) != nil {
						continue
					}
					accepted++
					if err := is.Validate(body); err != nil {
						t.Fatalf("%s: the sender's document accepts %s, the composed one does not: %v", event, mustJSON(t, body), err)
					}
				}
				if accepted < bodies/20 {
					t.Errorf("%s: of %d bodies only %d are good; the test shows too little", event, bodies, accepted)
				}
			}
		})
	}
}

// where is the pointer of an event's body schema.
func where(section, name string) string {
	return fmt.Sprintf("/%s/%s/post/requestBody/content/application~1json/schema", section,
		strings.ReplaceAll(name, "/", "~1"))
}

// compile gives nil for an event whose body has no schema that JSON Schema knows.
func compile(t *testing.T, doc map[string]any, section, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("file:///doc.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("file:///doc.json#" + where(section, name))
	if err != nil {
		switch name {
		case "q.none", "q.empty", "q.optional", "q.no_schema", "ref.request", "ref.item", "odd.unusable":
			return nil // no schema there, or behind a reference that is not a schema's, or not one of JSON Schema
		}
		t.Fatalf("%s: %v", name, err)
	}
	return schema
}

// pointed follows a reference within a decoded document.
func pointed(doc any, ref string) any {
	for token := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		object, _ := doc.(map[string]any)
		doc = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(token)]
	}
	return doc
}

// maker makes JSON values that fit a schema more often than not.
type maker struct {
	doc  map[string]any
	rand *rand.Rand
}

// often is true but for one time in n.
func (m *maker) often(n int) bool { return m.rand.IntN(n) > 0 }

func (m *maker) value(schema any, member string, depth int) any {
	object, ok := schema.(map[string]any)
	if ref, found := object["$ref"].(string); found {
		return m.value(pointed(m.doc, ref), member, depth+1)
	}
	_, said := object["items"]
	// the one place where a repair asks for more, and says so
	repaired := member == "phone_numbers" && !said && m.kind(object) == "array"
	if !ok || depth > 12 || !repaired && !m.often(60) {
		return m.anything()
	}
	if v, found := object["const"]; found {
		return v
	}
	if values, found := object["enum"].([]any); found {
		return values[m.rand.IntN(len(values))]
	}
	value := m.plain(object, member, depth)
	for _, keyword := range []string{"oneOf", "anyOf"} {
		if branches, found := object[keyword].([]any); found {
			value = merge(value, m.value(branches[m.rand.IntN(len(branches))], member, depth+1))
		}
	}
	parts, _ := object["allOf"].([]any)
	for _, part := range parts {
		value = merge(value, m.value(part, member, depth+1))
	}
	return value
}

// merge puts the members of two objects together; of other values the second one stays.
func merge(a, b any) any {
	first, ok := a.(map[string]any)
	second, both := b.(map[string]any)
	if !ok || !both {
		return b
	}
	maps.Copy(first, second)
	return first
}

func (m *maker) plain(schema map[string]any, member string, depth int) any {
	switch m.kind(schema) {
	case "object":
		return m.object(schema, depth)
	case "array":
		items, said := schema["items"]
		if !said && member == "phone_numbers" {
			return []any{"+12025550100", "2025550100", ""}[:m.rand.IntN(4)]
		}
		prefix, _ := schema["prefixItems"].([]any)
		list := []any{}
		for i := range m.rand.IntN(4) {
			if i < len(prefix) {
				list = append(list, m.value(prefix[i], "", depth+1))
			} else if items != false {
				list = append(list, m.value(items, "", depth+1))
			}
		}
		return list
	case "string":
		return []string{"", "a", "aaa", "1", "2026-01-02", "😀"}[m.rand.IntN(6)]
	case "integer":
		return float64(m.rand.IntN(5))
	case "number":
		return 0.5
	case "boolean":
		return m.often(2)
	case "null":
		return nil
	default:
		return m.anything()
	}
}

// kind is one of the types that a schema names.
func (m *maker) kind(schema map[string]any) string {
	switch t := schema["type"].(type) {
	case string:
		return t
	case []any:
		return t[m.rand.IntN(len(t))].(string)
	}
	if _, ok := schema["properties"]; ok {
		return "object"
	}
	return ""
}

func (m *maker) object(schema map[string]any, depth int) any {
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	value := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if properties[name] == false && m.often(20) {
			continue
		}
		if slices.Contains(required, any(name)) && m.often(60) || m.often(3) {
			value[name] = m.value(properties[name], name, depth+1)
		}
	}
	if !m.often(8) {
		value["unheard_of"] = m.anything()
	}
	if of, ok := schema["additionalProperties"].(map[string]any); ok {
		value["further"] = m.value(of, "", depth+1)
	}
	return value
}

func (m *maker) anything() any {
	return []any{nil, true, 1.5, "text", []any{"x", nil},
		map[string]any{"b": []any{}, "further": map[string]any{}}}[m.rand.IntN(6)]
}
