package eventsdoc

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// reference is a $ref that has still to be followed.
type reference struct {
	holder  *yaml.Node
	key     *yaml.Node
	value   *yaml.Node
	kind    kind
	pointer string
}

// follow follows every reference, and those that what they lead to holds. One that leads nowhere says nothing.
func (c *cleaner) follow() {
	for len(c.refs) > 0 {
		r := c.refs[0]
		c.refs = c.refs[1:]
		target, pointer, why := c.resolve(r.value.Value)
		if why == "" {
			if _, read := c.kinds[target]; !read {
				c.object(target, r.kind, pointer)
			}
			if c.kinds[target] != r.kind {
				why = "it leads to a " + string(c.kinds[target]) + ", and stands for a " + string(r.kind)
			}
		}
		if why != "" {
			c.take(r.holder, r.key, r.pointer, quote(r.value.Value)+": "+why)
			continue
		}
		if plain := unescaped(r.value.Value); plain != "#"+pointer {
			c.warn(Reading, r.key, r.pointer, "%s leads nowhere, and is read as %s", quote(r.value.Value), quote("#"+pointer))
			r.value.Value = "#" + pointer
		}
		c.targets[r.holder] = target
		if r.kind != schema && c.returns(r.holder) {
			delete(c.targets, r.holder)
			c.take(r.holder, r.key, r.pointer, quote(r.value.Value)+": it leads back to itself")
		}
	}
}

// returns reports whether an object leads back to itself, by references alone.
func (c *cleaner) returns(holder *yaml.Node) bool {
	for n := c.targets[holder]; n != nil; n = c.targets[n] {
		if n == holder {
			return true
		}
	}
	return false
}

// unescaped is a reference without the escapes of URLs.
func unescaped(ref string) string {
	if plain, err := url.PathUnescape(ref); err == nil {
		return plain
	}
	return ref
}

// resolve finds what a reference leads to, and the pointer to it as the document has it.
func (c *cleaner) resolve(ref string) (target *yaml.Node, pointer, why string) {
	fragment, local := strings.CutPrefix(unescaped(ref), "#")
	switch {
	case !local:
		return nil, "", "it leads out of the document"
	case fragment == "":
		return nil, "", "the document as a whole is not what it may lead to"
	case fragment[0] != '/':
		return nil, "", "it is no JSON pointer"
	}
	target = c.root
	for i, token := range strings.Split(fragment[1:], "/") {
		var ok bool
		name := unescaper.Replace(token)
		if i == 0 && (name == "paths" || name == "webhooks") {
			return c.resolveEvent(fragment, name)
		}
		if target, pointer, ok = step(target, pointer, name); !ok {
			return nil, "", "there is nothing at that place"
		}
	}
	return target, pointer, notAnObject(target)
}

// resolveEvent finds a place in an event. Documents of both published forms refer to their events as the other form has
// them: by /paths where they stand in /webhooks, with a slash or without, with the method in other letters.
func (c *cleaner) resolveEvent(fragment, section string) (target *yaml.Node, pointer, why string) {
	tokens := strings.Split(fragment[1:], "/")
	for i, token := range tokens {
		tokens[i] = unescaper.Replace(token)
	}
	sections := []string{section, "webhooks", "paths"}
	names := []string{""}
	if len(tokens) > 1 {
		bare := strings.TrimPrefix(tokens[1], "/")
		names = []string{tokens[1], bare, "/" + bare}
	}
	for _, section := range sections {
		for _, name := range names {
			changed := slices.Clone(tokens)
			changed[0] = section
			if len(changed) > 1 {
				changed[1] = name
			}
			if target, pointer, ok := c.walk(changed); ok {
				return target, pointer, notAnObject(target)
			}
		}
	}
	return nil, "", "there is nothing at that place"
}

func (c *cleaner) walk(tokens []string) (target *yaml.Node, pointer string, ok bool) {
	target = c.root
	for i, name := range tokens {
		item, at := target, pointer
		if target, pointer, ok = step(item, at, name); ok {
			continue
		}
		if i != 2 {
			return nil, "", false
		}
		for _, pair := range pairs(item) {
			if strings.EqualFold(pair[0].Value, name) {
				target, pointer, ok = pair[1], under(at, pair[0].Value), true
			}
		}
		if !ok {
			return nil, "", false
		}
	}
	return target, pointer, true
}

func step(n *yaml.Node, pointer, name string) (*yaml.Node, string, bool) {
	if isSequence(n) {
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 || i >= len(n.Content) || strconv.Itoa(i) != name {
			return nil, pointer, false
		}
		return n.Content[i], element(pointer, i), true
	}
	value := member(n, name)
	return value, under(pointer, name), value != nil
}

func notAnObject(n *yaml.Node) string {
	if !isSchema(n) {
		return "what stands there is neither an object nor a boolean"
	}
	return ""
}

// settle takes out the members without a meaning, but those that a reference leads into.
func (c *cleaner) settle() {
	live := map[*yaml.Node]bool{}
	for _, target := range c.targets {
		live[target] = true
	}
	for _, d := range c.doubts {
		if !holds(d.value, live) {
			drop(d.within, d.key.Value)
		}
	}
}

// circles cuts the references by which a schema asks for itself without looking any further into the value: nothing
// follows from that.
func (c *cleaner) circles() {
	for done := map[*yaml.Node]bool{}; ; {
		var loop *yaml.Node
		for _, p := range c.order {
			if loop = c.circle(p.node, map[*yaml.Node]bool{}, done, nil); loop != nil {
				break
			}
		}
		if loop == nil {
			return
		}
		key := loop.Content[find(loop, "$ref")]
		c.take(loop, key, c.pointerOf(loop)+"/$ref", "it leads back to itself, and to nothing else")
		delete(c.targets, loop)
	}
}

// circle looks for a way back to a schema that is being looked at, and gives a holder of a $ref on it. trail is that of
// the references on the way.
func (c *cleaner) circle(n *yaml.Node, within, done map[*yaml.Node]bool, trail []*yaml.Node) *yaml.Node {
	if done[n] {
		return nil
	}
	if within[n] {
		if len(trail) == 0 {
			return nil
		}
		return trail[len(trail)-1]
	}
	within[n] = true
	defer delete(within, n)
	if target := c.targets[n]; target != nil {
		if loop := c.circle(target, within, done, append(trail, n)); loop != nil {
			return loop
		}
	}
	for _, part := range inPosition(n) {
		if loop := c.circle(part, within, done, trail); loop != nil {
			return loop
		}
	}
	done[n] = true
	return nil
}

// inPosition are the schemas in a schema that are asked of the same value.
func inPosition(n *yaml.Node) []*yaml.Node {
	var parts []*yaml.Node
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		if list := member(n, keyword); list != nil {
			parts = append(parts, list.Content...)
		}
	}
	for _, keyword := range []string{"not", "if", "then", "else"} {
		if part := member(n, keyword); part != nil {
			parts = append(parts, part)
		}
	}
	for _, pair := range pairs(member(n, "dependentSchemas")) {
		parts = append(parts, pair[1])
	}
	return parts
}

// pointerOf is where a schema stands.
func (c *cleaner) pointerOf(n *yaml.Node) string {
	at := slices.IndexFunc(c.order, func(p spot) bool { return p.node == n })
	if at < 0 {
		return ""
	}
	return c.order[at].pointer
}
