package compose_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"numhook/spec"
	"numhook/spec/compose"
	"numhook/spec/eventsdoc"
)

// oddities are what senders write that JSON Schema gives no meaning to. Each is the member that stands beside the
// properties of a body's payload, or, with two lines, one of the properties besides.
var oddities = [][2]string{
	{`"require": ["object"]`},
	{`"object": {"type": "object", "description": "Beside the properties."}`},
	{``, `"odd": {"$ref": "#/paths/e.plain/post/requestBody/content/application~1json/schema/properties/event_ts"}`},
	{``, `"odd": {"type": "long"}`},
	{``, `"odd": {"type": "enum, a|b"}`},
	{``, `"odd": {"type": ["string", "text"]}`},
	{``, `"odd": {"minimum": "1"}`},
	{``, `"odd": {"maxLength": "10"}`},
	{``, `"odd": {"maxItems": 1.5}`},
	{``, `"odd": {"minLength": -1}`},
	{``, `"odd": "object"`},
	{``, `"odd": ["string"]`},
	{`"required": ["object", "object"]`},
	{`"required": true`},
	{`"required": "object"`},
	{``, `"odd": {"additionalItems": false}`},
	{``, `"odd": {"items": [{"type": "string"}], "additionalItems": false}`},
	{``, `"odd": {"type": "array", "items": "string"}`},
	{`"components": {"schemas": {"A": {"type": "string"}}}`},
	{`"deprecated": "true"`},
	{``, `"odd": {"exclusiveMinimum": true, "minimum": 1}`},
	{`"description": ["a", "list"]`},
	{`"title": 5`},
	{`"property": {"object": {"type": "object"}}`},
	{``, `"odd": {"pattern": "^(?!x)"}`},
	{``, `"odd": {"pattern": "("}`},
	{``, `"odd": {"enum": "a"}`},
	{``, `"odd": {"enum": []}`},
	{``, `"odd": {"$ref": "#/components/schemas/Nowhere"}`},
	{``, `"odd": {"$ref": "other.json#/A"}`},
	{``, `"odd": {"not": "string"}`},
	{``, `"odd": {"oneOf": [{"type": "string"}, "number"]}`},
	{``, `"odd": {"anyOf": {"type": "string"}}`},
	{``, `"odd": {"format": 64}`},
	{``, `"odd": {"nullable": "true"}`},
	{``, `"odd": {"uniqueItems": "true"}`},
	{``, `"odd": {"readOnly": "yes"}`},
	{``, `"odd": {"default": 1, "examples": "one"}`},
	{``, `"odd": {"discriminator": "kind"}`},
	{`"additionalProperties": "false"`},
	{`"patternProperties": {"(": {"type": "string"}}`},
	{`"dependentRequired": {"odd": "object"}`},
	{`"maximum": 1e999`},
}

// oddDocument is a document of thirty events. The oddities stand one in each event, on a line of their own that carries
// a mark; the last events have none, and neither has the one that some oddities refer to.
func oddDocument(t *testing.T, some [][2]string) (document []byte, lines []int) {
	t.Helper()
	var b strings.Builder
	line := 2
	b.WriteString(`{"openapi": "3.1.0", "info": {"title": "Odd", "version": "1"}, "webhooks": {` + "\n")
	for i := range max(30, len(some)+1) {
		name, odd := "e.plain", [2]string{}
		if i > 0 {
			name = fmt.Sprintf("e.n%d", i)
		}
		if i > 0 && i <= len(some) {
			odd = some[i-1]
		}
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, `%q: {"post": {"requestBody": {"required": true, "content": {"application/json": {`+
			`"example": "{\"event\": \"e\", \"event_ts\": 1, \"payload\": {\"object\": {\"a\": \"x\"}}}", `+
			`"schema": {"type": "object", "required": ["event", "payload"], "properties": {"event": {"type": "string"}, `+
			`"event_ts": {"type": "integer", "format": "int64"}, "payload": {"type": "object",`+"\n", name)
		if odd[0] != "" {
			fmt.Fprintf(&b, "%s,\n", odd[0])
		} else {
			b.WriteString("\"x-none\": 1,\n")
		}
		b.WriteString(`"properties": {"object": {"type": "object", "properties": {"a": {"type": "string"}}}` + "\n")
		if odd[1] != "" {
			b.WriteString(", " + odd[1] + "\n")
		} else {
			b.WriteString("\n")
		}
		b.WriteString(`}}}}}}}, "responses": {"200": {}}}}`)
		if odd[0] != "" {
			lines = append(lines, line+1)
		} else if odd[1] != "" {
			lines = append(lines, line+3)
		}
		line += 5
	}
	b.WriteString("\n}}\n")
	return []byte(b.String()), lines
}

