package diff

import "gopkg.in/yaml.v3"

// kinds are the kinds of a document's plain values.
var kinds = map[string]kind{"!!null": null, "!!bool": boolean, "!!int": number, "!!float": number, "!!str": text}

// nodeOf is a tree of the document as it is compared. What has no meaning is not in it any more, and no member stands
// twice in an object.
func nodeOf(y *yaml.Node) *node {
	n := &node{at: position{y.Line, y.Column}}
	switch y.Kind {
	case yaml.SequenceNode:
		n.kind = array
		for _, item := range y.Content {
			n.items = append(n.items, nodeOf(item))
		}
	case yaml.MappingNode:
		n.kind = object
		for i := 0; i+1 < len(y.Content); i += 2 {
			key := y.Content[i]
			n.add(member{key.Value, nodeOf(y.Content[i+1]), position{key.Line, key.Column}})
		}
	default:
		n.kind = kinds[y.Tag]
		if n.kind != null {
			n.text = y.Value
		}
	}
	return n
}
