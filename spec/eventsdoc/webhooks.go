package eventsdoc

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Webhooks is a copy of the document in the form that is composed, whichever form it has: its events are webhooks,
// methods are in small letters, kinds of JSON are named plainly. What else stood under paths stays there, for the
// references that lead into it. The copy may be changed.
func (d *Document) Webhooks() *yaml.Node {
	copies := map[*yaml.Node]*yaml.Node{}
	tree := d.copy(d.Root, copies)
	moved := map[string]bool{}
	hooks := mapping()
	for _, e := range d.Events {
		hooks.Content = append(hooks.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: e.Name, Line: e.Key.Line,
			Column: e.Key.Column},
			copies[e.Item])
		moved[e.Pointer] = true
	}
	at := find(tree, "webhooks")
	if at < 0 {
		at = find(tree, "paths")
		tree.Content = slices.Insert(tree.Content, at, text("webhooks"), hooks)
	} else {
		hooks.Content = append(hooks.Content, rest(tree.Content[at+1], "/webhooks", moved)...)
		tree.Content[at+1] = hooks
	}
	if paths := member(tree, "paths"); paths != nil {
		paths.Content = rest(paths, "/paths", moved)
	}
	positions := map[*yaml.Node]string{}
	index(tree, "", positions)
	for holder, target := range d.targets {
		if ref := member(copies[holder], "$ref"); ref != nil {
			ref.Value = "#" + positions[copies[target]]
		}
	}
	return tree
}

// rest is what a section holds that is no event.
func rest(section *yaml.Node, pointer string, moved map[string]bool) []*yaml.Node {
	var kept []*yaml.Node
	for _, pair := range pairs(section) {
		if !moved[under(pointer, pair[0].Value)] {
			kept = append(kept, pair...)
		}
	}
	return kept
}

// copy is a deep copy with plain names for methods and media types.
func (d *Document) copy(n *yaml.Node, copies map[*yaml.Node]*yaml.Node) *yaml.Node {
	c := *n
	copies[n] = &c
	c.Content = make([]*yaml.Node, len(n.Content))
	for i, child := range n.Content {
		c.Content[i] = d.copy(child, copies)
	}
	if d.kinds[n] == pathItem {
		for i := 0; i+1 < len(c.Content); i += 2 {
			if lower := strings.ToLower(c.Content[i].Value); slices.Contains(operations, lower) {
				c.Content[i].Value = lower
			}
		}
	}
	if k := d.kinds[n]; k == requestBody || k == response {
		content := member(&c, "content")
		for i := 0; isMapping(content) && i+1 < len(content.Content); i += 2 {
			if IsJSON(content.Content[i].Value) {
				content.Content[i].Value = Essence(content.Content[i].Value)
			}
		}
	}
	return &c
}

// index notes where everything stands.
func index(n *yaml.Node, pointer string, positions map[*yaml.Node]string) {
	positions[n] = pointer
	for i, child := range n.Content {
		switch {
		case isSequence(n):
			index(child, element(pointer, i), positions)
		case i%2 == 1:
			index(child, under(pointer, n.Content[i-1].Value), positions)
		}
	}
}
