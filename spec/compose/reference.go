package compose

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxCopied bounds the nodes that references outside components/schemas may add, so that a few references to references
// cannot fill the memory.
const maxCopied = 1 << 19

const schemasPrefix = "#/components/schemas/"

// references resolves every $ref that the composed document cannot keep. One that names a schema of the document's
// components stays, all others are replaced by a copy of what they lead to, because webhooks move and the other
// components are left behind.
type references struct {
	doc    *yaml.Node
	copied int
	shared map[string]string // the component that has become of a schema which asks for itself, by the reference to it
}

// resolve works in place and returns the first reference that leads nowhere, out of the document, or back to itself.
func (r *references) resolve() error {
	for name, item := range members(member(r.doc, "webhooks")) {
		if err := r.pathItem(item, pointerTo("/webhooks", name)); err != nil {
			return err
		}
	}
	for _, s := range sites(r.doc) {
		if strings.HasPrefix(s.pointer, "/webhooks/") || strings.HasPrefix(s.pointer, schemasPrefix[1:]) {
			if err := r.schema(s.schema, s.pointer, nil); err != nil {
				return err
			}
		}
	}
	r.discriminators()
	return r.aliases()
}

// pathItem resolves the references that stand in place of a webhook, a request body, a response or an example.
func (r *references) pathItem(item *yaml.Node, pointer string) error {
	if err := r.object(item, pointer); err != nil {
		return err
	}
	for method, operation := range members(item) {
		base := pointerTo(pointer, method)
		holders := mapping()
		if body := member(operation, "requestBody"); body != nil {
			set(holders, pointerTo(base, "requestBody"), body)
		}
		for status, response := range members(member(operation, "responses")) {
			set(holders, pointerTo(base, "responses", status), response)
		}
		for at, holder := range members(holders) {
			if err := r.holder(holder, at); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *references) holder(holder *yaml.Node, pointer string) error {
	if err := r.object(holder, pointer); err != nil {
		return err
	}
	for mediaType, content := range members(member(holder, "content")) {
		for name, example := range members(member(content, "examples")) {
			if err := r.object(example, pointerTo(pointer, "content", mediaType, "examples", name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// object replaces an object that is a reference, perhaps by way of others, with a copy of what it leads to.
func (r *references) object(n *yaml.Node, pointer string) error {
	var trail []string
	for {
		ref := member(n, "$ref")
		if ref == nil {
			return nil
		}
		target, err := r.follow(ref, pointer, trail)
		if err != nil {
			return err
		}
		trail = append(trail, ref.Value)
		*n = *target
	}
}

// schema resolves the references in a schema and below it. trail holds those that are being followed on the way here.
func (r *references) schema(schema *yaml.Node, pointer string, trail []string) error {
	if ref := member(schema, "$ref"); ref != nil {
		if name, ok := componentName(ref); ok && isComponentName(name) &&
			isSchema(member(member(member(r.doc, "components"), "schemas"), name)) {
			ref.Value = schemasPrefix + pointerTo("", name)[1:]
		} else if slices.Contains(trail, ref.Value) || r.shared[ref.Value] != "" {
			return r.share(ref, pointer)
		} else {
			target, err := r.follow(ref, pointer, trail)
			if err != nil {
				return err
			}
			trail = append(slices.Clone(trail), ref.Value)
			r.inline(schema, target)
			if member(schema, "$ref") != nil {
				return r.schema(schema, pointer, trail)
			}
		}
	}
	for e, child := range below(schema) {
		if err := r.schema(child, e.pointer(pointer), trail); err != nil {
			return err
		}
	}
	return nil
}

// share makes a component of a schema that asks for itself: no copy of it would ever be the last.
func (r *references) share(ref *yaml.Node, pointer string) error {
	if name := r.shared[ref.Value]; name != "" {
		ref.Value = schemasPrefix + name
		return nil
	}
	target, err := r.follow(ref, pointer, nil)
	if err != nil {
		return err
	}
	own := member(r.doc, "components")
	if !isMapping(own) {
		own = mapping()
		set(r.doc, "components", own)
	}
	schemas := member(own, "schemas")
	if !isMapping(schemas) {
		schemas = mapping()
		set(own, "schemas", schemas)
	}
	want := memberName(unescape(ref.Value[strings.LastIndex(ref.Value, "/")+1:]))
	name := want
	for i := 2; member(schemas, name) != nil; i++ {
		name = want + strconv.Itoa(i)
	}
	if r.shared == nil {
		r.shared = map[string]string{}
	}
	r.shared[ref.Value] = name
	ref.Value = schemasPrefix + name
	set(schemas, name, target)
	return r.schema(target, pointerTo("/components/schemas", name), nil)
}

// inline puts the target in the reference's place; what stands beside the $ref goes on holding, too.
func (r *references) inline(schema, target *yaml.Node) {
	drop(schema, "$ref")
	if len(schema.Content) == 0 || !isMapping(target) {
		*schema = *target
		return
	}
	conjoin(schema, target)
}

// follow gives a copy of what a reference leads to.
func (r *references) follow(ref *yaml.Node, pointer string, trail []string) (*yaml.Node, error) {
	broken := func(why string) error {
		return fmt.Errorf("cannot follow the $ref %q at %s (%d:%d): %s", ref.Value, pointer, ref.Line, ref.Column, why)
	}
	if !isText(ref) {
		return nil, broken("it is not a string")
	}
	fragment, ok := strings.CutPrefix(ref.Value, "#/")
	if !ok {
		return nil, broken("only references within the document (#/...) can be followed")
	}
	if slices.Contains(trail, ref.Value) {
		return nil, broken("it leads back to itself")
	}
	target := r.doc
	for token := range strings.SplitSeq(fragment, "/") {
		if target = step(target, unescape(token)); target == nil {
			return nil, broken("it leads nowhere")
		}
	}
	if !isSchema(target) {
		return nil, broken("it leads to what is neither an object nor a boolean")
	}
	if r.copied += size(target); r.copied > maxCopied {
		return nil, broken("the references of this document multiply without end")
	}
	return copyOf(target), nil
}

// discriminators keeps those that name a component for each of their schemas. What a discriminator says is for
// generators alone, and they believe it.
func (r *references) discriminators() {
	schemas := member(member(r.doc, "components"), "schemas")
	for _, s := range sites(r.doc) {
		within(s.schema, s.pointer, func(schema *yaml.Node, _ string) bool {
			if discriminator := member(schema, "discriminator"); discriminator != nil && !isWhole(schema, discriminator,
				schemas) {
				drop(schema, "discriminator")
			}
			return true
		})
	}
}

func isWhole(schema, discriminator, schemas *yaml.Node) bool {
	named := map[string]bool{}
	for _, ref := range members(member(discriminator, "mapping")) {
		name, ok := componentName(ref)
		if !ok || member(schemas, name) == nil {
			return false
		}
		named[name] = true
	}
	for _, keyword := range []string{"oneOf", "anyOf"} {
		branches := member(schema, keyword)
		if branches == nil {
			continue
		}
		for _, branch := range branches.Content {
			if name, ok := componentName(member(branch, "$ref")); !ok || !named[name] {
				return false
			}
		}
	}
	return len(named) > 0
}

// aliases refuses components that are nothing but references to each other in a circle: no value can be held against
// them.
func (r *references) aliases() error {
	schemas := member(member(r.doc, "components"), "schemas")
	for name, schema := range members(schemas) {
		var trail []string
		for at := schema; ; {
			ref := member(at, "$ref")
			next, ok := componentName(ref)
			if !ok {
				break
			}
			if slices.Contains(trail, next) {
				return fmt.Errorf("cannot follow the $ref %q at %s: it leads back to itself", ref.Value,
					pointerTo("/components/schemas", name))
			}
			trail = append(trail, next)
			at = member(schemas, next)
		}
	}
	return nil
}

// componentName is the name of the components/schemas entry that a $ref is for, if it is for one as a whole.
func componentName(ref *yaml.Node) (string, bool) {
	if !isText(ref) {
		return "", false
	}
	token, ok := strings.CutPrefix(ref.Value, schemasPrefix)
	if !ok || strings.Contains(token, "/") {
		return "", false
	}
	return unescape(token), true
}

// identifier is what OpenAPI lets the names of components be.
var identifier = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

func isComponentName(name string) bool { return identifier.MatchString(name) }

var unescaper = strings.NewReplacer("~1", "/", "~0", "~")

// unescape reads one token of a JSON pointer in a URI fragment.
func unescape(token string) string {
	if plain, err := url.PathUnescape(token); err == nil {
		token = plain
	}
	return unescaper.Replace(token)
}

func step(n *yaml.Node, token string) *yaml.Node {
	if isSequence(n) {
		i, err := strconv.Atoi(token)
		if err != nil || i < 0 || i >= len(n.Content) {
			return nil
		}
		return n.Content[i]
	}
	return member(n, token)
}

func size(n *yaml.Node) int {
	total := 1
	for _, child := range n.Content {
		total += size(child)
	}
	return total
}
