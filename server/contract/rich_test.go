package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// oracle compiles the schema of a document's operation with the JSON Schema compiler that kin-openapi uses, with the
// formats that kin-openapi enforces; int32 and int64 exactly, as they are meant.
func oracle(t *testing.T, schema, components string) *jsonschema.Schema {
	t.Helper()
	if components == "" {
		components = "{}"
	}
	resource, err := jsonschema.UnmarshalJSON(strings.NewReader(`{"schema":` + schema + `,"components":{"schemas":` +
		components + `}}`))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	for _, name := range []string{"email", "uuid", "uri", "regex", "date", "date-time", "byte"} { // words, as for us
		compiler.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(any) error { return nil }})
	}
	for name, bits := range map[string]uint{"int32": 31, "int64": 63} {
		compiler.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			n, ok := v.(json.Number)
			if !ok {
				return nil
			}
			r := rat(t, string(n))
			if r.IsInt() && (!r.Num().IsInt64() || r.Num().Int64()>>bits != r.Num().Int64()>>63) {
				return fmt.Errorf("out of range")
			}
			return nil
		}})
	}
	if err := compiler.AddResource("doc.json", resource); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("doc.json#/schema")
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	return compiled
}

// compareVerdicts holds one strict body against both.
func compareVerdicts(t *testing.T, about string, c *Contract, o *jsonschema.Schema, raw []byte) (accepted bool) {
	t.Helper()
	d := Parse(raw)
	if !d.Strict() {
		return false
	}
	decoder := json.NewDecoder(bytes.NewReader(d.JSON()))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%s with %q: %v", about, raw, err)
	}
	theirs := o.Validate(v)
	ours := c.Check("thing", d, 0)
	if (theirs == nil) != (len(ours.Violations) == 0) {
		t.Errorf("%s with %q: ours %q, theirs %v", about, raw, all(ours), theirs)
	}
	if clean := c.Clean("thing", d); clean != (len(ours.Violations)+len(ours.Drift)+len(ours.Lint) == 0) {
		t.Errorf("%s with %q: clean is %v, and Check finds %q", about, raw, clean, all(ours))
	}
	return theirs == nil
}

// TestRich holds the check against the JSON Schema compiler for documents with more keywords than the product's own,
// over mutated bodies.
func TestRich(t *testing.T) {
	const seed = 20250219
	count := 5_000
	if testing.Short() || underRace {
		count = 500
	}
	files, err := filepath.Glob("testdata/rich/*.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			r := readRich(t, file)
			c, o := r.contract(t), oracle(t, string(r.Schema), string(r.Components))
			m := r.mutator(0)
			for _, body := range r.Bodies {
				if !compareVerdicts(t, file, c, o, body) {
					t.Errorf("%s is not valid", body)
				}
			}
			accepted := 0
			for range count {
				if compareVerdicts(t, file, c, o, m.mutate(r.trees[m.IntN(len(r.trees))])) {
					accepted++
				}
			}
			t.Logf("seed %d: %d of %d accepted by both", seed, accepted, count)
			if accepted < count/20 || accepted > count*19/20 {
				t.Errorf("the bodies are lopsided")
			}
		})
	}
}

// maker makes up schemas and values that have something to do with each other.
type maker struct{ *rand.Rand }

func (m maker) pick(list ...string) string { return list[m.IntN(len(list))] }

