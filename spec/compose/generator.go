package compose

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// What this file knows is oapi-codegen's: the names that its templates use by themselves, and the extensions by which a
// document tells it what it would otherwise get wrong. None of the extensions means anything to a validator.
const (
	goType      = "x-go-type"
	fieldName   = "x-go-name"
	skipPointer = "x-go-type-skip-optional-pointer"
)

// generated are the names that the templates use in every package.
var generated = []string{
	"ServerInterface", "ServerInterfaceWrapper", "EchoRouter", "RegisterHandlers", "RegisterHandlersWithBaseURL",
	"RegisterHandlersWithOptions",
	"RegisterHandlersOptions", "StrictServerInterface", "StrictHandlerFunc", "StrictMiddlewareFunc", "NewStrictHandler",
}

// generatedFor are the endings of the names that the templates make for each operation, besides those for its
// responses.
var generatedFor = []string{"JSONRequestBody", "JSONBody", "RequestBody", "RequestObject", "ResponseObject", "Params"}

// reserved lists the names that the generator makes for the operation.
func (w *webhook) reserved(id string) []string {
	var taken []string
	for _, ending := range generatedFor {
		taken = append(taken, id+ending)
	}
	for status, response := range members(w.responses) {
		status = strings.ToUpper(status[:min(1, len(status))]) + status[min(1, len(status)):]
		for _, kind := range []string{"JSONResponse", "Response", "ResponseHeaders", "TextResponse"} {
			taken = append(taken, id+status+kind)
		}
		for mediaType := range members(member(response, "content")) {
			taken = append(taken, id+status+goName(mediaType)+"Response")
		}
	}
	return taken
}

// besides lists the names that the generator makes for a schema besides its own: an enumeration's constants, and a
// union's unnamed branches.
func besides(schema *yaml.Node, name string) []string {
	var taken []string
	for _, keyword := range []string{"enum", "oneOf", "anyOf"} {
		values := member(schema, keyword)
		if !isSequence(values) {
			continue
		}
		for i, value := range values.Content {
			taken = append(taken, name+strconv.Itoa(i), name+goName(value.Value))
		}
	}
	return taken
}

// nameMembers gives a Go field name to each member whose own name makes none, or the same as another member's.
func nameMembers(schema *yaml.Node) {
	properties := member(schema, "properties")
	fields := names{}
	if value := member(schema, "additionalProperties"); value != nil && value.Value != "false" {
		fields.reserve("AdditionalProperties", "Get", "Set") // the generated struct has them
	}
	for name, child := range members(properties) {
		want := memberName(name)
		if want[0] >= '0' && want[0] <= '9' {
			want = "N" + want
		}
		field, _ := fields.claim(want, "")
		if (field != want || !isPlain(name)) && isMapping(child) && member(child, fieldName) == nil {
			set(child, fieldName, text(field))
		}
	}
}

// isPlain reports whether the generator makes the same Go name of a member's name as goName does.
func isPlain(s string) bool {
	for i, r := range s {
		letter := r < utf8.RuneSelf && unicode.IsLetter(r)
		if !letter && (i == 0 || r != '_' && !(r < utf8.RuneSelf && unicode.IsDigit(r))) {
			return false
		}
	}
	return s != ""
}

// typeAny tells the generator to use "any" for a value of several types, which it has no type for.
func typeAny(schema *yaml.Node) {
	types := member(schema, "type")
	if !isSequence(types) || member(schema, goType) != nil {
		return
	}
	several := 0
	for _, name := range types.Content {
		if name.Value != "null" {
			several++
		}
	}
	if several > 1 {
		set(schema, goType, text("any"))
		set(schema, skipPointer, scalar("!!bool", "true"))
	}
}

// answerable gives a response that may be anything a type that the generator can answer with: it makes methods for it,
// and "any" cannot have methods.
func (h *hoister) answerable(mediaType *yaml.Node) {
	schema := member(mediaType, "schema")
	for at := schema; ; {
		if name, ok := componentName(member(at, "$ref")); ok {
			at = member(h.schemas, name)
			continue
		}
		if !isAnything(at) {
			return
		}
		break
	}
	schema = mapping()
	if own := member(mediaType, "schema"); isMapping(own) {
		schema = own
	}
	set(schema, goType, text("map[string]any"))
	set(mediaType, "schema", schema)
}

// isAnything reports whether the generator would make "any" of a schema.
func isAnything(schema *yaml.Node) bool {
	if !isMapping(schema) {
		return true
	}
	if own := member(schema, goType); own != nil {
		return own.Value == "any"
	}
	for _, keyword := range []string{"type", "properties", "oneOf", "anyOf", "allOf"} {
		if value := member(schema, keyword); value != nil && !(isText(value) && value.Value == "null") {
			return false
		}
	}
	return true
}
