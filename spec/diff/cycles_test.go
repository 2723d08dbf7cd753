package diff

import (
	"fmt"
	"strings"
	"testing"
)

// TestCycles: schemas that refer to themselves and to each other are compared, and what is reported is reported once.
func TestCycles(t *testing.T) {
	const ref = `{"$ref": "#/components/schemas/%s"}`
	tree := func(depth int) string {
		return `"Tree": {"type": "object", "properties": {"value": {"maximum": ` + fmt.Sprint(depth) +
			`}, "children": {"type": "array", "items": ` +
			fmt.Sprintf(ref, "Tree") + `}}}`
	}
	old := mustLoad(t, "old", body(fmt.Sprintf(ref, "Tree"), tree(1)))
	if changes := Compare(old, old); len(changes) > 0 {
		t.Errorf("a tree differs from itself: %v", brief(changes))
	}
	changes := Compare(old, mustLoad(t, "new", body(fmt.Sprintf(ref, "Tree"), tree(2))))
	if len(changes) != 1 || changes[0].ID != "bound-loosened" ||
		changes[0].New.Pointer != "/components/schemas/Tree/properties/value/maximum" {
		t.Errorf("%v", brief(changes))
	}
	// The same tree, unrolled once: two levels of OLD are one of NEW.
	twice := `"Tree": {"type": "object", "properties": {"value": {"maximum": 1}, "children": {"type": "array", "items": ` +
		fmt.Sprintf(ref, "Twig") + `}}},
		"Twig": {"type": "object", "properties": {"value": {"maximum": 1}, "children": {"type": "array",
			"items": ` + fmt.Sprintf(ref, "Tree") + `}}}`
	if changes := Compare(old, mustLoad(t, "new", body(fmt.Sprintf(ref, "Tree"), twice))); len(changes) > 0 {
		t.Errorf("an unrolled tree is another one: %v", brief(changes))
	}
	loops := `"A": {"allOf": [` + fmt.Sprintf(ref, "B") + `, {"maximum": 1}]}, "B": {"allOf": [` + fmt.Sprintf(ref, "A") +
		`]},
		"C": {"type": "object", "additionalProperties": ` + fmt.Sprintf(ref, "C") + `}, "D": {"type": "object", ` +
		`"properties": {"x": ` + fmt.Sprintf(ref, "D") + `}}`
	a := mustLoad(t, "old", body(`{"properties": {"a": `+fmt.Sprintf(ref, "A")+`, "c": `+fmt.Sprintf(ref, "C")+`}}`,
		loops))
	b := mustLoad(t, "new", body(`{"properties": {"a": `+fmt.Sprintf(ref, "A")+`, "c": `+fmt.Sprintf(ref, "D")+`}}`,
		loops))
	if changes := Compare(a, b); len(changes) == 0 {
		t.Error("a map and an object are the same")
	}
	if changes := Compare(a, a); len(changes) > 0 {
		t.Errorf("loops differ from themselves: %v", brief(changes))
	}
}

// TestBounds: what references make of a few lines would be 2^40 schemas; the comparison comes to its end, and not in
// silence.
func TestBounds(t *testing.T) {
	const levels = 40
	for name, layer := range map[string]string{
		"allOf": `"L%d": {"allOf": [{"$ref": "#/components/schemas/L%d"}, {"$ref": ` +
			`"#/components/schemas/L%d"}, {"maximum": %d}]}`,
		"oneOf": `"L%d": {"oneOf": [{"$ref": "#/components/schemas/L%d"}, {"$ref": ` +
			`"#/components/schemas/L%d"}, {"maximum": %d}]}`,
		"properties": `"L%d": {"properties": {"a": {"$ref": "#/components/schemas/L%d"}, "b": {"$ref": ` +
			`"#/components/schemas/L%d"}, "c": {"maximum": %d}}}`,
		"additionalProperties": `"L%d": {"additionalProperties": {"$ref": "#/components/schemas/L%d"}, "properties": {"a": ` +
			`{"$ref": "#/components/schemas/L%d"}}, "maximum": %d}`,
	} {
		t.Run(name, func(t *testing.T) {
			document := func(maximum int) *Document {
				layers := []string{fmt.Sprintf(`"L0": {"maximum": %d}`, maximum)}
				for i := range levels {
					layers = append(layers, fmt.Sprintf(layer, i+1, i, i, 7))
				}
				return mustLoad(t, "layers", body(fmt.Sprintf(`{"$ref": "#/components/schemas/L%d"}`, levels),
					strings.Join(layers, ", ")))
			}
			if changes := Compare(document(1), document(1)); len(changes) > 0 {
				t.Errorf("the document differs from itself: %v", brief(changes))
			}
			changes := Compare(document(1), document(2))
			if level, _ := Worst(changes); level == Safe {
				t.Errorf("the change at the bottom is lost: %v", brief(changes))
			}
		})
	}
}

// TestPairs: two rings of coprime lengths make as many pairs as their product; the comparison gives up, and says so.
func TestPairs(t *testing.T) {
	ring := func(length int) *Document {
		var links []string
		for i := range length {
			links = append(links, fmt.Sprintf(`"R%d": {"properties": {"next": {"$ref": "#/components/schemas/R%d"}}}`, i,
				(i+1)%length))
		}
		return mustLoad(t, "ring", body(`{"$ref": "#/components/schemas/R0"}`, strings.Join(links, ", ")))
	}
	if changes := Compare(ring(30), ring(31)); len(changes) > 0 {
		t.Errorf("the rings mean the same: %v", brief(changes))
	}
	changes := Compare(ring(200), ring(201))
	if len(changes) != 1 || changes[0].ID != "schema-changed" || !strings.HasPrefix(changes[0].Message,
		"Perhaps something in schemas that refer to each other too often") {
		t.Errorf("%v", changes)
	}
}