// told are the lines that warnings stand at.
func told(warnings []eventsdoc.Warning) map[int]bool {
	lines := map[int]bool{}
	for _, w := range warnings {
		lines[w.Line] = true
	}
	return lines
}

// holdOddities composes a document with the oddities, generates code of it, and holds the examples against it.
func holdOddities(t *testing.T, some [][2]string) []byte {
	t.Helper()
	document, lines := oddDocument(t, some)
	result, err := compose.Compose(document, spec.Overlay())
	if err != nil {
		t.Fatal(err)
	}
	found := told(result.Warnings)
	if !slices.Equal(slices.Sorted(maps.Keys(found)), lines) {
		t.Errorf("the warnings stand at the lines %v, want %v:\n%v", slices.Sorted(maps.Keys(found)), lines, result.Warnings)
	}
	made := decode(t, result.JSON)
	var example any
	if err := json.Unmarshal([]byte(`{"event":"e","event_ts":1,"payload":{"object":{"a":"x"}}}`), &example); err != nil {
		t.Fatal(err)
	}
	bad := map[string]any{"event": "e", "payload": map[string]any{"object": map[string]any{"a": 1.5}}}
	for i := range max(30, len(some)+1) {
		name := "/e.plain"
		if i > 0 {
			name = fmt.Sprintf("/e.n%d", i)
		}
		schema := compile(t, made, "paths", name)
		if err := schema.Validate(example); err != nil {
			t.Errorf("%s refuses its example: %v", name, err)
		}
		if schema.Validate(bad) == nil {
			t.Errorf("%s takes what it refused before something beside it was odd", name)
		}
	}
	if testing.Short() {
		return nil
	}
	return generate(t, result.JSON)
}

func TestOddities(t *testing.T) {
	packages := map[string]map[string][]byte{"all": {"receiver.gen.go": holdOddities(t, oddities)}}
	for i, odd := range oddities {
		t.Run(strings.TrimSpace(odd[0]+odd[1]), func(t *testing.T) {
			code := holdOddities(t, [][2]string{odd})
			packages[fmt.Sprintf("alone%d", i)] = map[string][]byte{"receiver.gen.go": code}
		})
	}
	if testing.Short() {
		return
	}
	if output, err := build(t, packages); err != nil {
		t.Errorf("generated code does not compile: %v\n%s", err, output)
	}
}

// The same document in the form with webhooks, and in the one with paths without a slash and methods in capitals.
func TestBothFormsComposeAlike(t *testing.T) {
	for name, document := range corpus(t) {
		if bytes.Contains(document, []byte(`"paths": {`)) {
			continue // its webhooks refer into paths of its own
		}
		odd := otherForm(t, document)
		first, second := composed(t, document), composed(t, odd)
		if !bytes.Equal(first, second) {
			t.Errorf("%s: the two forms compose to two documents", name)
		}
	}
}

