package diff

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// edit changes one location below v, which is an object or an array, and says what it did.
func (g garden) edit(v any) string {
	var positions []func() string
	var visit func(v any, path string)
	visit = func(v any, path string) {
		switch v := v.(type) {
		case tree:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				at := path + "/" + name
				positions = append(positions,
					func() string { delete(v, name); return "delete " + at },
					func() string { v[name] = g.other(v[name]); return "replace " + at })
				if list, ok := v[name].([]any); ok && len(list) > 0 {
					i := g.IntN(len(list))
					positions = append(positions, func() string {
						v[name] = slices.Delete(slices.Clone(list), i, i+1)
						return fmt.Sprint("delete ", at, "/", i)
					},
						func() string { v[name] = append(slices.Clone(list), g.other(nil)); return "append to " + at })
				}
				visit(v[name], at)
			}
			positions = append(positions, func() string {
				name := pick(g, "type", "maximum", "minLength", "required", "properties", "additionalProperties", "enum", "const",
					"items", "title", "x-a", "novel",
					"format", "allOf", "anyOf", "nullable", "a", "not", "$defs", "default", "deprecated", "readOnly",
					"unevaluatedProperties", "patternProperties")
				if _, taken := v[name]; taken {
					name = "other"
				}
				v[name] = g.other(nil)
				return "insert " + path + "/" + name
			})
		case []any:
			for i := range v {
				at := fmt.Sprint(path, "/", i)
				positions = append(positions, func() string { v[i] = g.other(v[i]); return "replace " + at })
				visit(v[i], at)
			}
		}
	}
	visit(v, "")
	return positions[g.IntN(len(positions))]()
}

// other is a value that is not v.
func (g garden) other(v any) any {
	for {
		var next any
		switch g.IntN(9) {
		case 0:
			next = g.oneOf(2)
		case 1, 2:
			next = float64(g.IntN(9))
		case 3:
			next = pick(g, "x", "string", "integer", "a", "^x")
		case 4:
			next = nil
		case 5:
			next = []any{pick(g, "a", "string", "x")}
		case 6:
			next = tree{}
		case 7:
			next = []any{}
		default:
			next = clone(g.schema(1))
		}
		if fmt.Sprint(next) != fmt.Sprint(v) {
			return next
		}
	}
}

