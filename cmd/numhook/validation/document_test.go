package validation_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"numhook/cmd/numhook/validation"
	"numhook/spec"
)

func read(t *testing.T, document string) *validation.Document {
	t.Helper()
	d, err := validation.ReadDocument(file(t, "spec.json", document))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestBothFormsOfTheDocument holds payloads against the built-in document, the same composed, and the same as the
// sender publishes it: the verdicts are equal.
func TestBothFormsOfTheDocument(t *testing.T) {
	want := run(t, validation.Options{Paths: []string{file(t, "five.json", fiveFaults)}})
	for name, document := range map[string][]byte{"paths": spec.Receiver(), "webhooks": spec.Document(),
		"bom": append([]byte("\ufeff"), spec.Document()...)} {
		d := read(t, string(document))
		got := run(t, validation.Options{Paths: []string{file(t, "five.json", fiveFaults)}, Document: d})
		if positions(got.findings) != positions(want.findings) || d.Name != "spec.json" {
			t.Errorf("%s: got\n%s", name, positions(got.findings))
		}
		for _, f := range got.findings {
			pointsInto(t, document, f)
		}
	}
}

// pointsInto asserts that the finding's position in the document is there, and for the sender's form that it is the
// webhook's own.
func pointsInto(t *testing.T, document []byte, f validation.Finding) {
	t.Helper()
	var node any
	if err := json.Unmarshal([]byte(strings.TrimPrefix(string(document), "\ufeff")), &node); err != nil {
		t.Fatal(err)
	}
	root := node.(map[string]any)
	for _, token := range strings.Split(f.Spec, "/")[1:] {
		node = node.(map[string]any)[strings.NewReplacer("~1", "/", "~0", "~").Replace(token)]
	}
	if node == nil {
		t.Errorf("%s has no place %s", f.Pointer, f.Spec)
	}
	body := "/webhooks/" + cnamEvent + "/post/requestBody/content/application~1json/schema/properties"
	if root["webhooks"] != nil && !strings.HasPrefix(f.Spec, body) {
		t.Errorf("%s comes from %s", f.Pointer, f.Spec)
	}
}

func TestPositionsInTheSendersDocument(t *testing.T) {
	const document = `{"openapi":"3.1.0","info":{"title":"T","version":"1"},
	"components":{"schemas":{"Deep":{"type":"object","properties":{"n":{"type":"integer","maximum":3}}}}},
	"webhooks":{"x.made":{"post":{"requestBody":{"content":{"application/json":{"schema":{"type":"object",
		"required":["event","a"],"properties":{
		"event":{"type":"string"},
		"a":{"type":"object","properties":{"list":{"type":"array","items":{"type":"object","required":["id"],
			"properties":{"deep":{"$ref":"#/components/schemas/Deep"}}}},
			"phone_numbers":{"type":"array"}}}}}}}},"responses":{"200":{}}}}}}`
	const body = "/webhooks/x.made/post/requestBody/content/application~1json/schema"
	d := read(t, document)
	for text, want := range map[string]string{
		`{"event":"x.made"}`:       "/a " + body + "/required",
		`{"event":"x.made","a":7}`: "/a " + body + "/properties/a/type",
		`{"event":"x.made","a":{"list":[{}]}}`: "/a/list/0/id " + body +
			"/properties/a/properties/list/items/required",
		`{"event":"x.made","a":{"list":[{"id":1,"deep":{"n":4}}]}}`: "/a/list/0/deep/n " +
			"/components/schemas/Deep/properties/n/maximum",
		// The overlay says what phone numbers are. The sender's document does not, so the position is the array.
		`{"event":"x.made","a":{"phone_numbers":[1]}}`: "/a/phone_numbers/0 " + body +
			"/properties/a/properties/phone_numbers",
	} {
		got := run(t, validation.Options{Paths: []string{file(t, "x.json", text)}, Document: d})
		found := "nothing"
		for _, f := range got.findings {
			if f.Kind == "violation" {
				found = f.Pointer + " " + f.Spec
			}
		}
		if found != want {
			t.Errorf("%s:\nwant %s\n got %s", text, want, found)
		}
	}
}

func TestDocumentsThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "it is empty",
		"openapi: 3.1.0":                 "1:1: it is not an events document: it has neither webhooks nor paths",
		"{\n \"openapi\": }":             "2:13: it is not JSON: invalid character '}' looking for beginning of value",
		"[]":                             "1:1: it is not an OpenAPI document: it is not an object",
		"{}":                             "1:1: it is not an OpenAPI document: it has no member openapi",
		`{"openapi":"3.1.0"}`:            "1:1: it is not an events document: it has neither webhooks nor paths",
		`{"openapi":"3.1.0","paths":{}}`: "1:20: it is not an events document: no operation is recognised in its paths",
		`{"openapi":"3.0.0","paths":{"/a":{"post":{}}}}`: `1:2: it is OpenAPI "3.0.0", and only 3.1 can be composed`,
		`{"openapi":"3.1.0","webhooks":[]}`: "1:20: it is not an events document: no operation is " +
			`recognised in its webhooks (1:20: "webhooks" says nothing: an object is expected, and this is a list)`,
		`{"openapi":"3.1.0","paths":"none"}`: "1:20: it is not an events document: no operation is recognised in its " +
			`paths (1:20: "paths" says nothing: an object is expected, and this is the text "none")`,
		`{"openapi":"3.1.0","webhooks":{"a":{"get":{}}}}`: `it has no operation POST (at /webhooks/a)`,
	} {
		_, err := validation.ReadDocument(file(t, "spec.json", text))
		if err == nil || !strings.HasPrefix(err.Error(), "cannot use the document spec.json: ") || want != "" &&
			!strings.HasSuffix(err.Error(), want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60q: got %v", text, err)
		}
	}
	if _, err := validation.ReadDocument("missing.json"); err == nil || err.Error() != "cannot use the document "+
		"missing.json: no such file or directory" {
		t.Errorf("got %v", err)
	}
	if _, err := validation.ReadDocument(os.TempDir()); err == nil || !strings.HasSuffix(err.Error(), "is a directory") {
		t.Errorf("got %v", err)
	}
}