// otherForm writes the events as paths, in their order.
func otherForm(t *testing.T, document []byte) []byte {
	t.Helper()
	text := bytes.Replace(document, []byte(`"webhooks"`), []byte(`"paths"`), 1)
	lines := bytes.Split(text, []byte("\n"))
	for i, line := range lines {
		if trimmed := bytes.TrimLeft(line, " "); len(line)-len(trimmed) <= 6 && bytes.HasPrefix(trimmed, []byte(`"post": `)) {
			lines[i] = bytes.Replace(line, []byte(`"post"`), []byte(`"POST"`), 1)
		}
	}
	return bytes.Join(lines, []byte("\n"))
}

// wrong are values that the keywords of one kind cannot have.
var wrong = map[string][]string{
	"text":    {`5`, `true`, `null`, `[]`, `{}`, `["a"]`},
	"bool":    {`"true"`, `1`, `null`, `{}`, `[]`},
	"number":  {`"1"`, `true`, `null`, `[]`, `{}`, `[1]`},
	"count":   {`"1"`, `true`, `null`, `-1`, `0.5`, `{}`},
	"names":   {`"a"`, `true`, `null`, `5`, `{}`},
	"list":    {`"a"`, `true`, `null`, `5`, `{}`, `[]`},
	"schema":  {`"object"`, `null`, `5`, `[]`, `["string"]`},
	"object":  {`"a"`, `true`, `null`, `5`, `[]`},
	"type":    {`"long"`, `"enum, a|b"`, `5`, `null`, `{}`, `[]`, `["string", "text"]`, `true`},
	"pattern": {`"("`, `"^(?!a)"`, `"(?<=a)b"`, `5`, `null`, `{}`},
}

var kindOf = map[string]string{
	"title": "text", "description": "text", "format": "text", "$ref": "text", "$comment": "text",
	"deprecated": "bool", "readOnly": "bool", "writeOnly": "bool", "uniqueItems": "bool",
	"minimum": "number", "maximum": "number", "exclusiveMinimum": "number", "exclusiveMaximum": "number",
	"multipleOf": "number", "minLength": "count", "maxLength": "count", "minItems": "count", "maxItems": "count",
	"minProperties": "count", "maxProperties": "count", "minContains": "count", "maxContains": "count",
	"required": "names", "enum": "list", "allOf": "list", "anyOf": "list", "oneOf": "list", "prefixItems": "list",
	"properties": "object", "patternProperties": "object", "dependentRequired": "object", "dependentSchemas": "object",
	"items": "schema", "additionalProperties": "schema", "propertyNames": "schema", "not": "schema", "if": "schema",
	"then": "schema", "else": "schema", "contains": "schema", "unevaluatedProperties": "schema",
	"unevaluatedItems": "schema", "type": "type", "pattern": "pattern",
}

// keywordsOf collects the keywords of a schema, and of the schemas in it, as the objects that hold them.
func keywordsOf(schema any, found *[]place) {
	object, _ := schema.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if kindOf[name] != "" {
			*found = append(*found, place{object, name})
		}
		switch name {
		case "properties", "patternProperties", "dependentSchemas", "$defs", "definitions":
			members, _ := object[name].(map[string]any)
			for _, member := range slices.Sorted(maps.Keys(members)) {
				keywordsOf(members[member], found)
			}
		case "allOf", "anyOf", "oneOf", "prefixItems":
			list, _ := object[name].([]any)
			for _, item := range list {
				keywordsOf(item, found)
			}
		default:
			if kindOf[name] == "schema" {
				keywordsOf(object[name], found)
			}
		}
	}
}

type place struct {
	object  map[string]any
	keyword string
}

// TestRandomOddities puts 10,000 values of a wrong kind at random keywords of good documents. Each is told of at its
// line, and whatever the good document accepts is still accepted.
func TestRandomOddities(t *testing.T) {
	rounds := 10_000
	if testing.Short() {
		rounds = 400
	}
	documents := corpus(t)
	delete(documents, "odd")
	delete(documents, "responses")
	for name, document := range documents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOddOnes(t, document)
			for range rounds / len(documents) / atOnce {
				o.round(t)
			}
		})
	}
}

