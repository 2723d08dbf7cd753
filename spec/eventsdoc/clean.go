package eventsdoc

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// cleaner takes out of a tree what has no meaning.
type cleaner struct {
	root     *yaml.Node
	warnings []Warning
	kinds    map[*yaml.Node]kind // what each object has been read as
	order    []spot              // the schemas, in the order in which they were met
	refs     []reference         // the references that are still to be followed
	targets  map[*yaml.Node]*yaml.Node
	doubts   []doubt                        // the members that nothing gives a meaning
	loosened map[*yaml.Node]bool            // what something has been taken out of
	gone     map[*yaml.Node]map[string]bool // what has been taken out of it
	older    bool                           // the document is OpenAPI 3.0
}

// spot is an object and where it stands.
type spot struct {
	node    *yaml.Node
	pointer string
}

// doubt is a member without a meaning. It goes, unless a reference leads into it: then it is what holds the target.
type doubt struct {
	within *yaml.Node
	key    *yaml.Node
	value  *yaml.Node
}

// object reads one object as what it is said to be, and everything below it.
func (c *cleaner) object(n *yaml.Node, k kind, pointer string) {
	if _, done := c.kinds[n]; done || !isSchema(n) {
		return
	}
	c.kinds[n] = k
	if k == schema {
		c.order = append(c.order, spot{n, pointer})
	}
	known := keywords[k]
	for _, pair := range pairs(n) {
		key, value := pair[0], pair[1]
		at := under(pointer, key.Value)
		w, found := known[c.name(key, k)]
		switch {
		case known == nil || strings.HasPrefix(key.Value, "x-"):
		case k == schema && key.Value == "nullable":
			c.nullable(n, key, value, at)
		case k == schema && c.older && strings.HasPrefix(key.Value, "exclusive") && isBool(value): // as OpenAPI 3.0 has it
		case !found:
			c.unknown(n, key, value, k, at)
		case k == schema && unheld[key.Value] != "":
			c.take(n, key, at, unheld[key.Value])
		case key.Value == "$ref" && isText(value):
			c.refs = append(c.refs, reference{holder: n, key: key, value: value, kind: k, pointer: at})
		default:
			if why := c.value(n, key, value, w, at); why != "" {
				c.take(n, key, at, why)
			}
		}
	}
	if k == schema {
		c.beside(n, pointer)
	}
}

// name is the keyword that a key stands for: the methods of a path item may be written in capitals.
func (c *cleaner) name(key *yaml.Node, k kind) string {
	if lower := strings.ToLower(key.Value); k == pathItem && slices.Contains(operations, lower) {
		return lower
	}
	return key.Value
}

// take takes a member out, and says why.
func (c *cleaner) take(n, key *yaml.Node, pointer, why string) {
	c.warn(c.weight(n, key.Value), key, pointer, "%s says nothing: %s", quote(key.Value), why)
	c.lose(n, key.Value)
	if at := find(n, "items"); key.Value == "items" && c.kinds[n] == schema && at >= 0 {
		c.empty(n.Content[at+1], pointer) // an array without items is one that nobody described, and may be repaired
		return
	}
	drop(n, key.Value)
}

// weight is that of a member of an object. What stands in a schema may have been meant to ask for something, unless it
// is for people.
func (c *cleaner) weight(n *yaml.Node, name string) Weight {
	switch k := c.kinds[n]; {
	case k == schema && annotations[name], k != schema && k != "" && words[name]:
		return Words
	case k == schema, k == "", name == "content", name == "schema", name == "requestBody":
		return Demand
	}
	return Words
}

// lose remembers what an object has no more. Words for people are no loss.
func (c *cleaner) lose(n *yaml.Node, name string) {
	if annotations[name] {
		return
	}
	c.loosened[n] = true
	if c.gone[n] == nil {
		c.gone[n] = map[string]bool{}
	}
	c.gone[n][name] = true
}

// unknown is for a member that nothing gives a meaning.
func (c *cleaner) unknown(n, key, value *yaml.Node, k kind, pointer string) {
	if k == schema && key.Value == "additionalItems" && !isSequence(member(n, "items")) && !c.gone[n]["items"] {
		c.warn(Reading, key, pointer, `"additionalItems" says nothing: where it meant something, it was about what follows `+
			`a list of "items", and there is none`)
		c.doubts = append(c.doubts, doubt{n, key, value})
		return
	}
	why := fmt.Sprintf("there is no such member of a %s", k)
	if k == schema {
		why = "JSON Schema has no such keyword"
		if looksLikeSchema(value) && intended(key.Value, keywords[k]) == "" {
			why = `JSON Schema has no such keyword; it looks like a member's schema that stands beside "properties" instead ` +
				`of in it`
		}
	}
	if hint := intended(key.Value, keywords[k]); hint != "" {
		why += fmt.Sprintf(" (was %s meant?)", hint)
	}
	weight := Words
	if k == schema {
		weight = Demand
	}
	c.warn(weight, key, pointer, "%s says nothing: %s", quote(key.Value), why)
	c.doubts = append(c.doubts, doubt{n, key, value})
	if k == schema && (looksLikeSchema(value) || intended(key.Value, keywords[k]) != "") {
		c.loosened[n] = true // it may have been meant to ask for something
	}
}

