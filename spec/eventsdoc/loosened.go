package eventsdoc

import (
	"slices"

	"gopkg.in/yaml.v3"
)

// neighbours are the keywords that would ask for more, or for nothing, once the one they look at is gone.
var neighbours = []struct{ keyword, of, why string }{
	{"additionalProperties", "properties", "which members are additional cannot be told"},
	{"additionalProperties", "patternProperties", "which members are additional cannot be told"},
	{"items", "prefixItems", "which elements it is about cannot be told"},
	{"maxContains", "contains", `it counts what fits "contains"`},
	{"minContains", "contains", `it counts what fits "contains"`},
	{"then", "if", `it is for values that fit "if"`},
	{"else", "if", `it is for values that do not fit "if"`},
}

// beside takes out what would ask for more now that its neighbour is gone.
func (c *cleaner) beside(n *yaml.Node, pointer string) {
	for _, pair := range neighbours {
		at := find(n, pair.keyword)
		if at < 0 || !c.gone[n][pair.of] && !(pair.of == "properties" && c.misplaced(n)) {
			continue
		}
		if value := n.Content[at+1]; isBool(value) && value.Value == "true" {
			continue
		}
		c.take(n, n.Content[at], under(pointer, pair.keyword), pair.why)
	}
}

// misplaced reports whether something in a schema looks as if it was to name members, and does not.
func (c *cleaner) misplaced(n *yaml.Node) bool {
	return slices.ContainsFunc(c.doubts, func(d doubt) bool {
		return d.within == n && (looksLikeSchema(d.value) || intended(d.key.Value, schemaKeywords) == "properties")
	})
}

// lift takes out what turns less into more: where a schema says less than it was to, its negation would refuse more. It
// goes on until nothing is left, because what it takes out may stand under a negation itself.
func (c *cleaner) lift() {
	for {
		before := len(c.warnings)
		says := c.saysLess()
		for _, p := range c.order {
			c.liftFrom(p.node, p.pointer, says)
		}
		if len(c.warnings) == before {
			return
		}
	}
}

func (c *cleaner) liftFrom(n *yaml.Node, pointer string, says map[*yaml.Node]bool) {
	less := func(keyword string) bool { return says[member(n, keyword)] }
	take := func(why string, keywords ...string) {
		for _, keyword := range keywords {
			if at := find(n, keyword); at >= 0 {
				c.take(n, n.Content[at], under(pointer, keyword), why)
			}
		}
	}
	if less("not") {
		take("what it refuses cannot be told in full", "not")
	}
	if less("if") {
		take("for which values it is cannot be told in full", "if", "then", "else")
	}
	if less("contains") {
		take("which elements it counts cannot be told in full", "maxContains")
	}
	if less("oneOf") {
		c.widen(n, pointer)
	}
	if find(n, "unevaluatedProperties") >= 0 || find(n, "unevaluatedItems") >= 0 {
		if says[n] {
			take("what the rest of the schema is about cannot be told in full", "unevaluatedProperties", "unevaluatedItems")
		}
	}
}

// widen makes oneOf an anyOf: a value that fits a branch which says less than it was to may fit another one, too.
func (c *cleaner) widen(n *yaml.Node, pointer string) {
	at := find(n, "oneOf")
	key, branches := n.Content[at], n.Content[at+1]
	c.warn(Demand, key, under(pointer, "oneOf"), `"oneOf" is read as "anyOf": what tells its schemas apart cannot be `+
		`told in full`)
	if find(n, "anyOf") < 0 {
		n.Content[at] = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "anyOf", Line: key.Line, Column: key.Column}
		return
	}
	either := mapping()
	either.Line, either.Column = key.Line, key.Column
	either.Content = []*yaml.Node{text("anyOf"), branches}
	c.kinds[either] = schema
	drop(n, "oneOf")
	if all := member(n, "allOf"); all != nil {
		all.Content = append(all.Content, either)
		return
	}
	n.Content = append(n.Content, text("allOf"), &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq",
		Content: []*yaml.Node{either}, Line: key.Line, Column: key.Column})
}

// saysLess is every node of the document that something was taken out of, or out of a part of it, or out of what it
// refers to.
func (c *cleaner) saysLess() map[*yaml.Node]bool {
	users := map[*yaml.Node][]*yaml.Node{}
	var within func(n *yaml.Node)
	within = func(n *yaml.Node) {
		for _, child := range n.Content {
			users[child] = append(users[child], n)
			within(child)
		}
	}
	within(c.root)
	for holder, target := range c.targets {
		users[target] = append(users[target], holder)
	}
	says := map[*yaml.Node]bool{}
	var tell func(n *yaml.Node)
	tell = func(n *yaml.Node) {
		if says[n] {
			return
		}
		says[n] = true
		for _, user := range users[n] {
			tell(user)
		}
	}
	for n := range c.loosened {
		tell(n)
	}
	return says
}
