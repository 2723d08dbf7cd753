package contract

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"numhook/server/event"
)

// document is a composed document of one operation, /thing, whose body has the schema given; components may be empty.
func document(t testing.TB, schema, components string) *openapi3.T {
	t.Helper()
	if components == "" {
		components = "{}"
	}
	doc, err := openapi3.NewLoader().LoadFromData([]byte(`{"openapi":"3.1.0","info":{"title":"t","version":"1"},
		"paths":{"/thing":{"post":{"requestBody":{"required":true,
		"content":{"application/json":{"schema":` + schema + `}}},"responses":{"200":{"description":"ok"}}}}},` +
		`"components":{"schemas":` + components + `}}`))
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	return doc
}

func compiled(t testing.TB, schema string) *Contract {
	t.Helper()
	c, err := New(document(t, schema, ""))
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	return c
}

// all writes every finding of a check in one line each: kind, rule, pointer, and the keyword's place within the schema.
func all(r Result) []string {
	var list []string
	for _, findings := range [][]event.Finding{r.Violations, r.Drift, r.Lint} {
		for _, f := range findings {
			list = append(list, strings.TrimSpace(f.Rule+" "+f.Pointer+" "+strings.TrimPrefix(f.Spec, bodySpec)))
		}
	}
	return list
}

const bodySpec = "/paths/~1thing/post/requestBody/content/application~1json/schema"

