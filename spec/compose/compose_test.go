package compose_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"numhook/spec"
	"numhook/spec/compose"

	"github.com/getkin/kin-openapi/openapi3"
)

// corpus gives every document of testdata by its name, and the vendored one.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 8 {
		t.Fatalf("testdata has %d documents (%v)", len(files), err)
	}
	documents := map[string][]byte{"vendored": spec.Document()}
	for _, file := range files {
		document, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		documents[strings.TrimSuffix(filepath.Base(file), ".json")] = document
	}
	return documents
}

func composed(t testing.TB, document []byte) []byte {
	t.Helper()
	result, err := compose.Compose(document, spec.Overlay())
	if err != nil {
		t.Fatal(err)
	}
	return result.JSON
}

func decode(t testing.TB, text []byte) map[string]any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// at follows member names and positions; it fails the test where there is nothing.
func at(t testing.TB, v any, path ...any) any {
	t.Helper()
	for i, step := range path {
		switch key := step.(type) {
		case string:
			object, _ := v.(map[string]any)
			next, ok := object[key]
			if !ok {
				t.Fatalf("there is nothing at %v, only %v", path[:i+1], slices.Sorted(maps.Keys(object)))
			}
			v = next
		case int:
			v = v.([]any)[key]
		}
	}
	return v
}

func TestEveryDocumentComposes(t *testing.T) {
	identifier := regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
	for name, document := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			result := composed(t, document)
			doc, err := compose.Load(result)
			if err != nil {
				t.Fatal(err)
			}
			if doc.OpenAPI != "3.1.0" || len(doc.Webhooks) != 0 || len(doc.Servers) != 0 || len(doc.Security) != 0 {
				t.Errorf("the composed document is OpenAPI %s with %d webhooks, %d servers", doc.OpenAPI, len(doc.Webhooks),
					len(doc.Servers))
			}
			if !bytes.HasSuffix(result, []byte("}\n")) || !bytes.HasPrefix(result, []byte("{\n  \"openapi\": \"3.1.0\",\n")) {
				t.Error("the composed document is not indented JSON that ends in a newline")
			}
			if again := composed(t, document); !bytes.Equal(result, again) {
				t.Error("composing twice gives two documents")
			}

			var want []string
			for event := range at(t, decode(t, document), "webhooks").(map[string]any) {
				want = append(want, "/"+event)
			}
			if got := slices.Sorted(maps.Keys(doc.Paths.Map())); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
				t.Errorf("paths are %v, want %v", got, want)
			}
			ids := map[string]bool{}
			for path, item := range doc.Paths.Map() {
				id := item.Post.OperationID
				if !identifier.MatchString(id) || ids[id] {
					t.Errorf("operation id %q of %s is not a Go name of its own", id, path)
				}
				ids[id] = true
				if !item.Post.RequestBody.Value.Required && name != "responses" {
					t.Errorf("the body of %s is optional", path)
				}
				for status, response := range item.Post.Responses.Map() {
					if response.Value.Description == nil {
						t.Errorf("response %s of %s has no description", status, path)
					}
				}
			}
			for name, schema := range doc.Components.Schemas {
				if schema.Ref == "" {
					flat(t, name, schema.Value)
				}
			}
		})
	}
}

// flat fails the test when an object schema stands within another without a name of its own.
func flat(t *testing.T, where string, schema *openapi3.Schema) {
	t.Helper()
	within := map[string]*openapi3.SchemaRef{"[]": schema.Items, "{}": schema.AdditionalProperties.Schema}
	for name, member := range schema.Properties {
		within[name] = member
	}
	for name, member := range within {
		if member == nil || member.Ref != "" || member.Value == nil {
			continue
		}
		if v := member.Value; len(v.Properties)+len(v.OneOf)+len(v.AnyOf)+len(v.AllOf) > 0 {
			t.Errorf("%s.%s is nested and has no name", where, name)
		}
		flat(t, where+"."+name, member.Value)
	}
}

