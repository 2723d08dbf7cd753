package compose_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"numhook/spec"
	"numhook/spec/compose"
)

// webhooks is a document with the given JSON as the value of "webhooks", and more members after it.
func webhooks(hooks string, more ...string) string {
	return fmt.Sprintf(`{"openapi":"3.1.0","info":{"title":"T","version":"1"},"webhooks":%s%s}`, hooks,
		strings.Join(more, ""))
}

// body is a document with one event "a.b" whose body has the given schema.
func body(schema string, more ...string) string {
	return webhooks(`{"a.b":{"post":{"requestBody":{"content":{"application/json":{"schema":`+schema+
		`}}},"responses":{"200":{}}}}}`, more...)
}

// How the errors begin.
const (
	unreadable   = "cannot read the events document: "
	uncomposable = "cannot compose the events document: "
	noOperation  = `1:55: it is not an events document: no operation is recognised in its webhooks`
)

func TestWhatCannotBeComposedIsRefused(t *testing.T) {
	for name, test := range map[string]struct{ document, want string }{
		"nothing":    {``, unreadable + `it is empty`},
		"text":       {`to whom it may concern`, unreadable + `1:1: it is not an OpenAPI document: it is not an object`},
		"truncated":  {`{"openapi":"3.1.0",`, unreadable + `1:20: it is not JSON: unexpected EOF`},
		"two values": {webhooks(`{}`) + `{}`, unreadable + `1:69: something follows the document`},
		"duplicate member": {
			`{"openapi":"3.1.0","openapi":"3.1.0"}`,
			unreadable + `1:20: the member "openapi" stands twice in one object`,
		},
		"not UTF-8":      {"{\"openapi\":\"3.1.0\xff\"}", unreadable + `it is not UTF-8`},
		"deep":           {strings.Repeat(`[`, 100_000), unreadable + `1:501: it is nested deeper than 500`},
		"list":           {`[]`, unreadable + `1:1: it is not an OpenAPI document: it is not an object`},
		"null":           {`null`, unreadable + `1:1: it is not an OpenAPI document: it is not an object`},
		"other JSON":     {`{"name":"x"}`, unreadable + `1:1: it is not an OpenAPI document: it has no member openapi`},
		"version a list": {`{"openapi":[3.1]}`, unreadable + `1:2: its OpenAPI version is a list, not 3.x`},
		"Swagger":        {`{"swagger":"2.0"}`, unreadable + `1:2: it is a Swagger 2 document, not OpenAPI 3`},
		"OpenAPI 3.0": {`{"openapi":"3.0.3","paths":{"a.b":{"post":{}}}}`, unreadable + `1:2: it is OpenAPI "3.0.3", ` +
			`and only 3.1 can be composed`},
		"no events": {`{"openapi":"3.1.0"}`, unreadable + `1:1: it is not an events document: it has neither ` +
			`webhooks nor paths`},
		"paths empty": {`{"openapi":"3.1.0","paths":{}}`, unreadable + `1:20: it is not an events document: no ` +
			`operation is recognised in its paths`},
		"webhooks a list": {webhooks(`[]`), unreadable + noOperation},
		"webhooks empty":  {webhooks(`{}`), unreadable + noOperation},
		"post a list":     {webhooks(`{"a":{"post":[]}}`), unreadable + noOperation},
		"to themselves":   {webhooks(`{"a":{"$ref":"#/webhooks/b"},"b":{"$ref":"#/webhooks/a"}}`), unreadable + noOperation},
		"put": {
			webhooks(`{"a":{"put":{}}}`),
			uncomposable + `none of its events can be served: 1:67: warning: "a" is not served: it has no operation POST (at ` +
				`/webhooks/a)`,
		},
		"name with a slash": {
			webhooks(`{"a/b":{"post":{}}}`),
			uncomposable + `none of its events can be served: 1:67: warning: "a/b" cannot be served as a path: its name has ` +
				`the character '/' (at /webhooks/a~1b)`,
		},
		"empty name": {webhooks(`{"":{"post":{}}}`), uncomposable + `none of its events can be served: 1:67: ` +
			`warning: "" cannot be served as a path: it is not a name`},
		"references multiply": {body(`{"$ref":"#/x/15"}`, multiplying()), `: the references of this document multiply ` +
			`without end`},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := compose.Compose([]byte(test.document), spec.Overlay())
			if err == nil {
				t.Fatalf("it composed: %s", result.JSON)
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is\n%s\nwant\n%s", err, test.want)
			}
		})
	}
}

// multiplying is a member whose parts refer to each other such that following all references would give 4^15 nodes.
func multiplying() string {
	parts := []string{`{}`}
	for i := range 15 {
		ref := fmt.Sprintf(`{"$ref":"#/x/%d"}`, i)
		parts = append(parts, fmt.Sprintf(`{"allOf":[%[1]s,%[1]s,%[1]s,%[1]s]}`, ref))
	}
	return `,"x":[` + strings.Join(parts, ",") + `]`
}

