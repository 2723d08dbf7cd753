package config

import (
	"bytes"
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

//go:embed schema.json
var schema []byte

//go:embed example.yaml
var example []byte

// Schema is a JSON Schema (2020-12) of the configuration, for editors; Load holds the file against the same. It refuses
// no configuration that Load takes; what it cannot say (files that are there, names that are there twice, the names of
// the events, a first that is longer than max) only Load finds.
func Schema() []byte { return slices.Clone(schema) }

// Example is a configuration with every key, explained.
func Example() []byte { return slices.Clone(example) }

// structure is the schema, made ready once.
type structure struct {
	root *jsonschema.Schema
	keys map[string][]string // of each object, in the order in which they are explained, by where its schema stands
}

var theStructure = sync.OnceValue(func() structure {
	const name = "numhook.schema.json"
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		panic("the schema of the configuration is not JSON: " + err.Error())
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(name, value); err != nil {
		panic("the schema of the configuration cannot be taken: " + err.Error())
	}
	var document node
	if err := yaml.Unmarshal(schema, &document); err != nil { // JSON is YAML, whose nodes keep the order
		panic("the schema of the configuration is not YAML: " + err.Error())
	}
	s := structure{root: compiler.MustCompile(name), keys: map[string][]string{}}
	s.order(document.Content[0], "")
	return s
})

// order notes the keys of each object below a place of the schema.
func (s structure) order(n *node, at string) {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i].Value, n.Content[i+1]
		for j := 0; key == "properties" && j < len(value.Content); j += 2 {
			s.keys[at] = append(s.keys[at], value.Content[j].Value)
		}
		s.order(value, child(at, key))
	}
}

// of is the schema of a place of the configuration; nil where nothing may be.
func (s structure) of(pointer string) *jsonschema.Schema {
	found := s.root
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			break
		}
		if found.Items2020 != nil {
			found = found.Items2020
		} else if property, ok := found.Properties[token]; ok {
			found = property
		} else if more, ok := found.AdditionalProperties.(*jsonschema.Schema); ok {
			found = more
		} else {
			return nil
		}
		if found.Ref != nil {
			found = found.Ref
		}
	}
	return found
}

// keysOf are the keys that an object may have; nil for any.
func (s structure) keysOf(object *jsonschema.Schema) []string {
	_, at, _ := strings.Cut(object.Location, "#")
	return s.keys[at]
}

// wants reports whether the schema takes values of that type and of no other.
func wants(s *jsonschema.Schema, name string) bool {
	return s != nil && s.Types != nil && slices.Equal(s.Types.ToStrings(), []string{name})
}

func itoa(i int) string { return strconv.Itoa(i) }