// Each keyword: what it accepts (no want) and what it finds.
func TestKeywords(t *testing.T) {
	for _, c := range []struct {
		schema, body string
		want         []string
	}{
		{`true`, `{"a":1}`, nil},
		{`{}`, `null`, nil},
		{`false`, `1`, []string{"false-schema"}},
		{`{"properties":{"a":false,"b":true}}`, `{"b":1}`, nil},
		{`{"properties":{"a":false,"b":true}}`, `{"a":1}`, []string{"false-schema /a /properties/a"}},

		{`{"type":"string"}`, `"a"`, nil}, {`{"type":"string"}`, `1`, []string{"type  /type"}},
		{`{"type":"null"}`, `null`, nil}, {`{"type":"null"}`, `false`, []string{"type  /type"}},
		{`{"type":"boolean"}`, `false`, nil}, {`{"type":"boolean"}`, `0`, []string{"type  /type"}},
		{`{"type":"array"}`, `[]`, nil}, {`{"type":"array"}`, `{}`, []string{"type  /type"}},
		{`{"type":"object"}`, `{}`, nil}, {`{"type":"object"}`, `[]`, []string{"type  /type"}},
		{`{"type":"number"}`, `1.5`, nil}, {`{"type":"number"}`, `1`, nil},
		{`{"type":"number"}`, `"1"`, []string{"type  /type"}},
		{`{"type":"integer"}`, `1`, nil}, {`{"type":"integer"}`, `1.0`, nil}, {`{"type":"integer"}`, `1e3`, nil},
		{`{"type":"integer"}`, `10e-1`, nil},
		{`{"type":"integer"}`, `1.5`, []string{"type  /type"}}, {`{"type":"integer"}`, `1e-3`, []string{"type  /type"}},
		{`{"type":"integer"}`, `1e400`, nil},
		{`{"type":["string","null"]}`, `null`, nil}, {`{"type":["string","null"]}`, `"a"`, nil},
		{`{"type":["string","null"]}`, `1`, []string{"type  /type"}},
		{`{"type":["integer","string"]}`, `1.5`, []string{"type  /type"}}, {`{"type":["integer","number"]}`, `1.5`, nil},

		{`{"format":"int32"}`, `2147483647`, nil}, {`{"format":"int32"}`, `2147483648`, []string{"format  /format"}},
		{`{"format":"int32"}`, `-2147483649`, []string{"format  /format"}},
		{`{"format":"int32"}`, `2147483648.5`, nil}, {`{"format":"int32"}`, `"2147483648"`, nil},
		{`{"format":"int64"}`, `9223372036854775807`, nil}, {`{"format":"int64"}`, `9223372036854775808`,
			[]string{"format  /format"}}, {`{"format":"int64"}`, `1e400`, []string{"format  /format"}},
		{`{"format":"date"}`, `"2025-02-19"`, nil}, {`{"format":"date"}`, `"2025-13-19"`, []string{"format  /format"}},
		{`{"format":"date"}`, `"\u0032025-02-19"`, nil},
		{`{"format":"date-time"}`, `"2025-02-19T00:00:00Z"`, nil}, {`{"format":"date-time"}`, `"2025-02-19 00:00:00"`,
			[]string{"format  /format"}},
		{`{"format":"byte"}`, `"YWJj"`, nil}, {`{"format":"byte"}`, `"a b"`, []string{"format  /format"}},
		{`{"format":"uuid"}`, `"x"`, nil}, {`{"format":"date"}`, `1`, nil},

		{`{"const":{"a":[1,"x"]}}`, `{"a":[1.0,"\u0078"]}`, nil}, {`{"const":{"a":[1,"x"]}}`, `{"a":["x",1]}`,
			[]string{"const  /const"}},
		{`{"const":"1"}`, `1`, []string{"const  /const"}}, {`{"const":false}`, `false`, nil}, {`{"const":0}`, `-0.0`, nil},
		{`{"const":0}`, `false`, []string{"const  /const"}},
		{`{"enum":["a",1,null,[]]}`, `"a"`, nil}, {`{"enum":["a",1,null,[]]}`, `1e0`, nil},
		{`{"enum":["a",1,null,[]]}`, `null`, nil}, {`{"enum":["a",1,null,[]]}`, `[]`, nil},
		{`{"enum":["a",1,null,[]]}`, `"A"`, []string{"enum  /enum"}}, {`{"enum":["a",1,null,[]]}`, `{}`,
			[]string{"enum  /enum"}},

		{`{"minLength":2,"maxLength":3}`, `"é😀"`, nil}, {`{"minLength":2,"maxLength":3}`, `"😀"`,
			[]string{"min-length  /minLength"}},
		{`{"minLength":2,"maxLength":3}`, `"\ud83d\ude00abc"`, []string{"max-length  /maxLength"}},
		{`{"minLength":2}`, `1`, nil}, {`{"maxLength":0}`, `""`, nil},
		{`{"pattern":"^a+$"}`, `"aa"`, nil}, {`{"pattern":"^a+$"}`, `"ab"`, []string{"pattern  /pattern"}},
		{`{"pattern":"^\\u00e9$"}`, `"é"`, nil},

		{`{"minimum":1.5}`, `1.5`, nil}, {`{"minimum":1.5}`, `1.4999999999999999999999999`, []string{"minimum  /minimum"}},
		{`{"minimum":1}`, `"0"`, nil},
		{`{"maximum":10}`, `1e1`, nil}, {`{"maximum":10}`, `10.000000000000000000001`, []string{"maximum  /maximum"}},
		{`{"maximum":10}`, `1e99999999999999999999`, []string{"maximum  /maximum"}},
		{`{"exclusiveMinimum":1}`, `1.0000000000000000000001`, nil}, {`{"exclusiveMinimum":1}`, `1.0`,
			[]string{"exclusive-minimum  /exclusiveMinimum"}},
		{`{"exclusiveMaximum":1}`, `0.99999999999999999999`, nil},
		{`{"exclusiveMaximum":1}`, `1`, []string{"exclusive-maximum  /exclusiveMaximum"}},
		{`{"multipleOf":0.01}`, `19.99`, nil}, {`{"multipleOf":0.01}`, `19.999`, []string{"multiple-of  /multipleOf"}},
		{`{"multipleOf":3}`, `1e400`, []string{"multiple-of  /multipleOf"}},

		{`{"items":{"type":"integer"}}`, `[1,"a",2.5]`, []string{"type /1 /items/type", "type /2 /items/type"}},
		{`{"items":{"type":"integer"}}`, `{}`, nil},
		{`{"prefixItems":[{"type":"string"},true],"items":false}`, `["a",1]`, nil},
		{`{"prefixItems":[{"type":"string"},true],"items":false}`, `[1,1,1]`, []string{"type /0 /prefixItems/0/type",
			"false-schema /2 /items"}},
		{`{"minItems":1,"maxItems":2}`, `[]`, []string{"min-items  /minItems"}}, {`{"minItems":1,"maxItems":2}`, `[1,2,3]`,
			[]string{"max-items  /maxItems"}},
		{`{"uniqueItems":true}`, `[1,"1",true,null,[1],{"a":1},0]`, nil},
		{`{"uniqueItems":true}`, `[{"a":1,"b":2},{"b":2.0,"a":1}]`, []string{"unique-items  /uniqueItems"}},
		{`{"contains":{"type":"string"}}`, `[1,"a"]`, nil}, {`{"contains":{"type":"string"}}`, `[1]`,
			[]string{"contains  /contains"}},
		{`{"contains":{"type":"string"},"minContains":0}`, `[]`, nil}, {`{"contains":{"type":"string"},"maxContains":1}`,
			`["a","b"]`, []string{"contains  /contains"}},
		{`{"minContains":5}`, `[]`, nil},

		{`{"required":["a","b"]}`, `{"b":1}`, []string{"required /a /required"}}, {`{"required":["a"]}`, `[]`, nil},
		{`{"properties":{"a/b":{"type":"null"}},"required":["a/b"]}`, `{}`, []string{"required /a~1b /required"}},
		{`{"properties":{"a/b":{"type":"null"}}}`, `{"a/b":1}`, []string{"type /a~1b /properties/a~1b/type"}},
		{`{"properties":{"a":{}},"additionalProperties":false}`, `{"a":1,"b":2,"c":3}`,
			[]string{"additional-properties /b /additionalProperties", "additional-properties /c /additionalProperties"}},
		{`{"additionalProperties":{"type":"integer"}}`, `{"a":1,"b":"x"}`, []string{"type /b /additionalProperties/type"}},
		{`{"patternProperties":{"^x-":{"type":"integer"}},"additionalProperties":false}`, `{"x-a":1,"x-b":"","y":0}`,
			[]string{"type /x-b /patternProperties/^x-/type", "additional-properties /y /additionalProperties"}},
		{`{"propertyNames":{"maxLength":1}}`, `{"a":1,"\u00e9":1,"bb":2}`, []string{"property-names /bb /propertyNames"}},
		{`{"minProperties":1,"maxProperties":2}`, `{}`, []string{"min-properties  /minProperties"}},
		{`{"minProperties":1,"maxProperties":2}`, `{"a":1,"b":1,"c":1}`, []string{"max-properties  /maxProperties"}},
		{`{"dependentRequired":{"a":["b","c"]}}`, `{"b":1}`, nil}, {`{"dependentRequired":{"a":["b","c"]}}`, `{"a":1,"b":1}`,
			[]string{"dependent-required /c /dependentRequired"}},
		{`{"dependentSchemas":{"a":{"required":["z"]}}}`, `{"a":1}`, []string{"required /z /dependentSchemas/a/required"}},

		{`{"allOf":[{"type":"string"},{"minLength":2}]}`, `"a"`, []string{"min-length  /allOf/1/minLength"}},
		{`{"allOf":[{"type":"string"},{"minLength":2}]}`, `"ab"`, nil},
		{`{"anyOf":[{"type":"string"},{"type":"integer"}]}`, `1`, nil}, {`{"anyOf":[{"type":"string"},{"type":"integer"}]}`,
			`1.5`, []string{"any-of  /anyOf"}},
		{`{"anyOf":[{"type":"string","minLength":2},{"type":"null"}]}`, `"a"`, []string{"min-length  /anyOf/0/minLength"}},
		{`{"oneOf":[{"type":"integer"},{"minimum":2}]}`, `1`, nil}, {`{"oneOf":[{"type":"integer"},{"minimum":2}]}`, `3`,
			[]string{"one-of  /oneOf"}},
		{`{"oneOf":[{"type":"integer"},{"minimum":2}]}`, `1.5`, []string{"minimum  /oneOf/1/minimum"}},
		{`{"oneOf":[{"maximum":1},{"minimum":2}]}`, `1.5`, []string{"one-of  /oneOf"}},
		{`{"not":{"type":"string"}}`, `1`, nil}, {`{"not":{"type":"string"}}`, `"a"`, []string{"not  /not"}},
		{`{"if":{"type":"string"},"then":{"minLength":2},"else":{"minimum":2}}`, `"a"`,
			[]string{"min-length  /then/minLength"}},
		{`{"if":{"type":"string"},"then":{"minLength":2},"else":{"minimum":2}}`, `1`, []string{"minimum  /else/minimum"}},
		{`{"if":{"type":"string"},"then":{"minLength":2},"else":{"minimum":2}}`, `2`, nil}, {`{"then":false}`, `1`, nil},
		{`{"allOf":[{"properties":{"a":{}}}],"unevaluatedProperties":false}`, `{"a":1,"b":2}`,
			[]string{"unevaluated-properties /b /unevaluatedProperties"}},
		{`{"allOf":[{"properties":{"a":{}}}],"unevaluatedProperties":{"type":"string"}}`, `{"a":1,"b":2}`,
			[]string{"type /b /unevaluatedProperties/type"}},
		{`{"anyOf":[{"properties":{"a":{"const":1}}},{"properties":{"b":{}}}],"unevaluatedProperties":false}`,
			`{"a":2,"b":2}`, []string{"unevaluated-properties /a /unevaluatedProperties"}},
		{`{"prefixItems":[true],"unevaluatedItems":false}`, `[1,2]`, []string{"false-schema /1 /unevaluatedItems"}},
		{`{"prefixItems":[true],"contains":{"const":2},"unevaluatedItems":false}`, `[1,2]`, nil},
		{`{"readOnly":true,"writeOnly":true,"deprecated":true,"nullable":true,"default":1,"examples":["x"],` +
			`"x-y":{"type":"string"},"type":"integer"}`, `1`, nil},
		{`{"nullable":true,"type":"integer"}`, `null`, []string{"type  /type"}},
	} {
		d := Parse([]byte(c.body))
		contract := compiled(t, c.schema)
		if got := all(contract.Check("thing", d, 0)); !slices.Equal(got, c.want) {
			t.Errorf("%s with %s: %q, want %q", c.schema, c.body, got, c.want)
		}
		if clean := contract.Clean("thing", d); clean != (c.want == nil) {
			t.Errorf("%s with %s: clean is %v", c.schema, c.body, clean)
		}
	}
}

