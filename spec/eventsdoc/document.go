// Package eventsdoc reads an events document of the sender's, in whichever form it was published: with webhooks keyed
// by event name, with paths keyed by event name (with a slash in front or without), methods in any letters, in JSON or
// in YAML. It is the one way in for all that reads such a document: the generator, the check of payloads, the
// comparison of two documents, the rehearsal of one.
//
// It guarantees that what has no meaning says nothing. A keyword with a value that it cannot have, a word that neither
// JSON Schema 2020-12 nor OpenAPI 3.1 knows, a reference that leads nowhere or only back to itself, a pattern that
// cannot be compiled: each is taken out of the tree before anybody else sees it, and told of as a warning, with its
// pointer and its place in the file. Nothing of it makes the document ask for more: where a schema says less than it
// was to, what stands on it as a negation (not, if, oneOf, unevaluatedProperties, and what counts on a neighbour that
// is gone) says less, too. Numbers keep their digits. What cannot be read as an events document at all is an error that
// begins with line and column.
package eventsdoc

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Document is an events document without what has no meaning. Its trees are to be read only.
type Document struct {
	Root     *yaml.Node // as it was written; Line and Column (in UTF-16 code units) of a member's key are where it stands
	Version  string     // of OpenAPI
	Warnings []Warning  // in the order of the file
	Events   []Event    // in the order of the file
	targets  map[*yaml.Node]*yaml.Node
	kinds    map[*yaml.Node]kind
}

// Event is an event of the document: a path item with at least one operation.
type Event struct {
	Name    string
	Pointer string // of the path item
	Key     *yaml.Node
	Item    *yaml.Node
	Slash   bool // it stands under paths with a slash in front, as in a composed document
}

// Read reads a document. What it refuses is no events document of OpenAPI 3: not JSON and not YAML, another kind of
// document, or one in which there is no operation.
func Read(raw []byte) (*Document, error) {
	tree, err := parse(raw)
	if err != nil {
		return nil, err
	}
	version, err := versionOf(tree)
	if err != nil {
		return nil, err
	}
	nothing := noEvents(tree)
	c := &cleaner{
		root: tree, kinds: map[*yaml.Node]kind{}, targets: map[*yaml.Node]*yaml.Node{}, loosened: map[*yaml.Node]bool{},
		gone: map[*yaml.Node]map[string]bool{}, older: strings.HasPrefix(version, "3.0"),
	}
	c.object(tree, root, "")
	c.follow()
	c.circles()
	c.settle()
	c.lift()
	d := &Document{Root: tree, Version: version, targets: c.targets, kinds: c.kinds}
	d.Events = events(tree, c)
	d.Warnings = sorted(c.warnings)
	if len(d.Events) == 0 {
		return nil, because(nothing, d.Warnings)
	}
	return d, nil
}

func versionOf(tree *yaml.Node) (string, error) {
	if !isMapping(tree) {
		return "", fmt.Errorf("%d:%d: it is not an OpenAPI document: it is not an object", tree.Line, tree.Column)
	}
	at := find(tree, "openapi")
	switch {
	case at < 0 && find(tree, "swagger") >= 0:
		return "", fmt.Errorf("%s: it is a Swagger 2 document, not OpenAPI 3", position(tree, "swagger"))
	case at < 0:
		return "", fmt.Errorf("%d:%d: it is not an OpenAPI document: it has no member openapi", tree.Line, tree.Column)
	}
	version := tree.Content[at+1]
	if !isText(version) && !isNumber(version) || !strings.HasPrefix(version.Value, "3.") {
		return "", fmt.Errorf("%s: its OpenAPI version is %s, not 3.x", position(tree, "openapi"),
			strings.TrimPrefix(show(version), "the text "))
	}
	version.Tag = "!!str" // 3.1 in YAML
	return version.Value, nil
}

// position is where a member's name stands, as a message begins.
func position(n *yaml.Node, name string) string {
	at := n
	if i := find(n, name); i >= 0 {
		at = n.Content[i]
	}
	return fmt.Sprintf("%d:%d", at.Line, at.Column)
}