func TestOverlayThatCannotBeUsedIsRefused(t *testing.T) {
	const head = "info: {title: T, version: '1'}\n"
	for name, test := range map[string]struct{ overlay, want string }{
		"nothing":  {``, `cannot use the overlay: overlay version is invalid, overlay info version must be defined`},
		"not YAML": {"a: [", `cannot read the overlay: `},
		"version 1.0": {
			"overlay: 1.0.0\n" + head + "actions: [{target: $.info, remove: true}]",
			`cannot use the overlay: it is version 1.0.0, and`,
		},
		"broken target": {"overlay: 1.1.0\n" + head + "actions: [{target: '$..[?', remove: true}]",
			`cannot apply the overlay: `},
		"takes all": {
			"overlay: 1.1.0\n" + head + "actions: [{target: $.webhooks, remove: true}]",
			`cannot compose the events document after the overlay: it has no webhooks`,
		},
		"not JSON": {
			"overlay: 1.1.0\n" + head + "actions: [{target: $.info, update: {x-a: .nan}}]",
			`cannot write the composed document: the YAML value .nan has no JSON`,
		},
		"broken $ref": {
			"overlay: 1.1.0\n" + head + "actions: [{target: '$..schema', update: {$ref: '#/no'}}]",
			`cannot follow the $ref "#/no" at /webhooks/`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := compose.Compose(spec.Document(), []byte(test.overlay))
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("error is %v, want %s...", err, test.want)
			}
		})
	}
}

func TestOverlayMaySpeakYAML(t *testing.T) {
	overlay := `overlay: 1.1.0
info: {title: T, version: '1'}
actions:
  - target: $.webhooks.*.post
    update:
      summary: &words yes
      x-words: *words
      x-hex: 0x10
      x-day: 2026-01-02
      x-none: ~
      x-yes: True
      responses: {200: {description: Fine.}}
`
	result, err := compose.Compose([]byte(webhooks(`{"a.b":{"post":{}}}`)), []byte(overlay))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"summary": "yes"`, `"x-words": "yes"`, `"x-hex": 16`, `"x-day": "2026-01-02"`, `"x-none": null`, `"x-yes": true`,
		`"200": {`,
	} {
		if !bytes.Contains(result.JSON, []byte(want)) {
			t.Errorf("the composed document lacks %s:\n%s", want, result.JSON)
		}
	}
}

// Documents that somebody has damaged: a value of another kind anywhere, a member gone, a member more. Each composes or
// is refused, and none panics.
func TestDamagedDocuments(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 3))
	documents := corpus(t)
	composed := 0
	const rounds = 8 // for each document
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		for range rounds {
			document := decode(t, documents[name])
			for range 1 + random.IntN(3) {
				damage(document, random)
			}
			text := mustJSON(t, document)
			result, err := compose.Compose(text, spec.Overlay())
			if err != nil {
				continue
			}
			composed++
			if _, err := compose.Load(result.JSON); err != nil {
				t.Errorf("what was composed of %s does not load: %v", text, err)
			}
		}
	}
	if total := rounds * len(documents); composed < total/10 || composed > total*9/10 {
		t.Errorf("%d of %d damaged documents composed; the damage is too great or too small to show anything", composed,
			total)
	}
}

// damage changes one place of a document, the deeper the rarer.
func damage(v any, random *rand.Rand) {
	kinds := []any{nil, false, true, 1, -1.5, "", "text", "#/webhooks", []any{}, []any{nil}, map[string]any{},
		map[string]any{"$ref": "#"},
		map[string]any{"type": "array"}, map[string]any{"": map[string]any{}}, []any{map[string]any{"properties": []any{}}}}
	object, _ := v.(map[string]any)
	list, _ := v.([]any)
	switch {
	case len(object) > 0:
		names := slices.Sorted(maps.Keys(object))
		name := names[random.IntN(len(names))]
		switch random.IntN(16) {
		case 0:
			object[name] = kinds[random.IntN(len(kinds))]
		case 1:
			delete(object, name)
		case 2:
			words := []string{"$ref", "properties", "items", "oneOf", "allOf", "enum", "required", "type", "examples",
				"x-go-type", "x-schema-name"}
			object[words[random.IntN(len(words))]] = kinds[random.IntN(len(kinds))]
		default:
			damage(object[name], random)
		}
	case len(list) > 0:
		if i := random.IntN(len(list)); random.IntN(4) == 0 {
			list[i] = kinds[random.IntN(len(kinds))]
		} else {
			damage(list[i], random)
		}
	}
}

func FuzzCompose(f *testing.F) {
	f.Add([]byte(body(`{"type":"object","properties":{"type":{"type":"array"},"phone_numbers":{"type":"array"}},` +
		`"additionalProperties":false}`)))
	f.Add([]byte(body(`{"oneOf":[{"$ref":"#/components/schemas/A"},true],"enum":[{}]}`,
		`,"components":{"schemas":{"A":{"allOf":[{}]}}}`)))
	f.Add([]byte(webhooks(`{"a.b":{"post":{}},"b.b":{"post":{}}}`)))
	f.Fuzz(func(t *testing.T, document []byte) {
		result, err := compose.Compose(document, spec.Overlay())
		if err != nil {
			return
		}
		if _, err := compose.Load(result.JSON); err != nil {
			t.Errorf("what was composed does not load: %v", err)
		}
		if again, err := compose.Compose(document, spec.Overlay()); err != nil || !bytes.Equal(result.JSON, again.JSON) {
			t.Errorf("composing twice gives two documents (%v)", err)
		}
	})
}