// Drift: a member is unknown when a schema with properties speaks of its object and no schema that does so knows it.
func TestDrift(t *testing.T) {
	for _, c := range []struct {
		schema, body string
		want         []string
	}{
		{`{"properties":{"a":{}}}`, `{"a":{"x":1},"A1":2}`, []string{"unknown-member /A1 /properties"}},
		{`{"properties":{"a":{}},"additionalProperties":true}`, `{"b":2}`, []string{"unknown-member /b /properties"}},
		{`{"properties":{"a":{}},"additionalProperties":{"type":"integer"}}`, `{"b":2}`, nil},
		{`{"required":["b"],"properties":{"a":{}}}`, `{"b":2}`, nil},
		{`{"type":"object"}`, `{"b":2}`, nil},
		{`{"properties":{"a":{"items":{"properties":{"b":{}}}}}}`, `{"a":[{"b":1},{"c":1}]}`,
			[]string{"unknown-member /a/1/c /properties/a/items/properties"}},
		{`{"properties":{"a":{}},"patternProperties":{"^x":{"properties":{"p":{}}}}}`, `{"x":{"q":1},"y":1}`,
			[]string{"unknown-member /x/q /patternProperties/^x/properties", "unknown-member /y /properties"}},
		{`{"allOf":[{"properties":{"a":{"properties":{"p":{}}}}},{"properties":{"b":{},"a":{"properties":{"q":{}}}}}]}`,
			`{"a":{"p":1,"q":1,"r":1},"b":2,"c":3}`,
			[]string{"unknown-member /a/r /allOf/0/properties/a/properties", "unknown-member /c /allOf/0/properties"}},
		{`{"oneOf":[{"properties":{"k":{"const":1},"a":{}},"required":["k"]},{"properties":{"k":{"const":2},"b":{}}}]}`,
			`{"k":1,"b":2,"c":3}`,
			[]string{"unknown-member /c /oneOf/0/properties"}},
		{`{"properties":{"a":{}},"oneOf":[{"properties":{"b":{}}}]}`, `{"a":1,"b":2,"c":3}`,
			[]string{"unknown-member /c /properties"}},
		{`{"if":{"properties":{"a":{}}},"then":{"properties":{"b":{}}},"else":{"properties":{"c":{}}}}`,
			`{"a":1,"b":2,"c":3,"d":4}`, []string{"unknown-member /d /if/properties"}},
		{`{"not":{"properties":{"a":false}}}`, `{"a":1,"b":2}`, nil},
		{`{"allOf":[{"properties":{"a":{}}}],"properties":{"b":{}},"additionalProperties":false}`, `{"b":1,"c":2}`,
			[]string{"additional-properties /c /additionalProperties"}},
		{`{"items":{"properties":{"a":{}}},"contains":{"properties":{"b":{}}}}`, `[{"a":1,"b":2,"c":3}]`,
			[]string{"unknown-member /0/c /items/properties"}},
		{`{"properties":{"a":{"type":"string"}}}`, `{"a":1,"b":1}`, []string{"type /a /properties/a/type", "unknown-member " +
			"/b /properties"}},
	} {
		d := Parse([]byte(c.body))
		contract := compiled(t, c.schema)
		if got := all(contract.Check("thing", d, 0)); !slices.Equal(got, c.want) {
			t.Errorf("%s with %s: %q, want %q", c.schema, c.body, got, c.want)
		}
		if clean := contract.Clean("thing", d); clean != (c.want == nil) {
			t.Errorf("%s with %s: clean is %v", c.schema, c.body, clean)
		}
	}
}