func written(t testing.TB, document tree) string {
	t.Helper()
	raw, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestNothingGoesUnreported edits random documents at one random place below the request body, or in a component that
// it refers to. What is not reported must not be able to tell a body of the one from a body of the other.
func TestNothingGoesUnreported(t *testing.T) {
	compared := 0
	for seed := range uint64(rounds(t, 400)) {
		g := newGarden(seed)
		document := clone(g.document())
		old := mustLoad(t, "old", written(t, document))
		if changes := compare(old, mustLoad(t, "same", g.shuffled(document)), nil); len(changes) > 0 {
			t.Fatalf("seed %d: a document differs from itself with its members in another order:\n%s", seed,
				strings.Join(brief(changes), "\n"))
		}
		for range 4 {
			edited := clone(document)
			var done string
			if g.oneOf(3) {
				done = g.edit(edited["components"].(tree)["schemas"].(tree)[pick(g, "A", "B", "C")])
			} else {
				done = g.edit(edited["webhooks"].(tree)["e"].(tree)["post"].(tree)["requestBody"])
			}
			new, err := load("new", []byte(written(t, edited)))
			if err != nil {
				continue // a $ref that leads nowhere
			}
			compared++
			if (len(compare(old, new, nil)) == 0 || len(compare(new, old, nil)) == 0) && g.tellApart(document, edited) {
				t.Fatalf("seed %d: unreported: %s in\n%s\n%s", seed, done, written(t, document), written(t, edited))
			}
		}
	}
	if compared < rounds(t, 1000) {
		t.Errorf("only %d edits were compared", compared)
	}
}

// tellApart looks for a body that fits one of two documents only.
func (g garden) tellApart(a, b tree) bool {
	one, errOne := compile(a)
	other, errOther := compile(b)
	if errOne != nil || errOther != nil {
		return false // an edit without meaning
	}
	for range 300 {
		for _, document := range []tree{a, b} {
			body := g.value(document, schemaOf(document), 6)
			if (one.Validate(body) == nil) != (other.Validate(body) == nil) {
				return true
			}
		}
	}
	return false
}

// rounds is how often a random test runs: less with -short.
func rounds(t *testing.T, n int) int {
	if testing.Short() {
		return n / 10
	}
	t.Helper()
	return n
}

// shuffled writes a document with the members of each object in a random order.
func (g garden) shuffled(v any) string {
	switch v := v.(type) {
	case tree:
		var members []string
		for name, value := range v {
			members = append(members, fmt.Sprintf("%q: %s", name, g.shuffled(value)))
		}
		slices.Sort(members)
		g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		return "{" + strings.Join(members, ", ") + "}"
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, g.shuffled(item))
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	raw, _ := json.Marshal(v)
	return string(raw)
}

// unsure are the changes of which Compare itself says that more may come than before, or that something else is read.
var unsure = set("schema-changed", "one-of-narrowed", "one-of-variant-removed", "optional-member-removed")

// TestLevels looks for bodies that the new document lets through and the old one refuses, as the receiver reads it
// (members that it does not name are let through). Where there is one, the changes must say so: one is breaking, or it
// is one of those that Compare cannot be sure of.
func TestLevels(t *testing.T) {
	witnesses := 0
	for seed := range uint64(rounds(t, 1000)) {
		g := newGarden(seed)
		before := clone(g.document())
		after := clone(before)
		var properties any = after
		for name := range strings.SplitSeq("webhooks e post requestBody content application/json schema properties", " ") {
			properties = properties.(tree)[name]
		}
		done := g.edit(properties)
		if g.oneOf(2) {
			before, after = after, before
		}
		old, err := load("old", []byte(written(t, before)))
		new, newErr := load("new", []byte(written(t, after)))
		accepts, oldErr := compile(before)
		takes, looseErr := compile(loosened(before).(tree))
		lets, schemaErr := compile(after)
		if err != nil || newErr != nil || oldErr != nil || looseErr != nil || schemaErr != nil {
			continue // the edit made it something else than a schema
		}
		changes := Compare(old, new)
		if slices.ContainsFunc(changes, func(c Change) bool { return c.Level == Breaking || unsure[c.ID] }) {
			continue
		}
		for range 100 {
			body := g.value(after, schemaOf(after), 6)
			if lets.Validate(body) == nil && accepts.Validate(body) != nil && takes.Validate(body) != nil {
				raw, _ := json.Marshal(body)
				t.Fatalf("seed %d: %s\n%s\nbut now %s can come\n%s\n%s", seed, done, strings.Join(brief(changes), "\n"), raw,
					written(t, before), written(t, after))
			}
			if lets.Validate(body) == nil {
				witnesses++
			}
		}
	}
	t.Logf("%d bodies looked at", witnesses)
	if witnesses < rounds(t, 200) {
		t.Errorf("only %d bodies fitted their document", witnesses)
	}
}

func schemaOf(document tree) tree {
	body := document["webhooks"].(tree)["e"].(tree)["post"].(tree)["requestBody"].(tree)
	return body["content"].(tree)["application/json"].(tree)["schema"].(tree)
}

// loosened is the document as the receiver reads it.
func loosened(v any) any {
	switch v := v.(type) {
	case tree:
		looser := tree{}
		for name, value := range v {
			if name != "additionalProperties" && name != "unevaluatedProperties" || value != false {
				looser[name] = loosened(value)
			}
		}
		return looser
	case []any:
		var looser []any
		for _, item := range v {
			looser = append(looser, loosened(item))
		}
		return looser
	}
	return v
}

func compile(document tree) (*jsonschema.Schema, error) {
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource("mem:///document.json", document); err != nil {
		return nil, err
	}
	return compiler.Compile("mem:///document.json#/webhooks/e/post/requestBody/content/application~1json/schema")
}