func TestOrderIsTheDocuments(t *testing.T) {
	document := `{"openapi":"3.1.1","x-first":1,"webhooks":{"z.last":{"post":{}},"a.first":{"post":{"summary":"s"}}},` +
		`"info":{"version":"1","title":"T"}}`
	want := `{
  "openapi": "3.1.0",
  "x-first": 1,
  "paths": {
    "/z.last": {
      "post": {
        "requestBody": {
          "required": true,
          "content": {
            "application/json": {
              "schema": {}
            }
          }
        },
        "responses": {
          "200": {
            "description": "The event is stored."
          }
        },
        "operationId": "Last"
      }
    },
    "/a.first": {
      "post": {
        "summary": "s",
        "requestBody": {
          "required": true,
          "content": {
            "application/json": {
              "schema": {}
            }
          }
        },
        "responses": {
          "200": {
            "description": "The event is stored."
          }
        },
        "operationId": "First"
      }
    }
  },
  "info": {
    "version": "1",
    "title": "T"
  }
}
`
	if got := string(composed(t, []byte(document))); got != want {
		t.Errorf("composed\n%s\nwant\n%s", got, want)
	}
}

func TestMembersCalledLikeKeywords(t *testing.T) {
	doc := decode(t, composed(t, corpus(t)["keywords"]))
	schemas := at(t, doc, "components", "schemas")
	payload := at(t, schemas, "AllPayload", "properties").(map[string]any)
	source := at(t, decode(t, corpus(t)["keywords"]), "webhooks", "kw.all", "post", "requestBody", "content",
		"application/json", "schema",
		"properties", "payload", "properties").(map[string]any)
	if got, want := len(payload), len(source); got != want {
		t.Errorf("the payload has %d members, want %d", got, want)
	}
	if v := payload["additionalProperties"]; v != false {
		t.Errorf("the member additionalProperties is %v, want the schema false", v)
	}
	if v := payload["$ref"].(map[string]any)["description"]; v != "A member called $ref." {
		t.Errorf("the member $ref is described as %v", v)
	}
	if _, closed := at(t, schemas, "AllPayload").(map[string]any)["additionalProperties"]; closed {
		t.Error("the payload still refuses unknown members")
	}
	for _, test := range []struct {
		want string
		path []any
	}{
		{`[{"type":"array"},{"additionalProperties":false}]`, []any{"AllPayloadEnum", "enum"}},
		{`{"additionalProperties":false,"type":"array"}`, []any{"AllPayloadConst", "const"}},
		{`{"additionalProperties":false,"phone_numbers":{"type":"array"},"type":"array"}`,
			[]any{"AllPayloadExample", "example"}},
		{`{"type":"array"}`, []any{"AllPayloadExample", "default"}},
		{`{"additionalProperties":false,"properties":{"b":{"type":"array"}},"type":"object"}`, []any{"AllPayloadNot", "not"}},
		{`{"items":{},"type":"array"}`, []any{"AllPayloadItemsItem", "properties", "type"}},
		{`{"type":"boolean"}`, []any{"AllPayloadPropertiesProperties", "properties", "required"}},
	} {
		got, err := json.Marshal(at(t, schemas, test.path...))
		if err != nil || string(got) != test.want {
			t.Errorf("%v is %s, want %s", test.path, got, test.want)
		}
	}
}

func TestPhoneNumbersAreStringsOnlyWhereNothingElseIsSaid(t *testing.T) {
	schemas := at(t, decode(t, composed(t, corpus(t)["deep"])), "components", "schemas")
	if got := at(t, schemas, "StartedPayloadObject", "properties", "phone_numbers", "items", "type"); got != "string" {
		t.Errorf("phone_numbers without items holds %v, want string", got)
	}
	want := "#/components/schemas/StartedPayloadObjectParticipantsItemPhoneNumbersItem"
	if got := at(t, schemas, "StartedPayloadObjectParticipantsItem", "properties", "phone_numbers", "items",
		"$ref"); got != want {
		t.Errorf("phone_numbers of objects holds %v, want %s", got, want)
	}
}

