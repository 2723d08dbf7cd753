package compose_test

import (
	"bytes"
	"testing"

	"numhook/spec"

	"github.com/speakeasy-api/openapi/overlay"
	"gopkg.in/yaml.v3"
)

// An action that finds nothing is no error when a document is composed, so a stale or misspelt one would go unnoticed.
// Here it does not: each must have a reason, and something to repair in the vendored document, or else in one of
// testdata's.
func TestEveryRepairHasAReasonAndFindsSomething(t *testing.T) {
	o, err := overlay.ParseReader(bytes.NewReader(spec.Overlay()))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Validate(); err != nil || o.Version != "1.1.0" {
		t.Fatalf("the overlay is of version %s: %v", o.Version, err)
	}
	elsewhere := map[string]bool{ // repairs of what the vendored document does not do
		"$..[?@.unevaluatedProperties == false].unevaluatedProperties": true,
	}
	found := map[string]map[string]int{}
	for name, document := range corpus(t) {
		var root yaml.Node
		if err := yaml.Unmarshal(document, &root); err != nil {
			t.Fatal(err)
		}
		for _, action := range o.Actions {
			path, err := o.NewPath(action.Target, nil)
			if err != nil {
				t.Fatalf("%s: %v", action.Target, err)
			}
			if found[action.Target] == nil {
				found[action.Target] = map[string]int{}
			}
			found[action.Target][name] += len(path.Query(&root))
		}
	}
	for _, action := range o.Actions {
		if len(action.Description) < 40 {
			t.Errorf("the action on %s has no reason", action.Target)
		}
		total := 0
		for _, n := range found[action.Target] {
			total += n
		}
		if total == 0 || (found[action.Target]["vendored"] == 0) != elsewhere[action.Target] {
			t.Errorf("the action on %s repairs %d places, %d of them in the vendored document", action.Target, total,
				found[action.Target]["vendored"])
		}
	}
}
