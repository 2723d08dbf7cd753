package compose

import (
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"
)

// nameKeyword is the extension by which the overlay gives a schema a name of its own: schemas of equal content that
// carry the same name become one type. It does not reach the composed document.
const nameKeyword = "x-schema-name"

// hoister moves schemas into components/schemas, so that each becomes a named Go type instead of a struct within a
// struct within a struct.
type hoister struct {
	names   names
	schemas *yaml.Node // components/schemas
}

// hoist moves one schema into the components and leaves a $ref in its place. A schema that the generator makes no type
// of its own for stays.
func (h *hoister) hoist(schema *yaml.Node, want string) {
	if !deservesName(schema) {
		h.hoistBelow(schema, want)
		return
	}
	content := canonical(schema)
	if declared := goName(valueOf(member(schema, nameKeyword))); declared != "" {
		if owner, taken := h.names[declared]; !taken || owner == content {
			want = declared
		}
	}
	name, shared := h.names.claim(want, content)
	if shared {
		*schema = *reference(name)
		return
	}
	h.move(schema, name)
}

// move hoists a schema under a name that is its own already.
func (h *hoister) move(schema *yaml.Node, name string) {
	moved := *schema
	set(h.schemas, name, &moved)
	h.names.reserve(besides(&moved, name)...)
	h.hoistBelow(&moved, name)
	*schema = *reference(name)
}

func reference(name string) *yaml.Node { return mapping("$ref", text(schemasPrefix+name)) }

// hoistBelow moves what is nested in a schema that itself stays where it is.
func (h *hoister) hoistBelow(schema *yaml.Node, prefix string) {
	for e, child := range below(schema) {
		switch e.keyword {
		case "properties":
			h.hoist(child, prefix+memberName(e.name))
		case "items":
			h.hoist(child, prefix+"Item")
		case "prefixItems":
			h.hoist(child, prefix+"Item"+ordinal(e.name))
		case "additionalProperties", "patternProperties":
			h.hoist(child, prefix+"Value")
		case "oneOf", "anyOf":
			h.hoist(child, prefix+"Option"+ordinal(e.name))
		case "allOf":
			h.hoistBelow(child, prefix) // the generator makes one struct of all parts
		}
	}
	nameMembers(schema)
}

// deservesName reports whether the generator makes a type of a schema that needs a name: a struct, a union or an
// enumeration.
func deservesName(schema *yaml.Node) bool {
	if !isMapping(schema) || member(schema, "$ref") != nil || member(schema, goType) != nil {
		return false
	}
	for _, keyword := range []string{"oneOf", "anyOf", "allOf", "enum", "const"} {
		if member(schema, keyword) != nil {
			return true
		}
	}
	properties := member(schema, "properties")
	return isMapping(properties) && len(properties.Content) > 0
}

func memberName(name string) string {
	if word := goName(name); word != "" {
		return word
	}
	return "Member"
}

func ordinal(position string) string {
	i, _ := strconv.Atoi(position) // below gives positions in decimal
	return strconv.Itoa(i + 1)
}

// keep leaves the schemas that the document itself has named their names.
func (h *hoister) keep() {
	for pair := range slices.Chunk(h.schemas.Content, 2) {
		name := memberName(pair[0].Value)
		h.names.reserve(append(besides(pair[1], name), name)...)
	}
}

// nested hoists what is nested in those.
func (h *hoister) nested() {
	for name, schema := range members(h.schemas) {
		h.hoistBelow(schema, memberName(name))
	}
}
