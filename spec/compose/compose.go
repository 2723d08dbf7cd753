// Package compose makes the receiver's document of an events document as the sender publishes it. The sender describes
// its events as webhooks, with quirks that generators and validators stumble over; the composed document has each event
// as POST /<event name>, is valid OpenAPI 3.1.0, and gives every nested object a name of its own.
//
// It guarantees that every webhook is served without being named anywhere, that the composed document accepts every
// event that the sender's accepts (but for the repairs of the overlay that say otherwise), that equal input gives equal
// bytes, and that a document that cannot be composed ends in an error that says where, never in a panic.
package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"gopkg.in/yaml.v3"
)

// version is the OpenAPI version of every composed document.
const version = "3.1.0"

// Compose applies the overlay (Overlay 1.1, YAML) to an events document (OpenAPI 3.1, JSON) and serves each of its
// webhooks as a path. The result is indented JSON, ordered as the document is, and Load takes it.
func Compose(document, overlay []byte) ([]byte, error) {
	doc, err := read(document)
	if err != nil {
		return nil, fmt.Errorf("cannot read the events document: %w", err)
	}
	refs := &references{doc: doc}
	if err := refs.resolve(); err != nil { // first, so that the repairs reach what is referred to
		return nil, err
	}
	if _, err := webhooks(doc); err != nil {
		return nil, fmt.Errorf("cannot compose the events document: %w", err)
	}
	if err := repair(doc, overlay); err != nil {
		return nil, err
	}
	if err := refs.resolve(); err != nil { // the overlay may have brought references of its own
		return nil, err
	}
	hooks, err := webhooks(doc)
	if err != nil {
		return nil, fmt.Errorf("cannot compose the events document after the overlay: %w", err)
	}
	for _, s := range sites(doc) {
		within(s.schema, s.pointer, func(schema *yaml.Node, _ string) bool {
			loosen(schema)
			unquoteSchema(schema)
			typeAny(schema)
			return true
		})
	}
	composed, err := writeJSON(assemble(doc, hooks))
	if err != nil {
		return nil, fmt.Errorf("cannot write the composed document: %w", err)
	}
	if _, err := Load(composed); err != nil {
		return nil, fmt.Errorf("cannot compose the events document: %w", err)
	}
	return composed, nil
}

// Load reads a composed document and validates it. Examples and defaults are the sender's prose and not part of the
// contract: they are not held against their schemas.
func Load(composed []byte) (*openapi3.T, error) {
	loader := openapi3.NewLoader()
	loader.IncludeOrigin = false // the origins of a document that nobody edits would only cost time and memory
	doc, err := loader.LoadFromData(composed)
	if err != nil {
		return nil, fmt.Errorf("cannot load the composed document: %s", oneLine(err))
	}
	err = doc.Validate(context.Background(), openapi3.DisableExamplesValidation(),
		openapi3.DisableSchemaDefaultsValidation())
	if err != nil {
		return nil, fmt.Errorf("cannot use the composed document: %s", oneLine(err))
	}
	return doc, nil
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// read parses an events document and checks that it is one.
func read(document []byte) (*yaml.Node, error) {
	document = bytes.TrimPrefix(document, []byte("\ufeff"))
	if !utf8.Valid(document) {
		return nil, errors.New("it is not UTF-8")
	}
	doc, err := readJSON(document)
	if err != nil {
		return nil, err
	}
	declared := member(doc, "openapi")
	if !isText(declared) {
		return nil, errors.New("it is not an OpenAPI document: it has no member \"openapi\"")
	}
	if declared.Value != "3.1" && !strings.HasPrefix(declared.Value, "3.1.") {
		return nil, fmt.Errorf("it is OpenAPI %q, and only 3.1 can be composed", declared.Value)
	}
	if hooks := member(doc, "webhooks"); !isMapping(hooks) {
		return nil, errors.New("it is not an events document: it has no object \"webhooks\"")
	}
	return doc, nil
}

// assemble builds the composed document: the sender's own members in their order, paths in the place of webhooks, the
// components last.
func assemble(doc *yaml.Node, hooks []*webhook) *yaml.Node {
	own := member(doc, "components")
	h := &hoister{names: names{}, schemas: mapping()}
	if schemas := member(own, "schemas"); isMapping(schemas) {
		h.schemas = schemas
	}
	paths := serve(hooks, h)
	forget(doc, h)
	composed := mapping()
	for name, value := range members(doc) {
		switch name {
		case "openapi":
			set(composed, name, text(version))
		case "webhooks":
			set(composed, "paths", paths)
		case "paths", "servers", "security", "components": // the sender's own interface, not the receiver's
		default:
			set(composed, name, value)
		}
	}
	components := mapping()
	if len(h.schemas.Content) > 0 {
		set(components, "schemas", h.schemas)
	}
	for _, section := range []string{"parameters", "headers"} {
		if value := member(own, section); value != nil {
			set(components, section, value)
		}
	}
	if len(components.Content) > 0 {
		set(composed, "components", components)
	}
	return composed
}

// serve turns the webhooks into paths, and hoists their schemas.
func serve(hooks []*webhook, h *hoister) *yaml.Node {
	events := make([]string, len(hooks))
	for i, w := range hooks {
		events[i] = w.event
		w.fill()
	}
	ids := operationNames(events)
	h.names.reserve(generated...)
	for _, w := range hooks {
		h.names.reserve(w.reserved(ids[w.event])...)
	}
	h.keep()
	for _, w := range hooks {
		w.claim(h, ids[w.event])
	}
	h.nested()
	paths := mapping()
	for _, w := range hooks {
		w.examples()
		w.hoist(h)
		set(w.operation, "operationId", text(w.id))
		set(paths, "/"+w.event, w.item)
	}
	return paths
}

// forget removes the names that the overlay gave from where they are of no more use.
func forget(doc *yaml.Node, h *hoister) {
	positions := sites(doc)
	for _, schema := range members(h.schemas) {
		positions = append(positions, site{schema: schema})
	}
	for _, s := range positions {
		within(s.schema, s.pointer, func(schema *yaml.Node, _ string) bool {
			if isMapping(schema) {
				drop(schema, nameKeyword)
			}
			return true
		})
	}
}
