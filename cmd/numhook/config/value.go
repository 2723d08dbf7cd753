package config

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

func isNull(n *node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// value is the part of the file as the schema sees it. It tells of what only YAML has; document has told of aliases.
// What the schema expects nothing below is not looked into: one complaint about it is enough.
func (r *reader) value(n *node, at string) any {
	r.values[at] = n
	s := schemaOf(at)
	switch n.Kind {
	case yaml.MappingNode:
		return r.object(n, at, s)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for i, element := range n.Content {
			if wants(s, "array") {
				list = append(list, r.value(element, child(at, strconv.Itoa(i))))
			}
		}
		return list
	case yaml.ScalarNode:
		if strings.ContainsRune(n.Value, 0) {
			r.tell(n, label(at)+" holds a NUL character", "leave it out")
			r.told[at] = true
		}
		return scalar(n, s)
	}
	r.told[at] = true // an alias
	return nil
}

func (r *reader) object(n *node, at string, s *jsonschema.Schema) any {
	object := map[string]any{}
	if !wants(s, "object") {
		return object
	}
	known, first := keysOf(s), map[string]*node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		there := child(at, key.Value)
		switch before := first[key.Value]; {
		case key.Kind == yaml.AliasNode:
			continue
		case key.Kind != yaml.ScalarNode && known != nil:
			r.tell(key, "a key must be a word", "write one of "+oneOf(known))
			continue
		case key.Kind != yaml.ScalarNode || s.PropertyNames != nil && s.PropertyNames.Validate(key.Value) != nil:
			r.tell(key, "the name of a header consists of letters, digits and hyphens", "write another one")
			r.told[there] = true
			continue
		case known != nil && !slices.Contains(known, key.Value):
			object[key.Value], r.keys[there] = nil, key
			r.meant[at] = append(r.meant[at], r.tellUnknown(key, "key", known))
			continue
		case before != nil:
			if known != nil { // of headers, case makes no difference: they are told of where that is known
				r.tell(key, fmt.Sprintf("the key %s is there already, on line %d", key.Value, before.Line),
					"leave one of the two out")
			}
			continue
		}
		first[key.Value], r.keys[there] = key, key
		object[key.Value] = r.value(value, there)
		if isNull(value) && known != nil {
			r.tell(key, "the key "+key.Value+" has no value", "give it one, or leave it out")
			r.told[there] = true
		}
	}
	return object
}

var wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,17})$`)

// scalar is a word as JSON has it. What JSON has no value for stays a node, which the schema takes nowhere.
func scalar(n *node, s *jsonschema.Schema) any {
	number, err := strconv.ParseFloat(n.Value, 64)
	switch tag := n.ShortTag(); {
	case tag == "!!null":
		return nil
	case tag == "!!str":
		return n.Value
	case tag == "!!bool" && (n.Value == "true" || n.Value == "false"):
		return n.Value == "true"
	case wants(s, "integer") && !(tag == "!!int" && wholeNumber.MatchString(n.Value)):
		// 010 is another number to each reader
		return n
	case tag == "!!int" && wholeNumber.MatchString(n.Value):
		return json.Number(n.Value)
	case (tag == "!!int" || tag == "!!float") && err == nil && !math.IsNaN(number) && !math.IsInf(number, 0):
		return json.Number(strconv.FormatFloat(number, 'g', -1, 64))
	}
	return n
}

// label is what a place is called.
func label(at string) string {
	name, above := last(at), last(at[:max(strings.LastIndexByte(at, '/'), 0)])
	_, err := strconv.Atoi(name)
	switch {
	case at == "":
		return "the configuration"
	case above == "headers":
		return "the header " + canonical(name)
	case err != nil:
		return name
	case above == "downstreams":
		return "a downstream"
	case above == "carrier_codes":
		return "a carrier code"
	}
	return "an entry of " + above
}
