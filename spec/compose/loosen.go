package compose

import (
	"regexp"

	"gopkg.in/yaml.v3"
)

// loosen mends in a schema what would keep the whole document from being used, by asking for less: a "required" that is
// not a list says nothing, and a pattern in a dialect that cannot be checked here is not checked.
func loosen(schema *yaml.Node) {
	if required := member(schema, "required"); required != nil && !isSequence(required) {
		drop(schema, "required")
	}
	if pattern := member(schema, "pattern"); isText(pattern) {
		if _, err := regexp.Compile(pattern.Value); err != nil {
			drop(schema, "pattern")
		}
	}
}
