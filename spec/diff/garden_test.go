package diff

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
)

// garden grows random documents: one event, whose body refers to three components, which may refer to each other and to
// themselves.
type garden struct{ *rand.Rand }

type tree = map[string]any

func newGarden(seed uint64) garden { return garden{rand.New(rand.NewPCG(seed, 7))} }

func (g garden) oneOf(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g garden, all ...T) T { return all[g.IntN(len(all))] }

var names = []string{"a", "b", "c", "d", "title", "type"}

func (g garden) document() tree {
	components := tree{}
	for _, name := range []string{"A", "B", "C"} {
		component := tree{"x-name": name} // so that no two are equal
		g.object(component, 2)
		components[name] = component
	}
	use := []any{tree{"$ref": "#/components/schemas/A"}, tree{"$ref": "#/components/schemas/B"},
		tree{"$ref": "#/components/schemas/C"}}
	schema := tree{"type": "object", "required": []any{"a"}, "properties": tree{"a": use[0], "b": use[1], "c": use[2],
		"d": g.schema(4)}}
	body := tree{"required": true, "content": tree{"application/json": tree{"schema": schema, "example": "{}"}}}
	return tree{
		"openapi":    "3.1.0",
		"webhooks":   tree{"e": tree{"post": tree{"requestBody": body}}},
		"components": tree{"schemas": components},
	}
}

// schema grows a schema of at most the given depth.
func (g garden) schema(depth int) any {
	s := tree{}
	if g.oneOf(6) {
		s["description"] = pick(g, "one", "two")
	}
	switch n := g.IntN(12); {
	case depth == 0 || n < 2:
		g.scalar(s)
	case n < 6:
		g.object(s, depth)
	case n < 8:
		s["type"], s["items"] = "array", g.schema(depth-1)
		g.maybe(s, "minItems", g.IntN(3), "maxItems", 1+g.IntN(3), "uniqueItems", true)
	case n == 8:
		s[pick(g, "anyOf", "oneOf")] = []any{g.schema(depth - 1), g.schema(depth - 1)}
	case n == 9:
		s["allOf"] = []any{g.schema(depth - 1), g.schema(depth - 1)}
	case n == 10:
		s["$ref"] = "#/components/schemas/" + pick(g, "A", "B", "C")
	default:
		s[pick(g, "not", "contains", "if", "propertyNames", "x-note", "$defs", "dependentSchemas")] = g.schema(depth - 1)
	}
	return s
}

func (g garden) object(s tree, depth int) {
	properties := tree{}
	for range 1 + g.IntN(3) {
		properties[pick(g, names...)] = g.schema(depth - 1)
	}
	s["type"], s["properties"] = "object", properties
	if g.oneOf(2) {
		s["required"] = []any{pick(g, names...)}
	}
	switch g.IntN(5) {
	case 0:
		s["additionalProperties"] = g.oneOf(2)
	case 1:
		s["additionalProperties"] = g.schema(depth - 1)
	}
	g.maybe(s, "minProperties", g.IntN(3), "maxProperties", 1+g.IntN(4))
}

func (g garden) scalar(s tree) {
	switch g.IntN(5) {
	case 0:
		s["type"] = "string"
		g.maybe(s, "minLength", g.IntN(3), "maxLength", 1+g.IntN(3), "pattern", pick(g, "^x", "y$"), "format", "uuid")
	case 1:
		s["type"] = pick(g, "integer", "number")
		g.maybe(s, "minimum", g.IntN(5), "exclusiveMinimum", g.IntN(5), "maximum", 3+g.IntN(5), "multipleOf",
			pick(g, 1, 2, 0.5), "format", "int32")
	case 2:
		s["enum"] = []any{"x", g.IntN(3), nil}
	case 3:
		s["type"] = []any{"string", pick(g, "null", "integer", "boolean")}
	}
}

// maybe sets some of the keywords.
func (g garden) maybe(s tree, keywords ...any) {
	for i := 0; i < len(keywords); i += 2 {
		if g.oneOf(3) {
			s[keywords[i].(string)] = keywords[i+1]
		}
	}
}

// clone copies a document, and makes all its numbers float64.
func clone[T any](v T) T {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var copied T
	if err := json.Unmarshal(raw, &copied); err != nil {
		panic(err)
	}
	return copied
}

// value grows a value that has a good chance to fit the schema.
func (g garden) value(document tree, schema any, depth int) any {
	s, ok := schema.(tree)
	if !ok || depth == 0 || g.oneOf(25) {
		return pick[any](g, nil, true, 1.0, 2.5, "x", "xy", []any{}, tree{})
	}
	if ref, ok := s["$ref"].(string); ok {
		return g.value(document, document["components"].(tree)["schemas"].(tree)[ref[len(ref)-1:]], depth-1)
	}
	for _, keyword := range []string{"anyOf", "oneOf", "allOf"} {
		if all, ok := s[keyword].([]any); ok && len(all) > 0 {
			return g.value(document, pick(g, all...), depth-1)
		}
	}
	if all, ok := s["enum"].([]any); ok && len(all) > 0 {
		return pick(g, all...)
	}
	typ, _ := s["type"].(string)
	if all, ok := s["type"].([]any); ok && len(all) > 0 {
		typ, _ = pick(g, all...).(string)
	}
	switch typ {
	case "object":
		return g.members(document, s, depth)
	case "array":
		list := []any{}
		for range g.IntN(4) {
			list = append(list, g.value(document, s["items"], depth-1))
		}
		return list
	case "string":
		return pick(g, "", "x", "xy", "xzy", "xyxy", "y")
	case "integer":
		return float64(g.IntN(10) - 1)
	case "number":
		return float64(g.IntN(20))/2 - 1
	case "boolean":
		return true
	}
	return pick[any](g, nil, true, 1.0, 2.5, "x", "xy", []any{}, tree{}, tree{"a": 1.0})
}

func (g garden) members(document, s tree, depth int) any {
	made := tree{}
	properties, _ := s["properties"].(tree)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if !g.oneOf(3) {
			made[name] = g.value(document, properties[name], depth-1)
		}
	}
	required, _ := s["required"].([]any)
	for _, name := range required {
		if name, ok := name.(string); ok && made[name] == nil {
			made[name] = g.value(document, properties[name], depth-1)
		}
	}
	if g.oneOf(3) {
		if name := pick(g, names...); made[name] == nil {
			made[name] = g.value(document, s["additionalProperties"], depth-1)
		}
	}
	return made
}
