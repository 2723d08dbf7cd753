package diff

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// served is the document's composed form: each webhook as a path, and every schema of a body, as far down as there are
// any, hoisted into components.
func served(t *testing.T, document string) string {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(document), &doc); err != nil {
		t.Fatal(err)
	}
	schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
	var hoist func(name string, schema map[string]any) map[string]any
	hoist = func(name string, schema map[string]any) map[string]any {
		if properties, ok := schema["properties"].(map[string]any); ok {
			for member, value := range properties {
				properties[member] = hoist(name+"/"+member, value.(map[string]any))
			}
		}
		if items, ok := schema["items"].(map[string]any); ok {
			schema["items"] = hoist(name+"~item", items)
		}
		schemas[name] = schema
		return map[string]any{"$ref": "#/components/schemas/" + strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/",
			"~1")}
	}
	paths := map[string]any{}
	for name, item := range doc["webhooks"].(map[string]any) {
		body := item.(map[string]any)["post"].(map[string]any)["requestBody"].(map[string]any)
		media := body["content"].(map[string]any)["application/json"].(map[string]any)
		media["schema"] = hoist(name, media["schema"].(map[string]any))
		paths["/"+name] = item
	}
	delete(doc, "webhooks")
	doc["paths"] = paths
	composed, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(composed)
}

func TestEqualDocuments(t *testing.T) {
	sender := contents(t, "testdata/numbers.json")
	var flat bytes.Buffer
	if err := json.Compact(&flat, []byte(sender)); err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]string{
		"itself":               sender,
		"on one line":          flat.String(),
		"with CRLF and BOM":    "\ufeff" + strings.ReplaceAll(sender, "\n", "\r\n"),
		"served as paths":      served(t, sender),
		"another kind of JSON": strings.ReplaceAll(sender, `"application/json"`, `"application/vnd.sender+json"`),
		"JSON in capitals":     strings.ReplaceAll(sender, `"application/json"`, `"application/JSON; charset=utf-8"`),
		"methods as paths": strings.ReplaceAll(strings.Replace(sender, `"webhooks"`, `"paths"`, 1), `"post": {`,
			`"POST": {`),
		"as YAML": contents(t, "testdata/numbers.yaml"),
	} {
		t.Run(name, func(t *testing.T) {
			a, b := mustLoad(t, "a", sender), mustLoad(t, "b", other)
			for _, changes := range [][]Change{Compare(a, b), Compare(b, a)} {
				if len(changes) > 0 {
					t.Errorf("they differ:\n%s", strings.Join(brief(changes), "\n"))
				}
			}
		})
	}
}

func TestChangeBetweenForms(t *testing.T) {
	sender := contents(t, "testdata/numbers.json")
	edited := served(t, strings.Replace(sender, `"maximum": 9999`, `"maximum": 10000`, 1))
	changes := Compare(mustLoad(t, "old", sender), mustLoad(t, "new", edited))
	if len(changes) != 1 {
		t.Fatalf("one change is %d:\n%s", len(changes), strings.Join(brief(changes), "\n"))
	}
	c := changes[0]
	const old = "/webhooks/number.changed/post/requestBody/content/application~1json/schema/properties/payload/" +
		"properties/object/properties/carrier_code/maximum"
	if c.ID != "bound-loosened" || c.Operation != "number.changed" || c.Old.Pointer != old ||
		c.New.Pointer != "/components/schemas/number.changed~1payload~1object~1carrier_code/maximum" {
		t.Errorf("%+v, old %v, new %v", c, c.Old, c.New)
	}
	if want := "maximum goes from 9999 to 10000, and the receiver refuses what lies beyond the " +
		"old bound."; c.Message != want {
		t.Errorf("message %q, want %q", c.Message, want)
	}
}

// body is a document with one event whose body has the schema, and whatever else components are to hold.
func body(schema, components string) string {
	return `{"openapi": "3.1.0", "webhooks": {"e": {"post": {"requestBody": {"content": {"application/json": {"schema":` +
		"\n" + schema +
		"\n}}}}}}, \"components\": {\"schemas\": {" + components + "}}}"
}

