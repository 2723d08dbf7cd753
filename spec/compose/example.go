package compose

import "gopkg.in/yaml.v3"

// examples turns each example that the sender gives as a string with JSON in it into that JSON, in the media types and
// in the schemas.
func (w *webhook) examples() {
	holders := []*yaml.Node{w.request}
	for _, response := range members(w.responses) {
		holders = append(holders, member(response, "content"))
	}
	for _, holder := range holders {
		for _, mediaType := range members(holder) {
			if !isMapping(mediaType) {
				continue
			}
			schema := member(mediaType, "schema")
			unquote(member(mediaType, "example"), schema)
			for _, example := range members(member(mediaType, "examples")) {
				unquote(member(example, "value"), schema)
			}
			if member(mediaType, "examples") != nil {
				drop(mediaType, "example") // OpenAPI allows one of the two
			}
		}
	}
}

// unquote replaces a string by the JSON in it. It stays when it holds none, or when the schema may well mean the string
// itself.
func unquote(example, schema *yaml.Node) {
	if !isText(example) || hasType(schema, "string") {
		return
	}
	value, err := readJSON([]byte(example.Value))
	if err != nil || value.Kind == yaml.ScalarNode && member(schema, "type") == nil {
		return
	}
	*example = *value
}

// unquoteSchema does the same for the examples that stand in a schema.
func unquoteSchema(schema *yaml.Node) {
	unquote(member(schema, "example"), schema)
	if list := member(schema, "examples"); isSequence(list) {
		for _, example := range list.Content {
			unquote(example, schema)
		}
	}
}