// Schemas that refer to others, also to themselves; keywords beside $ref; and where findings say the keyword stands.
func TestReferences(t *testing.T) {
	components := `{
		"Tree":{"type":"object","properties":{"v":{"type":"integer"},
			"kids":{"type":"array","items":{"$ref":"#/components/schemas/Tree"}}},"required":["v"]},
		"Short":{"type":"string","maxLength":3}}`
	c, err := New(document(t, `{"properties":{"tree":{"$ref":"#/components/schemas/Tree"},
		"beside":{"$ref":"#/components/schemas/Short","minLength":2,"pattern":"^a"},
		"noted":{"$ref":"#/components/schemas/Short","description":"x"}}}`, components))
	if err != nil {
		t.Fatal(err)
	}
	d := Parse([]byte(`{"tree":{"v":1,"kids":[{"v":2},{"v":"x","kids":[{"w":1}]}]},"beside":"b","noted":"long"}`))
	want := []string{
		"type /tree/kids/1/v /components/schemas/Tree/properties/v/type",
		"required /tree/kids/1/kids/0/v /components/schemas/Tree/required",
		"min-length /beside /properties/beside/minLength",
		"pattern /beside /properties/beside/pattern",
		"max-length /noted /components/schemas/Short/maxLength",
		"unknown-member /tree/kids/1/kids/0/w /components/schemas/Tree/properties",
	}
	if got := all(c.Check("thing", d, 0)); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct{ schema, components, want string }{
		{`{"items":{"$dynamicRef":"#x"}}`, "", "cannot compile the schema at " + bodySpec + "/items: $dynamicRef: "},
		{`{"properties":{"a/b":{"dependencies":{}}}}`, "", bodySpec + "/properties/a~1b: dependencies: "},
		{`{"additionalItems":false}`, "", ": additionalItems: "},
		{`{"type":"file"}`, "", `: type: there is no type "file"`},
		{`{"pattern":"(?=a)"}`, "", ": pattern: "},
		{`{"patternProperties":{"(":{}}}`, "", ": patternProperties: "},
		{`{"exclusiveMinimum":true,"minimum":1}`, "", ": exclusiveMinimum: "},
		{`{"multipleOf":0}`, "", ": multipleOf: "},
		{`{"$ref":"#/components/schemas/A"}`, `{"A":{"allOf":[{"$ref":"#/components/schemas/B"}]},` +
			`"B":{"anyOf":[{"$ref":"#/components/schemas/A"}]}}`, "without end"},
		{`{"$ref":"#/components/schemas/A"}`, `{"A":{"not":{"$ref":"#/components/schemas/A"}}}`, "without end"},
		{`{"$ref":"#/components/schemas/A"}`, `{"A":{"allOf":[{"not":{"$ref":"#/components/schemas/A"}}]}}`, "without end"},
	} {
		_, err := New(document(t, c.schema, c.components))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.schema, err, c.want)
		}
	}
	for _, schema := range []string{`{"unevaluatedProperties":true,"unevaluatedItems":true,"$comment":"x","$anchor":"a",` +
		`"contentMediaType":"text/html"}`} {
		if _, err := New(document(t, schema, "")); err != nil {
			t.Errorf("%s: %v", schema, err)
		}
	}
	old := document(t, `{}`, "")
	old.OpenAPI = "3.0.3"
	if _, err := New(old); err == nil || err.Error() != `cannot compile the contract: the document is OpenAPI "3.0.3",`+
		` not 3.1` {
		t.Errorf("OpenAPI 3.0: %v", err)
	}
}

