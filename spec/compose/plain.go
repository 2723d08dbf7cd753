package compose

import (
	"strings"

	"gopkg.in/yaml.v3"

	"numhook/spec/eventsdoc"
)

// plain takes out of a schema what means something in the sender's document only: what other schemas refer to has been
// put where they are, and a name for it, or a word that merely held it, would lead other readers astray.
func plain(schema *yaml.Node) {
	for keyword := range members(schema) {
		switch keyword {
		case "$id", "$schema", "$anchor", "$dynamicAnchor", "$vocabulary", "$defs", "definitions":
			drop(schema, keyword)
		default:
			if !strings.HasPrefix(keyword, "x-") && !eventsdoc.IsKeyword(keyword) {
				drop(schema, keyword)
			}
		}
	}
}
