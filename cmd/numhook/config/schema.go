package config

import (
	"bytes"
	"cmp"
	_ "embed"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
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

// compiled is the schema, made ready once.
var compiled = sync.OnceValue(func() *jsonschema.Schema {
	const name = "numhook.schema.json"
	compiler := jsonschema.NewCompiler()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err := cmp.Or(err, compiler.AddResource(name, value)); err != nil {
		panic("the schema of the configuration cannot be used: " + err.Error())
	}
	return compiler.MustCompile(name)
})

// schemaOf is the schema of a place of the configuration; nil where nothing may be.
func schemaOf(pointer string) *jsonschema.Schema {
	found := compiled()
	for _, token := range strings.Split(pointer, "/")[1:] {
		if more, ok := found.AdditionalProperties.(*jsonschema.Schema); ok { // a header
			found = more
		} else {
			found = cmp.Or(found.Items2020, found.Properties[token])
		}
		if found == nil {
			return nil
		}
		found = cmp.Or(found.Ref, found)
	}
	return found
}

// keysOf are the keys that an object may have, in the order in which the schema explains them; none when it may have
// any.
func keysOf(object *jsonschema.Schema) []string {
	return slices.SortedFunc(maps.Keys(object.Properties), func(a, b string) int {
		return bytes.Index(schema, []byte(`"`+a+`":`)) - bytes.Index(schema, []byte(`"`+b+`":`))
	})
}

// wants reports whether the schema takes values of that type and of no other.
func wants(s *jsonschema.Schema, name string) bool {
	return s != nil && s.Types != nil && slices.Equal(s.Types.ToStrings(), []string{name})
}
