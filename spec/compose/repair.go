package compose

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/speakeasy-api/openapi/overlay"
	"gopkg.in/yaml.v3"
)

// repair applies the overlay. An action that finds nothing is fine: most of them are for any document of the sender's,
// and not every document has every quirk.
func repair(doc *yaml.Node, repairs []byte) error {
	if repairs == nil {
		return nil
	}
	o, err := overlay.ParseReader(bytes.NewReader(repairs))
	if err != nil {
		return fmt.Errorf("cannot read the overlay: %w", err)
	}
	if err := o.Validate(); err != nil {
		return fmt.Errorf("cannot use the overlay: %s", strings.ReplaceAll(err.Error(), "\n", ", "))
	}
	if !o.UsesRFC9535() {
		return fmt.Errorf("cannot use the overlay: it is version %s, and its targets are read as RFC 9535 only from 1.1.0 on",
			o.Version)
	}
	widenOneOf(doc)
	uncover := cover(doc)
	err = o.ApplyTo(doc)
	uncover()
	if err != nil {
		return fmt.Errorf("cannot apply the overlay: %w", err)
	}
	return settle(doc, 0)
}

// cover hides from the overlay what none of its repairs may touch, and gives the function that brings it back. A target
// such as $..[?@.type == 'array'] cannot tell a schema from an example value that happens to look like one, nor know
// that what loosens a schema tightens its negation.
func cover(doc *yaml.Node) (uncover func()) {
	covered := map[*yaml.Node]yaml.Node{}
	hide := func(n *yaml.Node) {
		if _, done := covered[n]; n != nil && !done {
			covered[n] = *n
			*n = *scalar("!!str", "")
		}
	}
	for _, s := range sites(doc) {
		within(s.schema, s.pointer, func(schema *yaml.Node, _ string) bool {
			for keyword, value := range members(schema) {
				switch {
				case slices.Contains(dataKeywords, keyword), strings.HasPrefix(keyword, "x-"):
					if value.Kind != yaml.ScalarNode {
						hide(value)
					}
				case keyword == "not", keyword == "if":
					hide(value)
				case holdings[keyword] == dict:
					for _, child := range members(value) {
						if !isMapping(child) { // a member called additionalProperties may have the schema false
							hide(child)
						}
					}
				}
			}
			return true
		})
	}
	return func() {
		for n, was := range covered {
			*n = was
		}
	}
}

// widenOneOf turns oneOf into anyOf where the branches are told apart by additionalProperties: false. The overlay takes
// that away, a value could then fit several branches, and oneOf would refuse what the sender's document accepts.
func widenOneOf(doc *yaml.Node) {
	for _, s := range sites(doc) {
		within(s.schema, s.pointer, func(schema *yaml.Node, _ string) bool {
			branches := member(schema, "oneOf")
			if branches == nil || !isClosed(branches) {
				return true
			}
			if member(schema, "anyOf") == nil {
				rename(schema, "oneOf", "anyOf")
				return true
			}
			drop(schema, "oneOf")
			conjoin(schema, mapping("anyOf", branches))
			return true
		})
	}
}

// conjoin makes a schema demand another, too.
func conjoin(schema, other *yaml.Node) {
	all := member(schema, "allOf")
	if !isSequence(all) {
		all = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		set(schema, "allOf", all)
	}
	all.Content = append(all.Content, other)
}

// isClosed reports whether unknown members are forbidden anywhere in the branches.
func isClosed(branches *yaml.Node) bool {
	closed := false
	within(mapping("oneOf", branches), "", func(schema *yaml.Node, _ string) bool {
		for _, keyword := range []string{"additionalProperties", "unevaluatedProperties"} {
			if v := member(schema, keyword); v != nil && v.Kind == yaml.ScalarNode && v.Value == "false" {
				closed = true
			}
		}
		return !closed
	})
	return closed
}

// settle makes of what the overlay put into the tree what readJSON would have made: no aliases, and strings for keys.
func settle(n *yaml.Node, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("cannot apply the overlay: the result is nested more than %d levels deep", maxDepth)
	}
	if n.Kind == yaml.AliasNode {
		*n = *copyOf(n.Alias)
	}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			n.Content[i] = text(child.Value)
			continue
		}
		if err := settle(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}
