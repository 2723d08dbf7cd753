package contract

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestNullIsTold: a value that may be null is told of when it is, and nothing else is said of it. One that may not be
// null is a violation, and that is all.
func TestNullIsTold(t *testing.T) {
	doc, strict := receiver(t)
	object := doc.Components.Schemas["PeeringNumberCnamUpdatedPayloadObject"].Value
	object.Properties["cnam"].Value.Type = &openapi3.Types{"string", "null"}
	open, err := New(doc)
	if err != nil {
		t.Fatal(err)
	}
	body := cnamBody(`{"carrier_code":1,"phone_numbers":["+12025550143"],"cnam":null}`)
	const at = "/payload/object/cnam"
	for _, test := range []struct {
		contract         *Contract
		violations, lint []string
	}{
		{open, nil, []string{"value-null " + at}},
		{strict, []string{"type " + at}, nil},
	} {
		d := Parse([]byte(body))
		r := test.contract.check(cnamEvent, time.Time{}, d, 0)
		var violations, lint []string
		for _, f := range r.Violations {
			violations = append(violations, f.Rule+" "+f.Pointer)
		}
		for _, f := range r.Lint {
			lint = append(lint, f.Rule+" "+f.Pointer)
		}
		if !slices.Equal(violations, test.violations) || !slices.Equal(lint, test.lint) {
			t.Errorf("violations %v, lint %v; want %v and %v", violations, lint, test.violations, test.lint)
		}
		if test.contract.Clean(cnamEvent, Parse([]byte(body))) {
			t.Error("a body with null is clean")
		}
	}
	if d := Parse([]byte(strings.Replace(body, "null", `"A"`, 1))); !open.Clean(cnamEvent, d) {
		t.Error("a body with a value is not clean")
	}
}
