package compose_test

import (
	"encoding/json"
	"testing"
)

func TestResponses(t *testing.T) {
	doc := decode(t, composed(t, corpus(t)["responses"]))
	body := func(event, status string) any {
		return at(t, doc, "paths", "/"+event, "post", "responses", status, "content", "application/json", "schema", "$ref")
	}
	for _, test := range []struct{ event, status, want string }{
		{"r.many", "200", "Many"},                 // repeats the request
		{"r.nearly", "200", "NearlyResponseBody"}, // one description more
		{"r.other", "200", "OtherResponseBody"},   // something else
		{"r.many", "default", "ManyDefaultResponseBody"},
		{"q.optional", "200", "Optional"},
	} {
		if got := body(test.event, test.status); got != "#/components/schemas/"+test.want {
			t.Errorf("%s answers %s with %v, want %s", test.event, test.status, got, test.want)
		}
	}
	for _, event := range []string{"r.none", "r.empty", "r.bare"} {
		if got := at(t, doc, "paths", "/"+event, "post", "responses", "200").(map[string]any); len(got) != 1 {
			t.Errorf("%s, which describes no response, answers 200 with %v", event, got)
		}
	}
	if got := at(t, doc, "paths", "/q.list", "post", "responses", "200", "content", "application/json", "schema", "items",
		"$ref"); got !=
		"#/components/schemas/QListItem" {
		t.Errorf("the response list holds %v", got)
	}
}

func TestExamplesBecomeJSON(t *testing.T) {
	doc := decode(t, composed(t, corpus(t)["examples"]))
	example := func(event string, path ...any) string {
		got, err := json.Marshal(at(t, doc, append([]any{"paths", "/" + event, "post", "requestBody", "content",
			"application/json"}, path...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(got)
	}
	real := `{"event":"e.x","event_ts":1,"payload":{"id":"12"}}`
	for _, test := range []struct{ got, want string }{
		{example("e.text", "example"), real},
		{example("e.value", "example"), real},
		{example("e.broken", "example"), `"{ \"event\": oops"`},
		{example("e.emoji", "example"),
			"{\"event\":\"😀 e\u0301\",\"event_ts\":9223372036854775807,\"payload\":{\"n\":1e400}}"},
		{example("e.named", "examples", "one", "value"), real},
		{example("e.named", "examples", "two", "value"), real},
	} {
		if test.got != test.want {
			t.Errorf("example is %s, want %s", test.got, test.want)
		}
	}
	payload := at(t, doc, "components", "schemas", "TextPayload", "properties")
	for _, test := range []struct {
		want string
		path []any
	}{
		{`"12"`, []any{"id", "example"}}, // a string schema means the string
		{`12`, []any{"n", "example"}},
		{`[12,13]`, []any{"m", "examples"}},
		{`["a"]`, []any{"l", "example"}},
		{`"12"`, []any{"any", "example"}}, // could be either
		{`{"a":[1]}`, []any{"anyo", "example"}},
	} {
		got, _ := json.Marshal(at(t, payload, test.path...))
		if string(got) != test.want {
			t.Errorf("%v is %s, want %s", test.path, got, test.want)
		}
	}
}