func (m maker) value(depth int) string {
	switch n := m.IntN(10); {
	case n < 2 && depth > 0:
		var parts []string
		for range m.IntN(4) {
			parts = append(parts, m.value(depth-1))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case n < 5 && depth > 0:
		var parts []string
		for _, name := range []string{"a", "b", "c", "x-1"} {
			if m.IntN(2) == 0 {
				parts = append(parts, fmt.Sprintf("%q:%s", name, m.value(depth-1)))
			}
		}
		return "{" + strings.Join(parts, ",") + "}"
	case n < 7:
		return m.pick("0", "1", "1.0", "-1", "2.5", "25e-1", "3", "10", "1e1", "9007199254740993", "2147483648", "1e300",
			"1e-7")
	case n < 9:
		return m.pick(`""`, `"a"`, `"ab"`, `"abc"`, `"\u0061"`, `"😀"`, `"2025-02-19"`, `"b"`)
	}
	return m.pick("null", "true", "false")
}

// constant is a value that kin-openapi's loader keeps as it is: not null, and with no more digits than a double has.
func (m maker) constant(depth int) string {
	if value := m.value(depth); value != "null" && !strings.Contains(value, "9007199254740993") {
		return value
	}
	return "0"
}

func (m maker) schema(depth int) string {
	if m.IntN(12) == 0 {
		return m.pick("true", "false", "{}")
	}
	var parts []string
	for range 1 + m.IntN(3) {
		parts = append(parts, m.keyword(depth))
	}
	seen := map[string]bool{}
	kept := parts[:0]
	for _, part := range parts {
		name, _, _ := strings.Cut(part, ":")
		closed := strings.HasSuffix(part, closing) && name == `"properties"`
		if seen[name] || closed && seen[`"additionalProperties"`] {
			continue // the loader takes no keyword twice
		}
		seen[name] = true
		if closed {
			seen[`"additionalProperties"`] = true
		}
		kept = append(kept, part)
	}
	return "{" + strings.Join(kept, ",") + "}"
}

// closing is what makes a closed object of properties.
const closing = `},"additionalProperties":false`

func (m maker) keyword(depth int) string {
	flat := []func() string{
		func() string {
			return `"type":"` + m.pick("null", "boolean", "integer", "number", "string", "array", "object") + `"`
		},
		func() string {
			return `"type":["` + m.pick("null", "boolean", "integer") + `","` + m.pick("string", "array", "object", "number") +
				`"]`
		},
		func() string { return `"enum":[` + m.constant(1) + `,` + m.constant(1) + `,null]` },
		func() string { return `"const":` + m.constant(2) },
		func() string { return `"minimum":` + m.pick("0", "1", "2.5", "-1") },
		func() string { return `"maximum":` + m.pick("0", "1", "2.5", "10") },
		func() string { return `"exclusiveMinimum":` + m.pick("0", "1", "2.5") },
		func() string { return `"exclusiveMaximum":` + m.pick("1", "2.5", "1e300") },
		func() string { return `"multipleOf":` + m.pick("1", "0.5", "2.5", "3", "1e-7", "1e7") },
		func() string { return `"minLength":` + m.pick("1", "2") },
		func() string { return `"maxLength":` + m.pick("0", "1", "2") },
		func() string { return `"pattern":"` + m.pick("^a", "b$", "^.$", "^$", `^[a-c]+$`) + `"` },
		func() string {
			return `"format":"` + m.pick("int32", "int64", "email") + `"`
		},
		func() string { return `"minItems":` + m.pick("1", "2") },
		func() string { return `"maxItems":` + m.pick("0", "1", "2") },
		func() string { return `"uniqueItems":` + m.pick("true", "false") },
		func() string { return `"required":[` + m.pick(`"a"`, `"a","b"`, `"c"`, ``) + `]` },
		func() string { return `"minProperties":` + m.pick("1", "2") },
		func() string { return `"maxProperties":` + m.pick("0", "1", "2") },
		func() string { return `"dependentRequired":{"a":["b"],"c":[]}` },
	}
	deep := []func() string{
		func() string { return `"properties":{"a":` + m.schema(depth-1) + `,"b":` + m.schema(depth-1) + `}` },
		func() string { return `"properties":{"a":` + m.schema(depth-1) + closing },
		func() string { return `"additionalProperties":` + m.schema(depth-1) },
		func() string {
			return `"patternProperties":{"^x":` + m.schema(depth-1) + `,"[ab]":` + m.schema(depth-1) + `}`
		},
		func() string { return `"propertyNames":` + m.schema(depth-1) },
		func() string { return `"items":` + m.schema(depth-1) },
		func() string { return `"prefixItems":[` + m.schema(depth-1) + `,` + m.schema(depth-1) + `]` },
		func() string {
			return `"contains":` + m.schema(depth-1) + m.pick("", `,"minContains":0`, `,"minContains":2`, `,"maxContains":1`)
		},
		func() string { return `"allOf":[` + m.schema(depth-1) + `,` + m.schema(depth-1) + `]` },
		func() string { return `"anyOf":[` + m.schema(depth-1) + `,` + m.schema(depth-1) + `]` },
		func() string {
			return `"oneOf":[` + m.schema(depth-1) + `,` + m.schema(depth-1) + `,` + m.schema(depth-1) + `]`
		},
		func() string { return `"not":` + m.schema(depth-1) },
		func() string {
			return `"if":` + m.schema(depth-1) + m.pick("", `,"then":`+m.schema(depth-1)) +
				m.pick("", `,"else":`+m.schema(depth-1))
		},
		func() string { return `"dependentSchemas":{"a":` + m.schema(depth-1) + `}` },
		func() string { return `"unevaluatedProperties":` + m.schema(depth-1) },
		func() string { return `"unevaluatedItems":` + m.schema(depth-1) },
		func() string { return `"additionalProperties":true` },
		func() string { return `"$ref":"#/components/schemas/` + m.pick("R", "S") + `"` },
	}
	if depth > 0 && m.IntN(3) > 0 {
		return deep[m.IntN(len(deep))]()
	}
	return flat[m.IntN(len(flat))]()
}

// TestMadeUpSchemas holds the check against the JSON Schema compiler for schemas that nobody wrote.
func TestMadeUpSchemas(t *testing.T) {
	const seed = 20250219
	count := 2000
	if testing.Short() || underRace {
		count = 500
	}
	m := maker{rand.New(rand.NewPCG(seed, 3))}
	components := `{"R":{"type":["object","array","string"],"properties":{"a":{"$ref":"#/components/schemas/R"},
		"b":{"$ref":"#/components/schemas/S"}},
		"items":{"$ref":"#/components/schemas/S"},"maxLength":2},
		"S":{"anyOf":[{"type":"integer"},{"type":"string"},{"$ref":"#/components/schemas/R"}]}}`
	accepted, total := 0, 0
	for range count {
		schema := m.schema(3)
		c, err := New(document(t, schema, components))
		if err != nil {
			t.Fatalf("%s: %v", schema, err)
		}
		o := oracle(t, schema, components)
		for range 30 {
			total++
			if compareVerdicts(t, schema, c, o, []byte(m.value(3))) {
				accepted++
			}
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("seed %d: %d of %d accepted by both", seed, accepted, total)
}
