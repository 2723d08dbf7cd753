package eventsdoc

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

func text(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

func mapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"} }

func isMapping(n *yaml.Node) bool  { return n != nil && n.Kind == yaml.MappingNode }
func isSequence(n *yaml.Node) bool { return n != nil && n.Kind == yaml.SequenceNode }

func isScalar(n *yaml.Node, tags ...string) bool {
	return n != nil && n.Kind == yaml.ScalarNode && slices.Contains(tags, n.Tag)
}

func isText(n *yaml.Node) bool   { return isScalar(n, "!!str") }
func isBool(n *yaml.Node) bool   { return isScalar(n, "!!bool") }
func isNumber(n *yaml.Node) bool { return isScalar(n, "!!int", "!!float") }

// isSchema tells the two forms of a schema from what merely stands in a schema's place.
func isSchema(n *yaml.Node) bool { return isMapping(n) || isBool(n) }

// member is the value of the named member, or nil.
func member(n *yaml.Node, name string) *yaml.Node {
	if at := find(n, name); at >= 0 {
		return n.Content[at+1]
	}
	return nil
}

// find is the index of the named member's key, or -1.
func find(n *yaml.Node, name string) int {
	if !isMapping(n) {
		return -1
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return i
		}
	}
	return -1
}

// pairs are the keys and values of an object, as they are now: the object may be changed meanwhile.
func pairs(n *yaml.Node) [][]*yaml.Node {
	if !isMapping(n) {
		return nil
	}
	return slices.Collect(slices.Chunk(slices.Clone(n.Content), 2))
}

// drop takes a member out.
func drop(n *yaml.Node, name string) {
	if at := find(n, name); at >= 0 {
		n.Content = slices.Delete(n.Content, at, at+2)
	}
}

var (
	escaper   = strings.NewReplacer("~", "~0", "/", "~1")
	unescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

// under is the RFC 6901 pointer of a member below a place.
func under(pointer, name string) string { return pointer + "/" + escaper.Replace(name) }

func element(pointer string, i int) string { return pointer + "/" + strconv.Itoa(i) }

// Value is a tree as encoding/json decodes it, with numbers as they are written.
func Value(n *yaml.Node) any {
	switch {
	case isMapping(n):
		object := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			object[n.Content[i].Value] = Value(n.Content[i+1])
		}
		return object
	case isSequence(n):
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = Value(item)
		}
		return list
	case isNumber(n):
		return json.Number(n.Value)
	case isBool(n):
		return n.Value == "true"
	case isText(n):
		return n.Value
	}
	return nil
}

// holds reports whether the value is within the tree.
func holds(tree *yaml.Node, values map[*yaml.Node]bool) bool {
	if values[tree] {
		return true
	}
	return slices.ContainsFunc(tree.Content, func(child *yaml.Node) bool { return holds(child, values) })
}

// maxQuoted is how many characters of a name or a value are quoted in a sentence.
const maxQuoted = 60

// quote is a text of the document as it is shown in a sentence: cut, and without control characters.
func quote(s string) string {
	if runes := []rune(s); len(runes) > maxQuoted {
		s = string(runes[:maxQuoted]) + "…"
	}
	return strconv.Quote(s)
}

// show names a value in a sentence.
func show(n *yaml.Node) string {
	switch {
	case n == nil:
		return "nothing"
	case isMapping(n):
		return "an object"
	case isSequence(n):
		return "a list"
	case isText(n):
		return "the text " + quote(n.Value)
	case isNumber(n):
		return "the number " + strings.Trim(quote(n.Value), `"`)
	}
	return n.Value
}
