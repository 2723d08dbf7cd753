package spec_test

import (
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"numhook/spec"
)

// The operators' document is whole: it is all that whoever makes a client from it has.
func TestOperatorsDocumentIsWhole(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(spec.Operator())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil { // examples and all
		t.Error(err)
	}
	if doc.OpenAPI != "3.1.0" || len(doc.Servers) != 1 || len(doc.Security) != 1 {
		t.Errorf("version %s, %d servers, %d security requirements", doc.OpenAPI, len(doc.Servers), len(doc.Security))
	}
	calls := 0
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			calls++
			what := method + " " + path
			if o.OperationID == "" || o.Summary == "" || o.Description == "" || len(o.Tags) != 1 {
				t.Errorf("%s is not described", what)
			}
			if role, _ := o.Extensions["x-role"].(string); !strings.Contains("viewer reader operator", role) || role == "" {
				t.Errorf("%s says no role", what)
			}
			for _, status := range []string{"200", "400", "401", "403", "429", "500", "503"} {
				if o.Responses.Value(status) == nil {
					t.Errorf("%s has no answer %s", what, status)
				}
			}
			if strings.Contains(path, "{") && o.Responses.Value("404") == nil {
				t.Errorf("%s has no answer 404", what)
			}
			if method == "POST" && o.Responses.Value("409") == nil {
				t.Errorf("%s has no answer 409", what)
			}
			for _, p := range o.Parameters {
				if p.Value.Description == "" || p.Value.Example == nil {
					t.Errorf("%s: the parameter %s has no description, or no example", what, p.Value.Name)
				}
			}
		}
	}
	if calls < 15 {
		t.Errorf("%d calls", calls)
	}
	for name, schema := range doc.Components.Schemas {
		if schema.Value.Description == "" {
			t.Errorf("the schema %s is not described", name)
		}
		for member, property := range schema.Value.Properties {
			if property.Ref == "" && property.Value.Description == "" {
				t.Errorf("the member %s of %s is not described", member, name)
			}
		}
	}
}
