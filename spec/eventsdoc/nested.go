package eventsdoc

import (
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// schemas reads an object with a schema in each member. A member of "properties" that is no schema stays known, and
// says nothing of its value.
func (c *cleaner) schemas(n, key, value *yaml.Node, f form, pointer string) string {
	if !isMapping(value) {
		return "an object with a schema in each member is expected, and this is " + show(value)
	}
	for _, pair := range pairs(value) {
		at := under(pointer, pair[0].Value)
		if f == patterns {
			if why := c.scalar(pair[0], aPattern); why != "" {
				c.take(value, pair[0], at, why)
				c.lose(n, key.Value)
				continue
			}
		}
		switch {
		case isSchema(pair[1]):
			c.object(pair[1], schema, at)
		case key.Value == "properties":
			c.warn(Demand, pair[0], at, "%s says nothing of its value: a schema is expected, and this is %s",
				quote(pair[0].Value), show(pair[1]))
			c.empty(pair[1], at)
		default:
			c.take(value, pair[0], at, "a schema is expected, and this is "+show(pair[1]))
			c.lose(n, key.Value)
		}
	}
	return ""
}

// empty makes a schema that asks for nothing of what stands in a schema's place.
func (c *cleaner) empty(n *yaml.Node, pointer string) {
	*n = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: n.Line, Column: n.Column}
	c.object(n, schema, pointer)
	c.loosened[n] = true
}

// schemaList reads a list of schemas. Where they are alternatives, one that cannot be read leaves the others without a
// meaning.
func (c *cleaner) schemaList(n, key, value *yaml.Node, f form, pointer string) string {
	if isSequence(value) && len(value.Content) == 0 && f != someSchemas {
		c.warn(Reading, key, pointer, "%s says nothing: its list is empty", quote(key.Value))
		drop(n, key.Value)
		return ""
	}
	if !isSequence(value) || len(value.Content) == 0 {
		return "a list of schemas is expected, and this is " + showList(value)
	}
	var kept []*yaml.Node
	for i, item := range value.Content {
		at := element(pointer, i)
		if isSchema(item) {
			kept = append(kept, item)
			continue
		}
		switch f {
		case someSchemas:
			return "a list of schemas is expected, and in this one there is " + show(item)
		case positionSchemas:
			c.warn(Demand, item, at, "an element says nothing: a schema is expected, and this is %s", show(item))
			c.empty(item, at)
			kept = append(kept, item)
		default:
			c.warn(Demand, item, at, "an element says nothing: a schema is expected, and this is %s", show(item))
			c.loosened[n] = true
		}
	}
	if len(kept) == 0 {
		return "none of its elements is a schema"
	}
	value.Content = kept
	for i, item := range kept {
		c.object(item, schema, element(pointer, i))
	}
	return ""
}

// lists reads an object whose members are lists of names, or texts.
func (c *cleaner) lists(value *yaml.Node, f form, pointer string) string {
	if !isMapping(value) {
		return "an object is expected, and this is " + show(value)
	}
	for _, pair := range pairs(value) {
		at := under(pointer, pair[0].Value)
		why := ""
		if f == nameLists {
			why = c.names(pair[0], pair[1], at)
		} else {
			why = c.scalar(pair[1], aText)
		}
		if why != "" {
			c.take(value, pair[0], at, why)
		}
	}
	return ""
}

// objects reads what OpenAPI has beside schemas: an object, a list of them, or an object with one in each member.
func (c *cleaner) objects(value *yaml.Node, w want, pointer string) string {
	switch w.form {
	case anObject:
		if !isMapping(value) {
			return "an object is expected, and this is " + show(value)
		}
		c.object(value, w.of, pointer)
		return c.lacking(value, w.of)
	case objectList:
		if !isSequence(value) {
			return "a list is expected, and this is " + show(value)
		}
		c.elements(value, w.of, pointer)
		return ""
	}
	if !isMapping(value) {
		return "an object is expected, and this is " + show(value)
	}
	types := map[string]string{}
	for _, pair := range pairs(value) {
		at := under(pointer, pair[0].Value)
		why := ""
		switch before, twice := types[Essence(pair[0].Value)]; {
		case (w.of == response || w.of == pathItem) && strings.HasPrefix(pair[0].Value, "x-"):
			continue
		case w.of == response && strings.HasSuffix(pointer, "/responses") && !strings.HasPrefix(pointer, "/components/") &&
			!status.MatchString(pair[0].Value):
			why = "a response is for a status such as 200 or 2XX, or the default"
		case w.of == mediaType && twice:
			why = "it is the same media type as " + quote(before)
		case !isMapping(pair[1]):
			why = "an object is expected, and this is " + show(pair[1])
		default:
			c.object(pair[1], w.of, at)
			why = c.lacking(pair[1], w.of)
		}
		if why != "" {
			c.take(value, pair[0], at, why)
			continue
		}
		types[Essence(pair[0].Value)] = pair[0].Value
	}
	return ""
}

// status is what a response in an operation is for.
var status = regexp.MustCompile(`^([1-5]([0-9][0-9]|XX)|default)$`)

func (c *cleaner) elements(value *yaml.Node, k kind, pointer string) {
	var kept []*yaml.Node
	seen := map[string]bool{}
	for i, item := range value.Content {
		at := element(pointer, i)
		why := "an object is expected, and this is " + show(item)
		if isMapping(item) {
			c.object(item, k, at)
			why = c.lacking(item, k)
		}
		if name := member(item, "name"); why == "" && k == tag && name != nil {
			if seen[name.Value] {
				why = quote(name.Value) + " is there twice"
			}
			seen[name.Value] = true
		}
		if why != "" {
			c.warn(Words, item, at, "an element says nothing: %s", why)
			continue
		}
		kept = append(kept, item)
	}
	value.Content = kept
}

// lacking is why an object says nothing for want of what it must have, if it does.
func (c *cleaner) lacking(n *yaml.Node, k kind) string {
	if find(n, "$ref") >= 0 {
		return ""
	}
	for _, name := range needed[k] {
		if value := member(n, name); !isText(value) || value.Value == "" {
			return "a " + string(k) + " has to have " + quote(name)
		}
	}
	if k != parameter && k != header {
		return ""
	}
	content := member(n, "content")
	if (member(n, "schema") == nil) == (content == nil) || content != nil && len(content.Content) != 2 {
		return "a " + string(k) + " has to have a schema, or a content of one media type"
	}
	in := "header"
	if k == parameter {
		in = member(n, "in").Value
	}
	styles, known := parameterStyles[in]
	if !known {
		return "a parameter cannot be in " + quote(in)
	}
	if style := member(n, "style"); style != nil && !slices.Contains(styles, style.Value) {
		return "a parameter in " + quote(in) + " cannot have the style " + quote(style.Value)
	}
	return ""
}

// parameterStyles is where a parameter may stand in a request for an event, and how it may be written there. An event's
// path has no templates.
var parameterStyles = map[string][]string{
	"query": {"form", "spaceDelimited", "pipeDelimited", "deepObject"}, "header": {"simple"}, "cookie": {"form"},
}
