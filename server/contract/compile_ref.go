package contract

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// annotations are the keywords that constrain nothing where they stand beside a $ref.
var annotations = []string{"$comment", "default", "deprecated", "description", "example", "examples", "externalDocs",
	"readOnly", "title", "writeOnly", "xml"}

// siblings are the keywords that stand beside a $ref, as a schema of their own; nil when there are none. The loader
// makes them the last entry of allOf of a copy of what is referred to, but not when it takes them for nothing ("not":
// {} is not nothing).
func siblings(r *openapi3.SchemaRef) (*openapi3.SchemaRef, error) {
	written, err := keywords(r)
	if err != nil {
		return nil, err
	}
	delete(written, "$ref")
	maps.DeleteFunc(written, func(keyword string, _ json.RawMessage) bool {
		return slices.Contains(annotations, keyword) || keyword[:min(2, len(keyword))] == "x-"
	})
	if len(written) == 0 {
		return nil, nil
	}
	if n := len(r.Value.AllOf); n > 0 && r.Value.AllOf[n-1].Ref == "" {
		last := r.Value.AllOf[n-1]
		merged, err := keywords(last)
		if err != nil {
			return nil, err
		}
		known := len(merged) > 0
		for keyword := range merged {
			known = known && written[keyword] != nil
		}
		if known {
			return last, nil
		}
	}
	text, err := json.Marshal(written)
	if err != nil {
		return nil, err
	}
	own := new(openapi3.SchemaRef)
	return own, json.Unmarshal(text, own)
}

// keywords are the members of a schema as it is written.
func keywords(r *openapi3.SchemaRef) (map[string]json.RawMessage, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return nil, nil // a boolean
	}
	return members, nil
}

// join makes s what both the schema that is referred to and the keywords beside the $ref ask for. The keywords about
// what is left over (unevaluated...) see what is referred to, but not the other way round.
func (c *compiler) join(s *schema, from *openapi3.Schema, beside *openapi3.SchemaRef, local string) error {
	plain := *from
	if n := len(from.AllOf); n > 0 && from.AllOf[n-1] == beside {
		plain.AllOf = from.AllOf[:n-1]
	}
	target := &schema{spec: local}
	c.all = append(c.all, target)
	if err := c.schema(target, &plain); err != nil {
		return err
	}
	extra, err := c.ref(beside, s.spec)
	if err != nil {
		return err
	}
	s.rest, extra.rest = extra.rest, nil
	s.inPlace = &inPlaceRules{allOf: []*schema{target, extra}}
	s.layered = true
	return nil
}