func TestOperations(t *testing.T) {
	doc := document(t, `{"properties":{"event":{"type":"string"}}}`, "")
	doc.Paths.Set("/other.event", &openapi3.PathItem{Post: &openapi3.Operation{}})
	doc.Paths.Set("/only_get", &openapi3.PathItem{Get: &openapi3.Operation{}})
	c, err := New(doc)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Events(); !slices.Equal(got, []string{"other.event", "thing"}) || !c.Has("thing") || c.Has("only_get") ||
		c.Has("/thing") {
		t.Errorf("events %q", got)
	}
	for _, one := range []struct {
		operation, body string
		want            []string
	}{
		{"thing", `{"event":"thing"}`, nil},
		{"thing", `{"event":"other.event"}`, []string{"event-mismatch /event"}},
		{"thing", `{"event":"only_get"}`, []string{"event-unknown /event"}},
		{"thing", `{"event":""}`, []string{"event-unknown /event"}},
		{"thing", `{"event":1}`, []string{"type /event /properties/event/type"}},
		{"other.event", `[]`, nil},
		{"other.event", `{"event":"other\u002eevent"}`, nil},
		{"nothing", `{}`, []string{"operation"}},
		{"thing", `{"event":1,"event":"thing"}`, []string{"type /event /properties/event/type", "duplicate-member /event"}},
		{"thing", `{"event":1,`, []string{"syntax"}},
		{"nothing", ``, []string{"empty"}},
	} {
		d := Parse([]byte(one.body))
		if got := all(c.Check(one.operation, d, 0)); !slices.Equal(got, one.want) {
			t.Errorf("%s with %s: %q, want %q", one.operation, one.body, got, one.want)
		}
		if clean := c.Clean(one.operation, d); clean != (one.want == nil) {
			t.Errorf("%s with %s: clean is %v", one.operation, one.body, clean)
		}
	}
	for _, one := range []struct {
		body, name string
		want       []string
	}{
		{`{"event":"x"}`, "x", nil}, {`{}`, "", []string{"required /event"}}, {`[]`, "", []string{"type"}},
		{`{"event":null}`, "", []string{"type /event"}},
		{`{"event":2,"event":3}`, "", []string{"duplicate-member /event", "type /event"}}, {`{`, "", []string{"syntax"}},
	} {
		name, violations := Operation(Parse([]byte(one.body)))
		if got := all(Result{Violations: violations}); name != one.name || !slices.Equal(sorted(got), one.want) {
			t.Errorf("operation of %s: %q %q, want %q %q", one.body, name, got, one.name, one.want)
		}
	}
}