// noEvents is the error of a document without an operation, at the place where they would be.
func noEvents(tree *yaml.Node) error {
	for _, section := range []string{"webhooks", "paths"} {
		if find(tree, section) >= 0 {
			return fmt.Errorf("%s: it is not an events document: no operation is recognised in its %s", position(tree, section),
				section)
		}
	}
	return fmt.Errorf("%d:%d: it is not an events document: it has neither webhooks nor paths", tree.Line, tree.Column)
}

// because says with an error what was found first where the events would be.
func because(nothing error, warnings []Warning) error {
	for _, w := range warnings {
		if w.Weight > Reading && (strings.HasPrefix(w.Pointer, "/webhooks") || strings.HasPrefix(w.Pointer, "/paths")) {
			return fmt.Errorf("%w (%d:%d: %s)", nothing, w.Line, w.Column, w.Text)
		}
	}
	return nothing
}

// events finds what is sent: all webhooks, and the paths whose keys have no slash, which no path of an API lacks. Only
// where there is none of both are the paths of an API meant, as in a composed document.
func events(tree *yaml.Node, c *cleaner) []Event {
	var sent, served []Event
	known := map[string]bool{}
	for _, section := range []string{"webhooks", "paths"} {
		for _, pair := range pairs(member(tree, section)) {
			name, slash := pair[0].Value, false
			if section == "paths" {
				name, slash = strings.CutPrefix(name, "/")
			}
			e := Event{name, under("/"+section, pair[0].Value), pair[0], pair[1], slash}
			switch {
			case strings.HasPrefix(name, "x-") && !slash:
			case len(c.operationsOf(e.Item)) == 0:
				c.warn(Reading, e.Key, e.Pointer, "%s is no event: it has no operation", quote(name))
			case slash:
				served = append(served, e)
			case known[name]:
				c.warn(Reading, e.Key, e.Pointer, "%s says nothing: it is one of the webhooks already", quote(name))
			default:
				sent = append(sent, e)
				known[name] = true
			}
		}
	}
	found := sent
	if len(sent) == 0 {
		found = served
	}
	for _, e := range found {
		c.describe(e)
	}
	return found
}

// PostOf is the pointer to the operation by which an event is received.
func (d *Document) PostOf(e Event) string {
	for _, pair := range pairs(e.Item) {
		if strings.EqualFold(pair[0].Value, http.MethodPost) {
			return under(e.Pointer, pair[0].Value)
		}
	}
	return under(e.Pointer, "post") // behind a reference
}

// Operations are the operations of a path item by method, in upper case, with what a reference in its place leads to.
func (d *Document) Operations(item *yaml.Node) map[string]*yaml.Node {
	return (&cleaner{targets: d.targets}).operationsOf(item)
}

func (c *cleaner) operationsOf(item *yaml.Node) map[string]*yaml.Node {
	found := map[string]*yaml.Node{}
	for n := item; n != nil; n = c.targets[n] {
		for _, pair := range pairs(n) {
			method := strings.ToUpper(pair[0].Value)
			if slices.Contains(operations, strings.ToLower(method)) && found[method] == nil {
				found[method] = pair[1]
			}
		}
	}
	return found
}

// describe warns of an event whose body the document does not describe: every JSON value is good for it.
func (c *cleaner) describe(e Event) {
	post := c.operationsOf(e.Item)[http.MethodPost]
	if post == nil {
		c.warn(Reading, e.Key, e.Pointer, "%s is not received: it has no operation POST", quote(e.Name))
		return
	}
	content := c.memberOf(c.memberOf(post, "requestBody"), "content")
	found := jsonOf(content)
	switch {
	case found < 0 && content != nil && len(content.Content) > 0:
		c.warn(Reading, e.Key, e.Pointer, "%s has no JSON body, only %s: every JSON value is taken", quote(e.Name),
			quote(content.Content[0].Value))
	case found < 0:
		c.warn(Reading, e.Key, e.Pointer, "the body of %s is not described: every JSON value is taken", quote(e.Name))
	case member(content.Content[found+1], "schema") == nil:
		c.warn(Reading, e.Key, e.Pointer, "the JSON body of %s has no schema: every JSON value is taken", quote(e.Name))
	}
}

// memberOf is a member of an object, or of what a reference in its place leads to.
func (c *cleaner) memberOf(n *yaml.Node, name string) *yaml.Node {
	for ; n != nil; n = c.targets[n] {
		if value := member(n, name); value != nil {
			return value
		}
	}
	return nil
}
