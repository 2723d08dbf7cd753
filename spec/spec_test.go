package spec_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"numhook/spec"
	"numhook/spec/compose"

	"github.com/getkin/kin-openapi/openapi3"
)

const (
	addressUpdated = "number_management.peering_number_emergency_address_updated"
	cnamUpdated    = "number_management.peering_number_cnam_updated"
)

type object = map[string]any

func decode(t *testing.T, text []byte) object {
	t.Helper()
	var v object
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// at follows member names; it fails the test where there is nothing.
func at(t *testing.T, v any, path ...string) any {
	t.Helper()
	for i, name := range path {
		members, _ := v.(object)
		next, ok := members[name]
		if !ok {
			t.Fatalf("there is nothing at %s", strings.Join(path[:i+1], " > "))
		}
		v = next
	}
	return v
}

func names(v any) []string { return slices.Sorted(maps.Keys(v.(object))) }

func TestReceiverIsNotStale(t *testing.T) {
	composed, err := compose.Compose(spec.Document(), spec.Overlay())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(composed.JSON, spec.Receiver()) {
		t.Error("receiver.json is not what number-management.json and overlay.yaml give: run go generate ./...")
	}
}

func TestReceiverLoads(t *testing.T) {
	doc, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	paths := slices.Sorted(maps.Keys(doc.Paths.Map()))
	if want := []string{"/" + cnamUpdated, "/" + addressUpdated}; !slices.Equal(paths, want) {
		t.Errorf("paths are %v, want %v", paths, want)
	}
	for _, path := range paths {
		operation := doc.Paths.Find(path).Post
		request := operation.RequestBody.Value.Content["application/json"].Schema
		response := operation.Responses.Status(200).Value.Content["application/json"].Schema
		if request.Ref == "" || request.Ref != response.Ref {
			t.Errorf("%s takes %q and gives %q, want one type", path, request.Ref, response.Ref)
		}
	}
	if doc.Components.Schemas["EmergencyAddress"] == nil {
		t.Error("there is no schema EmergencyAddress")
	}
}

// The document is vendored as the sender publishes it. Whoever "repairs" it by hand takes a quirk away, and finds out
// here: repairs are in overlay.yaml.
func TestDocumentHasTheSendersQuirks(t *testing.T) {
	document := decode(t, spec.Document())
	if got := names(document); !slices.Equal(got, []string{"info", "openapi", "webhooks"}) {
		t.Errorf("the top-level members are %v", got)
	}
	if document["openapi"] != "3.1.0" {
		t.Errorf("openapi is %v", document["openapi"])
	}
	if info := at(t, document, "info"); !maps.Equal(info.(object), object{"title": "Number Management", "version": "1.0.0",
		"description": "The Number Management webhooks allow developers to receive events for Number Management features."}) {
		t.Errorf("info is %v", info)
	}
	hooks := at(t, document, "webhooks")
	if got := names(hooks); !slices.Equal(got, []string{cnamUpdated, addressUpdated}) {
		t.Fatalf("webhooks are %v", got)
	}
	for _, event := range names(hooks) {
		post := at(t, hooks, event, "post").(object)
		if !slices.Equal(names(post), []string{"operationId", "requestBody", "responses", "tags"}) ||
			post["operationId"] != event ||
			!slices.Equal(post["tags"].([]any), []any{"number_management"}) {
			t.Errorf("%s: the operation is %v, %v, tags %v", event, names(post), post["operationId"], post["tags"])
		}
		if got := names(post["requestBody"]); !slices.Equal(got, []string{"content"}) {
			t.Errorf("%s: the request body has %v: the sender does not say that it is required", event, got)
		}
		if got := names(at(t, post, "responses")); !slices.Equal(got, []string{"200"}) {
			t.Errorf("%s: the responses are %v", event, got)
		}
		response := at(t, post, "responses", "200")
		if got := names(response); !slices.Equal(got, []string{"content"}) {
			t.Errorf("%s: the response has %v: the sender does not describe it", event, got)
		}
		request := at(t, post, "requestBody", "content").(object)
		if !slices.Equal(names(request), []string{"application/json"}) || !sameJSON(request, at(t, response, "content")) {
			t.Errorf("%s: the response does not repeat the request", event)
		}
		example, isText := at(t, request, "application/json", "example").(string)
		if !isText || !json.Valid([]byte(example)) {
			t.Errorf("%s: the example is not a string with JSON in it", event)
		}
		quirksOfSchema(t, event, at(t, request, "application/json", "schema"))
	}
}

func quirksOfSchema(t *testing.T, event string, root any) {
	payload := at(t, root, "properties", "payload")
	inner := at(t, payload, "properties", "object")
	if _, closed := root.(object)["additionalProperties"]; closed {
		t.Errorf("%s: additionalProperties stands on the root", event)
	}
	if got := at(t, root, "properties", "event").(object); !maps.Equal(got,
		object{"type": "string", "description": "The name of the event."}) {
		t.Errorf("%s: the schema of event is %v: the sender does not say which string", event, got)
	}
	got := at(t, inner, "properties", "phone_numbers").(object)
	if got["type"] != "array" || !slices.Equal(names(got), []string{"description", "type"}) {
		t.Errorf("%s: the schema of phone_numbers is %v: the sender does not say what it holds", event, got)
	}
	if ts := at(t, root, "properties", "event_ts"); at(t, ts, "type") != "integer" || at(t, ts, "format") != "int64" {
		t.Errorf("%s: event_ts is %v", event, ts)
	}
	if code := at(t, inner, "properties", "carrier_code"); at(t, code, "type") != "integer" ||
		at(t, code, "format") != "int32" {
		t.Errorf("%s: carrier_code is %v", event, code)
	}
	closed := map[string]any{"payload": payload, "object": inner}
	required := map[string]any{"root": at(t, root, "required"), "payload": at(t, payload, "required"),
		"object": at(t, inner, "required")}
	want := map[string]any{
		"root": []any{"event", "event_ts", "payload"}, "payload": []any{"account_id", "object"},
		"object": []any{"carrier_code", "phone_numbers"},
	}
	members := []string{"carrier_code", "cnam", "phone_numbers"}
	if event == addressUpdated {
		address := at(t, inner, "properties", "emergency_address")
		closed["emergency_address"] = address
		required["emergency_address"], want["emergency_address"] = at(t, address, "required"), []any{"address_line1"}
		members = []string{"carrier_code", "emergency_address", "phone_numbers"}
		parts := []string{"address_line1", "address_line2", "city", "country", "state_code", "zip"}
		if got := names(at(t, address, "properties")); !slices.Equal(got, parts) {
			t.Errorf("%s: the address has %v", event, got)
		}
	}
	if !sameJSON(required, want) {
		t.Errorf("%s: required are %v, want %v", event, required, want)
	}
	if got := names(at(t, inner, "properties")); !slices.Equal(got, members) {
		t.Errorf("%s: object has %v, want %v", event, got, members)
	}
	for name, schema := range closed {
		if at(t, schema, "additionalProperties") != false {
			t.Errorf("%s: %s does not refuse unknown members", event, name)
		}
	}
}

func sameJSON(a, b any) bool {
	first, err := json.Marshal(a)
	second, other := json.Marshal(b)
	return err == nil && other == nil && bytes.Equal(first, second)
}

func TestExamplesAreOneForEachEventAndGood(t *testing.T) {
	doc, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	if got := spec.Examples(); !slices.Equal(got, []string{cnamUpdated, addressUpdated}) {
		t.Errorf("examples are there for %v", got)
	}
	fictitious := regexp.MustCompile(`^\+1[2-9][0-9]{2}55501[0-9]{2}$`)
	for _, event := range spec.Examples() {
		text, ok := spec.Example(event)
		if !ok {
			t.Fatalf("there is no example of %s", event)
		}
		body := decode(t, text)
		schema := doc.Paths.Find("/" + event).Post.RequestBody.Value.Content["application/json"].Schema.Value
		if err := schema.VisitJSON(any(body), openapi3.EnableJSONSchema2020(), openapi3.MultiErrors()); err != nil {
			t.Errorf("the example of %s breaks the contract: %v", event, err)
		}
		if body["event"] != event {
			t.Errorf("the example of %s is of the event %v", event, body["event"])
		}
		if ts := body["event_ts"].(float64); ts < 1.7e12 || ts > 1.9e12 {
			t.Errorf("%s: event_ts %v is not in milliseconds of these years", event, ts)
		}
		inner := at(t, body, "payload", "object")
		numbers := at(t, inner, "phone_numbers").([]any)
		if len(numbers) == 0 {
			t.Errorf("%s: the example names no number", event)
		}
		for _, number := range numbers {
			if !fictitious.MatchString(number.(string)) {
				t.Errorf("%s: %v is not of the range kept for fiction", event, number)
			}
		}
		if event == cnamUpdated && !regexp.MustCompile(`^[ -~]{1,15}$`).MatchString(at(t, inner, "cnam").(string)) {
			t.Errorf("%s: the name is longer than 15 characters, or not plain", event)
		}
	}
	if _, ok := spec.Example("no.such_event"); ok {
		t.Error("there is an example of an event that does not exist")
	}
}

func TestDocumentsCannotBeChangedFromOutside(t *testing.T) {
	for name, get := range map[string]func() []byte{"Document": spec.Document, "Overlay": spec.Overlay,
		"Receiver":   spec.Receiver,
		"Downstream": spec.Downstream} {
		first := get()
		first[0] ^= 0xff
		if second := get(); first[0] == second[0] {
			t.Errorf("what %s gave was changed, and it gives the change", name)
		}
	}
}