func sorted(list []string) []string { slices.Sort(list); return list }

// The limit holds for each kind, and the rest is counted.
func TestLimit(t *testing.T) {
	c := compiled(t, `{"properties":{"a":{"items":{"type":"string"}}}}`)
	d := Parse([]byte(`{"event":"","a":[1,2,3,4,5],"x":1,"y":1,"z":1}`))
	for _, one := range []struct{ limit, violations, drift, lint, omitted int }{{0, 5, 4, 1, 0}, {-1, 5, 4, 1, 0},
		{2, 2, 2, 1, 5}, {4, 4, 4, 1, 1}, {5, 5, 4, 1, 0}} {
		r := c.Check("thing", d, one.limit)
		if len(r.Violations) != one.violations || len(r.Drift) != one.drift || len(r.Lint) != one.lint ||
			r.Omitted != one.omitted {
			t.Errorf("limit %d: %d %d %d, %d omitted", one.limit, len(r.Violations), len(r.Drift), len(r.Lint), r.Omitted)
		}
	}
}

// More required members than fit one machine word.
func TestManyRequired(t *testing.T) {
	var list, body []string
	for i := range 150 {
		list = append(list, fmt.Sprintf("%q", fmt.Sprintf("m%d", i)))
		if i != 3 && i != 63 && i != 64 && i != 149 {
			body = append(body, list[i]+":1")
		}
	}
	c := compiled(t, `{"required":[`+strings.Join(list, ",")+`]}`)
	got := all(c.Check("thing", Parse([]byte("{"+strings.Join(body, ",")+"}")), 0))
	if want := []string{"required /m3 /required", "required /m63 /required", "required /m64 /required",
		"required /m149 /required"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.ID] || r.ID == "" || r.Kind == "" || !strings.HasSuffix(r.Text, ".") ||
			strings.Trim(r.ID, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("rule %+v", r)
		}
		seen[r.ID] = true
	}
	if len(seen) < 45 {
		t.Errorf("%d rules", len(seen))
	}
}