// oddOnes makes odd documents of a good one.
type oddOnes struct {
	source map[string]any
	random *rand.Rand
	places []place
	bodies map[string][]any // of each event, those that the good document accepts
}

func newOddOnes(t *testing.T, document []byte) *oddOnes {
	o := &oddOnes{source: decode(t, document), random: rand.New(rand.NewPCG(7, uint64(len(document)))),
		bodies: map[string][]any{}}
	hooks := at(t, o.source, "webhooks").(map[string]any)
	for _, event := range slices.Sorted(maps.Keys(hooks)) {
		schema := pointed(o.source, "#"+where("webhooks", event))
		if schema == nil {
			continue
		}
		keywordsOf(schema, &o.places)
		was := compile(t, o.source, "webhooks", event)
		maker := &maker{doc: o.source, rand: o.random}
		for range 30 {
			if body := maker.value(schema, "", 0); was != nil && was.Validate(body) == nil {
				o.bodies[event] = append(o.bodies[event], body)
			}
		}
	}
	if shared, ok := pointed(o.source, "#/components/schemas").(map[string]any); ok {
		for _, name := range slices.Sorted(maps.Keys(shared)) {
			keywordsOf(shared[name], &o.places)
		}
	}
	return o
}

// odd is a keyword with a value that it cannot have.
type odd struct {
	place
	value string
}

func (o *oddOnes) pick() odd {
	p := o.places[o.random.IntN(len(o.places))]
	values := wrong[kindOf[p.keyword]]
	return odd{p, values[o.random.IntN(len(values))]}
}

// round composes the document with the values of some keywords replaced at once.
func (o *oddOnes) round(t *testing.T) {
	var some []odd
	for range atOnce {
		some = append(some, o.pick())
	}
	for i := range o.hold(t, some) {
		// what it stands in may say nothing as a whole; alone it is told of
		if alone := o.hold(t, some[i:i+1]); len(alone) > 0 {
			t.Errorf("%s: %s on line %d is not told of", some[i].keyword, some[i].value, alone[0])
		}
	}
}

// atOnce is how many oddities are in a document.
const atOnce = 8

// hold composes the document with some oddities and holds bodies against it. It gives the lines of those that no
// warning tells of.
func (o *oddOnes) hold(t *testing.T, some []odd) (untold map[int]int) {
	text, lines := o.write(t, some)
	result, err := compose.Compose(text, spec.Overlay())
	if err != nil {
		t.Fatalf("%v stopped the document: %v", some, err)
	}
	untold = map[int]int{}
	found := told(result.Warnings)
	for i, line := range lines {
		if !found[line] {
			untold[i] = line
		}
	}
	made := decode(t, result.JSON)
	for _, event := range slices.Sorted(maps.Keys(o.bodies)) {
		schema := compile(t, made, "paths", "/"+event)
		for _, body := range o.bodies[event] {
			if err := schema.Validate(body); err != nil {
				t.Fatalf("%v makes %s refuse %s: %v", some, event, mustJSON(t, body), err)
			}
		}
	}
	return untold
}

// write gives the document with the oddities, and the line of each that stands in it: one may lie within another.
func (o *oddOnes) write(t *testing.T, some []odd) (text []byte, lines map[int]int) {
	mark := func(i int) string { return fmt.Sprintf("here is the odd one %d.", i) }
	good := make([]any, len(some))
	for i, one := range some {
		good[i] = one.object[one.keyword]
		one.object[one.keyword] = mark(i)
	}
	text, err := json.MarshalIndent(o.source, "", " ")
	for i, one := range slices.Backward(some) {
		one.object[one.keyword] = good[i]
	}
	if err != nil {
		t.Fatal(err)
	}
	lines = map[int]int{}
	for i, one := range some {
		before, after, found := bytes.Cut(text, []byte(`"`+mark(i)+`"`))
		if found {
			lines[i] = 1 + bytes.Count(before, []byte("\n"))
			text = slices.Concat(before, []byte(one.value), after)
		}
	}
	return text, lines
}
