package settings

import (
	_ "embed"
	"slices"
)

//go:embed schema.json
var schema []byte

//go:embed example.yaml
var example []byte

// Schema is a JSON Schema (2020-12) of the configuration, for editors. It refuses no configuration that Load takes; what it cannot say (files that are there, names
// that are there twice, the names of the events, a first that is longer than max) only Load finds.
func Schema() []byte { return slices.Clone(schema) }

// Example is a configuration with every key, explained.
func Example() []byte { return slices.Clone(example) }
