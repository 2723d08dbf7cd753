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

// How the errors begin, and the place that most of them name.
const (
	unreadable   = "cannot read the events document: "
	uncomposable = "cannot compose the events document: "
	schemaOfAB   = "/webhooks/a.b/post/requestBody/content/application~1json/schema"
)

func TestWhatCannotBeComposedIsRefused(t *testing.T) {
	for name, test := range map[string]struct{ document, want string }{
		"nothing": {``, unreadable + `it cannot be parsed as JSON: unexpected EOF (byte 0)`},
		"text": {`openapi: 3.1.0`, unreadable + `it cannot be parsed as JSON: invalid character 'o' looking for ` +
			`beginning of value (byte 0)`},
		"truncated": {`{"openapi":"3.1.0",`, unreadable + `it cannot be parsed as JSON: unexpected EOF (byte 19)`},
		"two values": {webhooks(`{}`) + `{}`, unreadable + `it cannot be parsed as JSON: there is more after the first ` +
			`value (byte`},
		"duplicate member": {
			`{"openapi":"3.1.0","openapi":"3.1.0"}`,
			unreadable + `it cannot be parsed as JSON: the member "openapi" is there twice (byte 28)`,
		},
		"not UTF-8": {"{\"openapi\":\"3.1.0\xff\"}", unreadable + `it is not UTF-8`},
		"deep": {strings.Repeat(`[`, 100_000), unreadable + `it cannot be parsed as JSON: it is nested more ` +
			`than 250 levels deep (byte 251)`},
		"list":             {`[]`, unreadable + `it is not an OpenAPI document: it has no member "openapi"`},
		"null":             {`null`, unreadable + `it is not an OpenAPI document: it has no member "openapi"`},
		"other JSON":       {`{"name":"x"}`, unreadable + `it is not an OpenAPI document: it has no member "openapi"`},
		"version a number": {`{"openapi":3.1}`, unreadable + `it is not an OpenAPI document: it has no member "openapi"`},
		"OpenAPI 3.0": {`{"openapi":"3.0.3","paths":{}}`, unreadable + `it is OpenAPI "3.0.3", and only 3.1 can be ` +
			`composed`},
		"no webhooks": {`{"openapi":"3.1.0","paths":{}}`, unreadable + `it is not an events document: it has no ` +
			`object "webhooks"`},
		"webhooks a list": {webhooks(`[]`), unreadable + `it is not an events document: it has no object "webhooks"`},
		"webhooks empty":  {webhooks(`{}`), uncomposable + `it has no webhooks`},
		"no info": {
			`{"openapi":"3.1.0","webhooks":{"a":{"post":{}}}}`,
			uncomposable + `cannot use the composed document: invalid info: must be an object`,
		},
		"webhook a string": {webhooks(`{"a":"b"}`), uncomposable + `cannot serve /webhooks/a: it has no operation "post"`},
		"webhook null":     {webhooks(`{"a":null}`), uncomposable + `cannot serve /webhooks/a: it has no operation "post"`},
		"post a list": {webhooks(`{"a":{"post":[]}}`), uncomposable + `cannot serve /webhooks/a: it has no ` +
			`operation "post"`},
		"put": {
			webhooks(`{"a":{"put":{}}}`),
			uncomposable + `cannot serve /webhooks/a/put: a webhook is served as POST, and nothing else`,
		},
		"name with a slash": {
			webhooks(`{"a/b":{"post":{}}}`),
			uncomposable + `cannot serve /webhooks/a~1b as a path: its name has the character '/'`,
		},
		"name with a brace": {
			webhooks(`{"{a}":{"post":{}}}`),
			uncomposable + `cannot serve /webhooks/{a} as a path: its name has the character '{'`,
		},
		"empty name": {webhooks(`{"":{"post":{}}}`), uncomposable + `cannot serve /webhooks/ as a path: "" is not a name`},
		"body a string": {
			webhooks(`{"a":{"post":{"requestBody":"x"}}}`),
			uncomposable + `cannot read /webhooks/a/post/requestBody: it is not an object`,
		},
		"content a list": {
			webhooks(`{"a":{"post":{"requestBody":{"content":[]}}}}`),
			uncomposable + `cannot read /webhooks/a/post/requestBody/content: it is not an object`,
		},
		"content not JSON": {
			webhooks(`{"a":{"post":{"requestBody":{"content":{"text/plain":{}}}}}}`),
			uncomposable + `cannot serve /webhooks/a/post/requestBody/content: none of its content types is JSON`,
		},
		"responses a list": {
			webhooks(`{"a":{"post":{"responses":[]}}}`),
			uncomposable + `cannot read /webhooks/a/post/responses: it is not an object`,
		},
		"response a string": {
			webhooks(`{"a":{"post":{"responses":{"200":"ok"}}}}`),
			uncomposable + `cannot read /webhooks/a/post/responses/200: it is not an object`,
		},
		"unknown type":      {body(`{"type":"text"}`), uncomposable + `cannot use the composed document: `},
		"properties a list": {body(`{"properties":[]}`), uncomposable + `cannot load the composed document: `},
		"broken $ref": {
			body(`{"$ref":"#/components/schemas/No"}`),
			`cannot follow the $ref "#/components/schemas/No" at ` + schemaOfAB + `: it leads nowhere`,
		},
		"broken nested $ref": {
			body(`{"properties":{"$ref":{"$ref":"#/x"}}}`),
			`cannot follow the $ref "#/x" at ` + schemaOfAB + `/properties/$ref: it leads nowhere`,
		},
		"$ref elsewhere": {
			body(`{"$ref":"https://example.com/a.json"}`),
			`cannot follow the $ref "https://example.com/a.json" at ` + schemaOfAB +
				`: only references within the document (#/...) can be followed`,
		},
		"$ref a number": {body(`{"$ref":1}`), `cannot follow the $ref "1" at ` + schemaOfAB + `: it is not a string`},
		"$ref to a string": {
			body(`{"$ref":"#/info/title"}`),
			`cannot follow the $ref "#/info/title" at ` + schemaOfAB + `: it leads to what is neither an object nor a boolean`,
		},
		"$ref to itself": {
			body(`{"items":{"$ref":"#/webhooks/a.b/post/requestBody/content/application~1json/schema"}}`),
			`it leads back to itself`,
		},
		"component to itself": {
			body(`{"$ref":"#/components/schemas/A"}`, `,"components":{"schemas":{"A":{"$ref":"#/components/schemas/B"},`+
				`"B":{"$ref":"#/components/schemas/A"}}}`),
			`cannot follow the $ref "#/components/schemas/B" at /components/schemas/A: it leads back to itself`,
		},
		"$ref to a webhook": {webhooks(`{"a":{"$ref":"#/webhooks/b"},"b":{"$ref":"#/webhooks/a"}}`),
			`it leads back to itself`},
		"references multiply": {body(`{"$ref":"#/x/15"}`, multiplying()), `: the references of this document multiply ` +
			`without end`},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := compose.Compose([]byte(test.document), spec.Overlay())
			if err == nil {
				t.Fatalf("it composed: %s", result)
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
		if !bytes.Contains(result, []byte(want)) {
			t.Errorf("the composed document lacks %s:\n%s", want, result)
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
			if _, err := compose.Load(result); err != nil {
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
		if _, err := compose.Load(result); err != nil {
			t.Errorf("what was composed does not load: %v", err)
		}
		if again, err := compose.Compose(document, spec.Overlay()); err != nil || !bytes.Equal(result, again) {
			t.Errorf("composing twice gives two documents (%v)", err)
		}
	})
}
