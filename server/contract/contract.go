package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"numhook/server/event"
)

// Contract is a document compiled into a program that holds bodies against it. It is immutable and safe for concurrent
// use.
type Contract struct {
	operations map[string]*operation
	schemas    map[string]*schema // by the engine's location
	multiple   uint64             // of ten and of the digits of every multipleOf; 0 when that is too large
}

// operation is what the contract asks of one event's body.
type operation struct {
	name    string
	spec    string   // the operation in the document
	body    *schema  // nil when the document says nothing of the body
	carries []string // the value members that the contract declares in /payload/object: cnam, emergency_address
	absent  string   // the lint about a body without any of them
}

// Result is what the check found, each kind in the order of the body. A kind has at most max findings.
type Result struct {
	Violations, Drift, Lint []event.Finding
	Omitted                 int // the findings beyond max, of all kinds
}

// New compiles the document, in its composed form: every POST of every path is an operation, and its event name is the
// path without the leading slash. It fails for a document older than OpenAPI 3.1, for a reference that leads nowhere,
// and for a keyword that constrains values and that the check does not implement ($dynamicRef, and those of old
// drafts): the error names the keyword and its place. Annotations (description, examples, readOnly, x-..., formats that
// kin-openapi does not enforce) constrain nothing.
//
// What kin-openapi's loader drops is lost here too: "const": null, "enum": [], and digits of bounds and constants
// beyond a double's.
func New(doc *openapi3.T) (*Contract, error) {
	if !doc.IsOpenAPI31OrLater() {
		return nil, fmt.Errorf("cannot compile the contract: the document is OpenAPI %q, not 3.1", doc.OpenAPI)
	}
	c, err := newCompiler(doc)
	if err != nil {
		return nil, err
	}
	contract := &Contract{operations: map[string]*operation{}}
	for _, path := range doc.Paths.Keys() {
		post := doc.Paths.Value(path).Post
		if post == nil {
			continue
		}
		op := &operation{name: strings.TrimPrefix(path, "/"), spec: "/paths/" + escapeToken(path) + "/post"}
		if err := c.body(op, post.RequestBody); err != nil {
			return nil, err
		}
		contract.operations[op.name] = op
	}
	if contract.schemas, err = c.engines(); err != nil {
		return nil, err
	}
	contract.multiple = c.multiple()
	for _, op := range contract.operations {
		op.findCarried()
	}
	return contract, nil
}

// body compiles the schema of the operation's JSON body.
func (c *compiler) body(op *operation, body *openapi3.RequestBodyRef) (err error) {
	if body == nil || body.Value == nil {
		return nil
	}
	pointer := op.spec + "/requestBody"
	if local, ok := strings.CutPrefix(body.Ref, "#"); ok {
		pointer = local
	}
	media := jsonMedia(body.Value.Content)
	if media == "" || body.Value.Content[media].Schema == nil {
		return nil
	}
	op.body, err = c.schema(pointer + "/content/" + escapeToken(media) + "/schema")
	return err
}

// jsonMedia picks the content that a JSON body is held against.
func jsonMedia(content openapi3.Content) string {
	types := names(content)
	for _, fits := range []func(string) bool{
		func(t string) bool { return t == "application/json" },
		func(t string) bool { return strings.HasPrefix(t, "application/json;") },
		func(t string) bool { return strings.HasSuffix(t, "+json") || t == "application/*" || t == "*/*" },
	} {
		if at := slices.IndexFunc(types, fits); at >= 0 {
			return types[at]
		}
	}
	return ""
}

// Events lists the contract's event names in order.
func (c *Contract) Events() []string { return slices.Sorted(maps.Keys(c.operations)) }

// Has reports whether the contract has an operation of that name.
func (c *Contract) Has(name string) bool { return c.operations[name] != nil }
