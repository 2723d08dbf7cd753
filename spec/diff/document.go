package diff

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Document is an events document, ready to be compared. It does not change any more.
type Document struct {
	name    string // as it was asked for
	file    string // its path for annotations
	version string // of OpenAPI
	root    cursor
}

// Name is what Load was asked for: a file, or a git revision and a path.
func (d *Document) Name() string { return d.name }

// Load reads an OpenAPI 3 document, in JSON or YAML, from a file or from git ("HEAD~1:spec/number-management.json").
// Both forms are understood: the sender's, with webhooks keyed by event name, and the composed one, with paths "/<event
// name>". What is not an OpenAPI document, and a $ref that leads nowhere or out of the document, is an error; what a
// document lacks in style (a response without a description, say) is not.
func Load(ctx context.Context, arg string) (*Document, error) {
	raw, err := read(ctx, arg)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", arg, err)
	}
	d, err := load(arg, raw)
	if err != nil {
		return nil, fmt.Errorf("cannot use %s: %w", arg, err)
	}
	d.file = workspacePath(arg)
	return d, nil
}

// Read is Load of a document that is at hand; name is what it is called in locations.
func Read(name string, raw []byte) (*Document, error) {
	d, err := load(name, raw)
	if err != nil {
		return nil, fmt.Errorf("cannot use %s: %w", name, err)
	}
	return d, nil
}

func load(name string, raw []byte) (*Document, error) {
	root, err := parse(raw)
	if err != nil {
		return nil, err
	}
	d := &Document{name: name, file: name, root: cursor{node: root, at: root.at}}
	if root.kind != object {
		return nil, errors.New("it is not an OpenAPI document: it is not an object")
	}
	version := d.root.member("openapi")
	switch {
	case !version.exists() && d.root.member("swagger").exists():
		return nil, errors.New("it is a Swagger 2 document, not OpenAPI 3")
	case !version.exists():
		return nil, errors.New("it is not an OpenAPI document: it has no member openapi")
	case version.node.kind != text && version.node.kind != number || !strings.HasPrefix(version.node.text, "3."):
		return nil, fmt.Errorf("%d:%d: its OpenAPI version is %s, not 3.x", version.at.line, version.at.column, show(version))
	}
	d.version = version.node.text
	webhooks, paths := d.root.member("webhooks"), d.root.member("paths")
	if !webhooks.exists() && !paths.exists() {
		return nil, errors.New("it is not an events document: it has neither webhooks nor paths")
	}
	for _, events := range []cursor{webhooks, paths} {
		if events.exists() && events.node.kind != object {
			return nil, fmt.Errorf("%d:%d: %s is not an object", events.at.line, events.at.column, events.pointer)
		}
	}
	return d, d.checkReferences(d.root, false)
}

// holdNames are the keywords whose members are named by the author, and are no keywords themselves.
var holdNames = set("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "schemas",
	"webhooks", "paths", "pathItems", "responses",
	"requestBodies", "content", "headers", "parameters", "callbacks", "links", "securitySchemes", "encoding")

// holdData are the keywords under which a member named $ref is data, not a reference.
var holdData = set("example", "examples", "default", "enum", "const", "value")

// checkReferences finds the references that cannot be followed. named says that c's members are named by the author.
func (d *Document) checkReferences(c cursor, named bool) error {
	if c.node.kind == array {
		for _, item := range c.items() {
			if err := d.checkReferences(item, false); err != nil {
				return err
			}
		}
		return nil
	}
	for _, m := range c.node.members {
		at := c.member(m.name)
		switch {
		case !named && m.name == "$ref" && m.value.kind == text:
			if err := d.checkReference(c); err != nil {
				return fmt.Errorf("%d:%d: cannot follow the $ref %s at %s: %w", m.at.line, m.at.column, quote(m.value.text),
					quote(c.pointer), err)
			}
		case !named && (holdData[m.name] || strings.HasPrefix(m.name, "x-")):
		default:
			if err := d.checkReferences(at, !named && holdNames[m.name]); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkReference follows the reference that c is, to its end.
func (d *Document) checkReference(c cursor) error {
	passed := map[*node]bool{}
	for {
		if passed[c.node] {
			return errors.New("it leads to itself")
		}
		passed[c.node] = true
		target, err := d.follow(c)
		if err != nil {
			return err
		}
		if !target.exists() {
			return nil
		}
		c = target
	}
}

// follow is where the $ref of c leads; nothing, when c has none.
func (d *Document) follow(c cursor) (cursor, error) {
	reference := c.member("$ref")
	if !reference.exists() || reference.node.kind != text {
		return c.nothing(), nil
	}
	fragment, local := strings.CutPrefix(reference.node.text, "#")
	if !local {
		return c.nothing(), errors.New("it leads out of the document")
	}
	fragment, err := url.PathUnescape(fragment)
	if err != nil {
		return c.nothing(), err
	}
	if fragment != "" && fragment[0] != '/' {
		return c.nothing(), errors.New("it is no JSON pointer")
	}
	at := d.root
	for token := range tokens(fragment) {
		if at = at.step(token); !at.exists() {
			return c.nothing(), errors.New("there is nothing at that place")
		}
	}
	if at.node.kind != object && at.node.kind != boolean {
		return c.nothing(), errors.New("what stands there is neither an object nor a boolean")
	}
	return at, nil
}

// tokens are the parts of a JSON pointer, still escaped. The empty pointer has none.
func tokens(pointer string) iter.Seq[string] {
	if pointer == "" {
		return func(func(string) bool) {}
	}
	return strings.SplitSeq(pointer[1:], "/")
}

// step is the location one token of a JSON pointer further.
func (c cursor) step(token string) cursor {
	if c.node.kind == array {
		if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(c.node.items) && strconv.Itoa(i) == token {
			return c.items()[i]
		}
		return c.nothing()
	}
	return c.member(pointerUnescape.Replace(token))
}

// fields are the members of an object that is no schema, with references followed. What stands beside a $ref goes
// before what it leads to.
func (d *Document) fields(c cursor) map[string]cursor {
	all := c.members()
	for passed := map[*node]bool{c.node: true}; ; {
		target, err := d.follow(c)
		if err != nil || !target.exists() || passed[target.node] {
			return all
		}
		delete(all, "$ref")
		for name, at := range target.members() {
			if _, known := all[name]; !known {
				all[name] = at
			}
		}
		passed[target.node] = true
		c = target
	}
}

func set(words ...string) map[string]bool {
	all := make(map[string]bool, len(words))
	for _, word := range words {
		all[word] = true
	}
	return all
}

// union is the names of both, in order.
func union[A, B any](a map[string]A, b map[string]B) []string {
	names := make([]string, 0, len(a)+len(b))
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		if _, known := a[name]; !known {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