func TestAddressesOfOneNameAndTwoSchemas(t *testing.T) {
	schemas := at(t, decode(t, composed(t, corpus(t)["deep"])), "components", "schemas")
	object := func(name string) any {
		return at(t, schemas, "EmergencyAlertPayloadObject"+name, "properties", "emergency_address", "$ref")
	}
	if got := object(""); got != "#/components/schemas/EmergencyAddress" {
		t.Errorf("the first address is %v", got)
	}
	if got := object("Caller"); got != "#/components/schemas/EmergencyAlertPayloadObjectCallerEmergencyAddress" {
		t.Errorf("the address of another shape is %v", got)
	}
	if bytes.Contains(composed(t, corpus(t)["deep"]), []byte("x-schema-name")) {
		t.Error("the overlay's own keyword reached the composed document")
	}
}

func TestOperationNames(t *testing.T) {
	doc := decode(t, composed(t, corpus(t)["names"]))
	for event, want := range map[string]string{
		"a.b_c": "ABC", "a.b.c": "ABC2", "a_b.c": "C", "abc": "Abc", // clash, then numbered in order
		"x.handler": "EventHandler", "x.server_interface": "ServerInterface", "x.2fa_enabled": "Event2faEnabled",
		"x.started-now": "StartedNow", "x.": "X", "größe.geändert": "GeU00E4Ndert", "号码.更新": "U66F4U65B0",
		"x.type": "XType", "y.type": "YType", "x.foo": "Foo", "x.foo_request_object": "FooRequestObject",
	} {
		if got := at(t, doc, "paths", "/"+event, "post", "operationId"); got != want {
			t.Errorf("operation id of %s is %v, want %s", event, got, want)
		}
	}
}

func TestReferences(t *testing.T) {
	doc := decode(t, composed(t, corpus(t)["references"]))
	schemas := at(t, doc, "components", "schemas").(map[string]any)
	for event, want := range map[string]string{
		"ref.body": "Event", "ref.same": "Event", "ref.request": "Request", "ref.item": "Item", "ref.back": "Back",
		"ref.clash": "Clash2",
	} {
		operation := at(t, doc, "paths", "/"+event, "post")
		request := at(t, operation, "requestBody", "content", "application/json", "schema", "$ref")
		response := at(t, operation, "responses", "200", "content", "application/json", "schema", "$ref")
		if request != "#/components/schemas/"+want || response != request {
			t.Errorf("%s takes %v and gives %v, want %s for both", event, request, response, want)
		}
	}
	if got := at(t, schemas, "RequestPayload", "properties", "phone_numbers", "items", "type"); got != "string" {
		t.Errorf("the repairs did not reach a body that was a reference: phone_numbers holds %v", got)
	}
	if got := at(t, schemas, "Node", "properties", "children", "items", "$ref"); got != "#/components/schemas/Node" {
		t.Errorf("the recursive component refers to %v", got)
	}
	for _, kept := range []string{"Clash", "ClashPayload", "Clash_PayloadDeep", "Unused.Thing", "Alias"} {
		if _, ok := schemas[kept]; !ok {
			t.Errorf("the document's own component %s is gone", kept)
		}
	}
	if sections := slices.Collect(maps.Keys(at(t, doc, "components").(map[string]any))); !slices.Equal(sections,
		[]string{"schemas"}) {
		t.Errorf("components are %v, want schemas alone", sections)
	}
}

func TestKeywordsThatCannotBeUsedSayNothing(t *testing.T) {
	schemas := at(t, decode(t, composed(t, corpus(t)["odd"])), "components", "schemas")
	payload := at(t, schemas, "UnusablePayload", "properties")
	for member, want := range map[string]string{
		"legacy":       `{"type":"string"}`,
		"legacy_false": `{"$ref":"#/components/schemas/UnusablePayloadLegacyFalse"}`,
		"lookahead":    `{"type":"string"}`,
	} {
		if got := string(mustJSON(t, at(t, payload, member))); got != want {
			t.Errorf("%s is %s, want %s", member, got, want)
		}
	}
	if got := string(mustJSON(t, at(t, schemas, "SchemasPayload", "properties", "plain_pattern"))); got !=
		`{"pattern":"^a+$","type":"string"}` {
		t.Errorf("a pattern that can be checked is %s", got)
	}
}