// nullable is the one keyword of OpenAPI 3.0 that people go on writing. The receiver holds values against "type" alone;
// but that null may come is worth knowing where two documents are compared, so it stays.
func (c *cleaner) nullable(n, key, value *yaml.Node, pointer string) {
	switch {
	case !isBool(value):
		c.take(n, key, pointer, c.scalar(value, aBoolean))
	case !c.older && value.Value == "true":
		c.warn(Reading, key, pointer, `"nullable" says nothing in OpenAPI 3.1: where null may come, "null" is in the list `+
			`of "type"`)
	}
}

func looksLikeSchema(n *yaml.Node) bool {
	return isMapping(n) && slices.ContainsFunc([]string{"type", "properties", "$ref", "items", "enum", "format",
		"description"}, func(keyword string) bool {
		return member(n, keyword) != nil
	})
}

// value holds a keyword's value against what it has to be. It gives the reason why it says nothing, if it does.
func (c *cleaner) value(n, key, value *yaml.Node, w want, pointer string) string {
	switch w.form {
	case anything:
		return unwritable(value)
	case aText, aBoolean, aNumber, aPositive, aCount, aPattern:
		return c.scalar(value, w.form)
	case aType:
		return c.types(value)
	case names:
		return c.names(key, value, pointer)
	case values, anyList:
		if !isSequence(value) || w.form == values && len(value.Content) == 0 {
			return "a list of values is expected, and this is " + showList(value)
		}
		return unwritable(value)
	case aSchema:
		if !isSchema(value) {
			return "a schema is expected, and this is " + show(value)
		}
		c.object(value, schema, pointer)
	case schemas, patterns:
		return c.schemas(n, key, value, w.form, pointer)
	case allSchemas, someSchemas, positionSchemas:
		return c.schemaList(n, key, value, w.form, pointer)
	case nameLists, texts:
		return c.lists(value, w.form, pointer)
	default:
		return c.objects(value, w, pointer)
	}
	return ""
}

func showList(n *yaml.Node) string {
	if isSequence(n) && len(n.Content) == 0 {
		return "a list of none"
	}
	return show(n)
}

// unwritable is for numbers that no reader of documents can hold. A double is what they have.
func unwritable(n *yaml.Node) string {
	if isNumber(n) {
		if _, err := strconv.ParseFloat(n.Value, 64); err != nil {
			return show(n) + " is beyond every reader"
		}
	}
	for _, child := range n.Content {
		if why := unwritable(child); why != "" {
			return why
		}
	}
	return ""
}

// unicodeEscape is how JavaScript writes a character by its number; Go writes it \x{1234}.
var unicodeEscape = regexp.MustCompile(`\\u([0-9a-fA-F]{4})`)

func (c *cleaner) scalar(value *yaml.Node, f form) string {
	expected := map[form]string{
		aText: "a text", aBoolean: "true or false", aNumber: "a number", aPositive: "a number above zero",
		aCount:   "an integer of zero or more",
		aPattern: "a pattern",
	}[f]
	refused := expected + " is expected, and this is " + show(value)
	switch f {
	case aText, aPattern:
		if !isText(value) {
			return refused
		}
		if f == aPattern {
			if _, err := regexp.Compile(unicodeEscape.ReplaceAllString(value.Value, `\x{$1}`)); err != nil {
				return "the receiver cannot hold values against this pattern: " + strings.TrimPrefix(err.Error(),
					"error parsing regexp: ")
			}
		}
		return ""
	case aBoolean:
		if !isBool(value) {
			return refused
		}
		return ""
	}
	if !isNumber(value) {
		return refused
	}
	if why := unwritable(value); why != "" {
		return why
	}
	number, _ := new(big.Rat).SetString(value.Value)
	switch {
	case f == aPositive && number.Sign() <= 0:
		return refused
	case f == aCount && (!number.IsInt() || number.Sign() < 0 || !number.Num().IsInt64()):
		return refused
	case f == aCount:
		value.Tag, value.Value = "!!int", number.Num().String() // 1.0 is 1
	}
	return ""
}

// types holds a type against the list of them. Of a list with an unknown one nothing stays: without it the others would
// ask for more.
func (c *cleaner) types(value *yaml.Node) string {
	list := []*yaml.Node{value}
	if isSequence(value) {
		list = value.Content
	}
	if len(list) == 0 {
		return "it names no type"
	}
	seen := map[string]bool{}
	var kept []*yaml.Node
	for _, name := range list {
		if !isText(name) || !typeNames[name.Value] {
			return "there is no type " + strings.TrimPrefix(show(name), "the text ")
		}
		if !seen[name.Value] {
			kept = append(kept, name)
		}
		seen[name.Value] = true
	}
	if isSequence(value) {
		value.Content = kept
	}
	return ""
}

// names holds a list of names together: what is no text goes, and so does what is there twice.
func (c *cleaner) names(key, value *yaml.Node, pointer string) string {
	if !isSequence(value) {
		return "a list of texts is expected, and this is " + show(value)
	}
	seen := map[string]bool{}
	var kept []*yaml.Node
	for i, name := range value.Content {
		switch {
		case !isText(name):
			c.warn(Demand, name, element(pointer, i), "an element of %s says nothing: a text is expected, and this is %s",
				quote(key.Value), show(name))
		case seen[name.Value]:
			c.warn(Reading, name, element(pointer, i), "an element of %s says nothing: %s is there twice", quote(key.Value),
				quote(name.Value))
		default:
			kept = append(kept, name)
			seen[name.Value] = true
		}
	}
	value.Content = kept
	return ""
}
