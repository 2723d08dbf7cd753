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

	"numhook/spec/eventsdoc"
)

// Document is an events document, ready to be compared. It does not change any more.
type Document struct {
	name     string // as it was asked for
	file     string // its path for annotations
	version  string // of OpenAPI
	warnings []eventsdoc.Warning
	named    []eventsdoc.Event
	root     cursor
}

// Name is what Load was asked for: a file, or a git revision and a path.
func (d *Document) Name() string { return d.name }

// Warnings are told of what the document says without a meaning. It is compared as if it were not there.
func (d *Document) Warnings() []eventsdoc.Warning { return d.warnings }

// Load reads an events document, in any form that eventsdoc reads, from a file or from git
// ("HEAD~1:spec/number-management.json"). What is not an OpenAPI document, and one in which no operation is recognised,
// is an error; what a document lacks in style (a response without a description, say) is not.
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
	read, err := eventsdoc.Read(raw)
	if err != nil {
		return nil, err
	}
	root := nodeOf(read.Root)
	return &Document{
		name: name, file: name, version: read.Version, warnings: read.Warnings, named: read.Events,
		root: cursor{node: root, at: root.at},
	}, nil
}

// holdNames are the keywords whose members are named by the author, and are no keywords themselves.
var holdNames = set("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "schemas",
	"webhooks", "paths", "pathItems", "responses",
	"requestBodies", "content", "headers", "parameters", "callbacks", "links", "securitySchemes", "encoding")

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
