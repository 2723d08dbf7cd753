package compose

import (
	"strconv"

	"gopkg.in/yaml.v3"
)

// How the value of a JSON Schema keyword holds further schemas. A keyword is known only here and only by its place: the
// members of a "properties" are the sender's own names, and one of them may well be called "items" or "required".
type holding int

const (
	one  holding = iota + 1 // a schema
	list                    // an array of schemas
	dict                    // an object with a schema in each member
)

var holdings = map[string]holding{
	"properties":            dict,
	"patternProperties":     dict,
	"additionalProperties":  one,
	"unevaluatedProperties": one,
	"propertyNames":         one,
	"dependentSchemas":      dict,
	"items":                 one,
	"prefixItems":           list,
	"unevaluatedItems":      one,
	"contains":              one,
	"allOf":                 list,
	"anyOf":                 list,
	"oneOf":                 list,
	"not":                   one,
	"if":                    one,
	"then":                  one,
	"else":                  one,
	"contentSchema":         one,
	"$defs":                 dict,
	"definitions":           dict,
}

// dataKeywords hold values, not schemas, whatever their values look like.
var dataKeywords = []string{"example", "examples", "default", "enum", "const"}

// edge leads from a schema to one directly below it.
type edge struct {
	keyword string
	name    string // the member's name, or the position in an array; empty when the keyword holds one schema
}

func (e edge) pointer(base string) string {
	if holdings[e.keyword] == one {
		return pointerTo(base, e.keyword)
	}
	return pointerTo(base, e.keyword, e.name)
}

// below gives the schemas directly below a schema, in the order of the document. A node that it gives may be
// overwritten in place.
func below(schema *yaml.Node) func(yield func(edge, *yaml.Node) bool) {
	return func(yield func(edge, *yaml.Node) bool) {
		for keyword, value := range members(schema) {
			switch holdings[keyword] {
			case one:
				if isSchema(value) && !yield(edge{keyword: keyword}, value) {
					return
				}
			case list:
				if !isSequence(value) {
					continue
				}
				for i, child := range value.Content {
					if isSchema(child) && !yield(edge{keyword, strconv.Itoa(i)}, child) {
						return
					}
				}
			case dict:
				for name, child := range members(value) {
					if isSchema(child) && !yield(edge{keyword, name}, child) {
						return
					}
				}
			}
		}
	}
}

// isSchema tells the two forms of a schema, an object and a boolean, from what merely stands in a schema's place.
func isSchema(n *yaml.Node) bool {
	return isMapping(n) || n != nil && n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool"
}

// within visits a schema and all below it, parents first. visit says whether to go on below.
func within(schema *yaml.Node, pointer string, visit func(schema *yaml.Node, pointer string) bool) {
	if !visit(schema, pointer) {
		return
	}
	for e, child := range below(schema) {
		within(child, e.pointer(pointer), visit)
	}
}

// hasType reports whether a schema names the type among its own; a schema without "type" names none.
func hasType(schema *yaml.Node, name string) bool {
	t := member(schema, "type")
	if isText(t) {
		return t.Value == name
	}
	if isSequence(t) {
		for _, n := range t.Content {
			if isText(n) && n.Value == name {
				return true
			}
		}
	}
	return false
}

// site is a place outside all other schemas where one begins: a media type's schema, a parameter's, or a component.
type site struct {
	schema  *yaml.Node
	pointer string
}

// sites lists where schemas begin, in the order of the document.
func sites(doc *yaml.Node) []site {
	var found []site
	for name, item := range members(member(doc, "webhooks")) {
		for method, operation := range members(item) {
			base := pointerTo("/webhooks", name, method)
			found = append(found, contentSites(member(operation, "requestBody"), pointerTo(base, "requestBody"))...)
			for status, response := range members(member(operation, "responses")) {
				found = append(found, contentSites(response, pointerTo(base, "responses", status))...)
			}
			found = append(found, listSites(member(operation, "parameters"), pointerTo(base, "parameters"))...)
		}
	}
	components := member(doc, "components")
	for name, schema := range members(member(components, "schemas")) {
		if isSchema(schema) {
			found = append(found, site{schema, pointerTo("/components/schemas", name)})
		}
	}
	for _, section := range []string{"requestBodies", "responses"} {
		for name, holder := range members(member(components, section)) {
			found = append(found, contentSites(holder, pointerTo("/components", section, name))...)
		}
	}
	return found
}

// contentSites lists the schemas of a request body's or a response's media types.
func contentSites(holder *yaml.Node, pointer string) []site {
	var found []site
	for mediaType, content := range members(member(holder, "content")) {
		if schema := member(content, "schema"); isSchema(schema) {
			found = append(found, site{schema, pointerTo(pointer, "content", mediaType, "schema")})
		}
	}
	return found
}

func listSites(parameters *yaml.Node, pointer string) []site {
	var found []site
	if !isSequence(parameters) {
		return nil
	}
	for i, parameter := range parameters.Content {
		if schema := member(parameter, "schema"); isSchema(schema) {
			found = append(found, site{schema, pointerTo(pointer, strconv.Itoa(i), "schema")})
		}
	}
	return found
}