// TestSchemas holds two schemas of a body against each other; each change is its level, its id and its pointers below
// the body's schema or components.
func TestSchemas(t *testing.T) {
	const shared = `"A": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}, "B": ` +
		`{"properties": {"b": {}}}`
	for _, test := range []struct {
		name, old, new string
		want           []string
	}{
		{"the same behind a reference", `{"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}`,
			`{"$ref": "#/components/schemas/A"}`, nil},
		{"two schemas folded into one", `{"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, ` +
			`"b": {}}}`,
			`{"allOf": [{"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/B"}]}`, nil},
		{"member moved into an allOf, and loosened", `{"properties": {"b": {}, "a": {"maxLength": 3}}}`,
			`{"allOf": [{"$ref": "#/components/schemas/B"}, {"properties": {"a": {"maxLength": 4}}}]}`,
			[]string{"breaking bound-loosened /properties/a/maxLength > /allOf/1/properties/a/maxLength"}},
		{"annotation of the target behind one beside the reference", `{"$ref": "#/components/schemas/C", "title": "t"}`,
			`{"$ref": "#/components/schemas/D", "title": "t"}`,
			[]string{"safe annotation-changed components/C/title > components/D/title"}},
		{"one of two schemas that collide is gone", `{"allOf": [{"enum": [1]}, {"enum": [2]}]}`, `{"allOf": [{"enum": [2]}]}`,
			[]string{"breaking conjunct-removed /allOf/0 > -"}},
		{"one of two schemas that collide is looser", `{"allOf": [{"maximum": 1}, {"maximum": 2}]}`,
			`{"allOf": [{"maximum": 1}, {"maximum": 3}]}`,
			[]string{"breaking bound-loosened /allOf/1/maximum > /allOf/1/maximum"}},
		{"member added beside a schema that closes the object", `{"allOf": [{"additionalProperties": false}, ` +
			`{"properties": {}}]}`,
			`{"allOf": [{"additionalProperties": false}, {"properties": {"x": {}}}]}`,
			[]string{"risky member-added-to-closed-object - > /allOf/1/properties/x"}},
		{"nullable beside a reference", `{"$ref": "#/components/schemas/A"}`, `{"$ref": "#/components/schemas/A", ` +
			`"nullable": true}`,
			[]string{"breaking nullable-added - > /nullable"}},
		{"alternatives hoisted and in another order", `{"oneOf": [{"type": "string"}, {"$ref": "#/components/schemas/A"}]}`,
			`{"oneOf": [{"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}, {"type": "string"}]}`,
			nil},
		{"alternatives matched by title", `{"anyOf": [{"title": "x", "maximum": 1}, {"title": "y", "maximum": 2}]}`,
			`{"anyOf": [{"title": "y", "maximum": 1}, {"title": "x", "maximum": 1}]}`,
			[]string{"safe bound-tightened /anyOf/1/maximum > /anyOf/0/maximum"}},
		{"narrower below not and wider below oneOf", `{"not": {"maximum": 3}, "oneOf": [{"maximum": 3}]}`,
			`{"not": {"maximum": 2}, "oneOf": [{"maximum": 4}]}`,
			[]string{"breaking negation-loosened /not > /not", "breaking bound-loosened /oneOf/0/maximum > /oneOf/0/maximum"}},
		{"words below not", `{"not": {"title": "a"}}`, `{"not": {"title": "b"}}`, nil},
		{"false above and below", `{"properties": {"a": false}, "additionalProperties": {"not": false}}`,
			`{"properties": {"a": true}, "additionalProperties": {"not": true}}`,
			[]string{"breaking value-permitted /properties/a > /properties/a",
				"safe negation-tightened /additionalProperties/not > /additionalProperties/not"}},
		{"member demanded that nobody describes", `{"additionalProperties": false}`, `{"additionalProperties": false, ` +
			`"required": ["x"]}`,
			[]string{"risky member-added-to-closed-object - > /required/0"}},
		{"demanded by the rule for all others", `{"additionalProperties": {"type": "string"}}`,
			`{"additionalProperties": {"type": "string"}, "required": ["x"]}`,
			[]string{"safe required-member-added - > /required/0"}},
		{"member added against a pattern of names", `{"patternProperties": {"^n_": {"type": "integer"}}}`,
			`{"patternProperties": {"^n_": {"type": "integer"}}, "properties": {"n_a": {"type": "string"}, "m_a": {"type": ` +
				`"string"}}}`,
			[]string{"breaking added-member-refused - > /properties/n_a", "safe optional-member-added - > /properties/m_a"}},
		{"member added where nobody can tell", `{"additionalProperties": {"not": {"type": "null"}}}`,
			`{"additionalProperties": {"not": {"type": "null"}}, "properties": {"a": {"not": {"type": "string"}}}}`,
			[]string{"breaking added-member-refused - > /properties/a"}},
		{"condition", `{"if": {"required": ["a"]}, "then": {"maxProperties": 1}}`, `{"if": {"required": ["a"]}, "then": ` +
			`{"maxProperties": 2}, "else": false}`,
			[]string{"breaking bound-loosened /then/maxProperties > /then/maxProperties", "safe consequence-added - > /else"}},
		{"exclusive bounds of OpenAPI 3.0", `{"minimum": 1, "exclusiveMinimum": true}`,
			`{"minimum": 1, "exclusiveMinimum": false}`,
			[]string{"breaking bound-loosened /minimum > /minimum"}},
		{"the stricter of two bounds counts", `{"minimum": 1, "exclusiveMinimum": 5}`,
			`{"minimum": 2, "exclusiveMinimum": 5}`, nil},
		{"definitions in use", `{"$ref": "#/webhooks/e/post/requestBody/content/application~1json/schema/$defs/w", ` +
			`"$defs": {"w": {"maxLength": 1}}}`,
			`{"$ref": "#/webhooks/e/post/requestBody/content/application~1json/schema/$defs/w", "$defs": {"w": ` +
				`{"maxLength": 2}}}`,
			[]string{"breaking bound-loosened /$defs/w/maxLength > /$defs/w/maxLength"}},
		{"odd properties", `{"properties": 1, "required": "a"}`, `{"properties": 2, "required": "b"}`,
			[]string{"risky meaningless-added - > /properties", "risky meaningless-added - > /required",
				"safe meaningless-removed /properties > -", "safe meaningless-removed /required > -"}},
		{"odd schemas", `{"items": "string", "properties": {"a": null}}`, `{"items": "number", "properties": {"a": 1}}`,
			[]string{"risky meaningless-added - > /items", "risky meaningless-added - > /properties/a",
				"safe meaningless-removed /properties/a > -", "safe meaningless-removed /items > -"}},
		{"huge numbers", `{"maximum": 1e999999999}`, `{"maximum": 1e999999998}`,
			[]string{"risky meaningless-added - > /maximum", "safe meaningless-removed /maximum > -"}},
		{"values that equal each other", `{"enum": [1, {"a": 1, "b": [2.0]}]}`, `{"enum": [{"b": [2], "a": 1.0}, 1.0]}`, nil},
		{"null among the values", `{"enum": ["a"]}`, `{"enum": ["a", null]}`,
			[]string{"breaking enum-value-added - > /enum/1"}},
		{"enum and const together", `{"enum": ["a"], "const": "a"}`, `{"enum": ["a", "b"], "const": "a"}`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			old := body(test.old, shared+`, "C": {"title": "c"}, "D": {"title": "d"}`)
			new := body(test.new, shared+`, "C": {"title": "c"}, "D": {"title": "d"}`)
			if strings.HasSuffix(test.name, "OpenAPI 3.0") {
				old, new = strings.Replace(old, "3.1.0", "3.0.3", 1), strings.Replace(new, "3.1.0", "3.0.3", 1)
			}
			var got []string
			for _, c := range Compare(mustLoad(t, "old", old), mustLoad(t, "new", new)) {
				got = append(got, string(c.Level)+" "+c.ID+" "+below(c.Old)+" > "+below(c.New))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func below(p *Location) string {
	if p == nil {
		return "-"
	}
	return strings.NewReplacer("/webhooks/e/post/requestBody/content/application~1json/schema", "", "/components/schemas",
		"components").Replace(p.Pointer)
}

func TestMethods(t *testing.T) {
	document := func(methods string) *Document {
		return mustLoad(t, methods, `{"openapi": "3.1.0", "webhooks": {"e": {`+methods+`}, "other": {"post": {}}}}`)
	}
	for _, test := range []struct{ old, new, want string }{
		{`"post": {}, "put": {}`, `"put": {}`, "post-removed"},
		{`"put": {}`, `"post": {}, "put": {}`, "post-added"},
		{`"post": {}`, `"get": {}`, "method-changed"},
		{`"post": {}`, `"post": {}, "get": {}`, "method-added"},
		{`"post": {}, "get": {}`, `"post": {}`, "method-removed"},
		{`"summary": "no operation"`, `"post": {}`, "event-added"},
		{`"post": {}`, `"summary": "no operation"`, "event-removed"},
	} {
		changes := Compare(document(test.old), document(test.new))
		if len(changes) != 1 || changes[0].ID != test.want {
			t.Errorf("%s to %s is %v, want %s", test.old, test.new, brief(changes), test.want)
		}
	}
}

func TestPossibleRename(t *testing.T) {
	sender := contents(t, "testdata/numbers.json")
	named := strings.Replace(sender, `"type": "string",
                    "description"`, `"type": "string", "const": "number.changed",
                    "description"`, 1)
	old, new := mustLoad(t, "old", named),
		mustLoad(t, "new", strings.ReplaceAll(named, "number.changed", "number.updated"))
	changes := Compare(old, new)
	if len(changes) != 2 || changes[0].ID != "event-removed" || changes[0].PossibleRename != "number.updated" ||
		changes[1].ID != "event-added" || changes[1].PossibleRename != "number.changed" {
		t.Fatalf("%+v", changes)
	}
	if want := `It may have become "number.updated", whose body is the same.`; !strings.HasSuffix(changes[0].Message,
		want) {
		t.Errorf("message %q", changes[0].Message)
	}
	other := strings.ReplaceAll(strings.Replace(named, `"maximum": 9999`, `"maximum": 9998`, 1), "number.changed",
		"number.updated")
	for _, c := range Compare(old, mustLoad(t, "new", other)) {
		if c.PossibleRename != "" {
			t.Errorf("%s is taken for a rename of %s, whose body differs", c.Operation, c.PossibleRename)
		}
	}
}

// TestRules holds the table against itself and against the tests: each rule is shown by an edit, with a sentence that
// is complete.
func TestRules(t *testing.T) {
	// In TestMethods and TestSchemas, and in TestPairs.
	shown := map[string]bool{"post-removed": true, "conjunct-removed": true, "schema-changed": true}
	for _, id := range undecidedCases {
		shown[id[0]] = true
	}
	base := contents(t, "testdata/numbers.json")
	for _, e := range readEdits(t) {
		old, new := mustLoad(t, "old", base), mustLoad(t, "new", e.apply(t, base))
		for _, c := range append(Compare(old, new), Compare(new, old)...) {
			shown[c.ID] = true
			if strings.Contains(c.Message, "%!") || !strings.HasSuffix(c.Message, ".") {
				t.Errorf("%s: the sentence is %q", c.ID, c.Message)
			}
		}
	}
	for _, row := range rows(t, "testdata/levels.txt") {
		old, new := mustLoad(t, "old", withSchema(row[2])), mustLoad(t, "new", withSchema(row[3]))
		for _, c := range append(Compare(old, new), Compare(new, old)...) {
			shown[c.ID] = true
		}
	}
	known := map[string]bool{}
	for _, rule := range Rules() {
		if known[rule.ID] {
			t.Errorf("%s stands twice in the table", rule.ID)
		}
		known[rule.ID] = true
		if !shown[rule.ID] {
			t.Errorf("%s is shown by no edit", rule.ID)
		}
		if rule.effect != widens && rule.Level != Safe {
			t.Errorf("%s lets less through, or the same, and is %s", rule.ID, rule.Level)
		}
	}
}

// TestRulesTable holds rules.md against the table. UPDATE=1 writes it again.
func TestRulesTable(t *testing.T) {
	var b strings.Builder
	b.WriteString("# What `numhook spec diff` reports\n\nEach kind of change has one level. The sentence is the " +
		"message; what is concerned stands where the dots are.\n\n" +
		"| change | level | what it means for the receiver |\n| --- | --- | --- |\n")
	for _, rule := range Rules() {
		b.WriteString("| `" + rule.ID + "` | " + string(rule.Level) + " | " + strings.ReplaceAll(rule.Means, "%s", "…") +
			" |\n")
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("rules.md", []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if contents(t, "rules.md") != b.String() {
		t.Error("rules.md is not what the table says: run the test with UPDATE=1")
	}
}
