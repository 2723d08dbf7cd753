// Package compose makes the receiver's document of an events document as the sender publishes it. The sender describes
// its events as webhooks, with quirks that generators and validators stumble over; the composed document has each event
// as POST /<event name>, is valid OpenAPI 3.1.0, and gives every nested object a name of its own.
//
// It guarantees that every webhook is served without being named anywhere, that the composed document accepts every
// event that the sender's accepts (but for the repairs of the overlay that say otherwise), that equal input gives equal
// bytes, that both published forms of a document give the same code, and that a document that cannot be composed ends
// in an error that says where, never in a panic.
package compose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"gopkg.in/yaml.v3"

	"numhook/spec/eventsdoc"
)

// version is the OpenAPI version of every composed document.
const version = "3.1.0"

// Composed is the receiver's document, and what has to be told of the one that it was made of.
type Composed struct {
	JSON     []byte
	Warnings []eventsdoc.Warning
}

// Compose applies the overlay (Overlay 1.1, YAML) to an events document (OpenAPI 3.1, in any form that eventsdoc reads)
// and serves each of its events as a path. The result is indented JSON, ordered as the document is, and Load takes it.
func Compose(document, overlay []byte) (*Composed, error) {
	read, err := eventsdoc.Read(document)
	if err != nil {
		return nil, fmt.Errorf("cannot read the events document: %w", err)
	}
	return From(read, overlay)
}

// From composes a document that has been read. Without an overlay nothing is repaired: a document that was composed
// before keeps what it says.
func From(read *eventsdoc.Document, overlay []byte) (*Composed, error) {
	if read.Version != "3.1" && !strings.HasPrefix(read.Version, "3.1.") {
		at := read.Root.Content[2*slices.IndexFunc(slices.Collect(slices.Chunk(read.Root.Content, 2)),
			func(pair []*yaml.Node) bool {
				return pair[0].Value == "openapi"
			})]
		return nil, fmt.Errorf("cannot read the events document: %d:%d: it is OpenAPI %q, and only 3.1 can be composed",
			at.Line, at.Column, read.Version)
	}
	served, warnings := servable(read)
	if len(served) == 0 {
		return nil, fmt.Errorf("cannot compose the events document: none of its events can be served: %s", warnings[0])
	}
	doc := read.Webhooks()
	refs := &references{doc: doc}
	if err := refs.resolve(); err != nil { // first, so that the repairs reach what is referred to
		return nil, err
	}
	if err := repair(doc, overlay); err != nil {
		return nil, err
	}
	if err := refs.resolve(); err != nil { // the overlay may have brought references of its own
		return nil, err
	}
	hooks, err := webhooks(doc, served)
	if err != nil {
		return nil, fmt.Errorf("cannot compose the events document after the overlay: %w", err)
	}
	for _, s := range sites(doc) {
		within(s.schema, s.pointer, func(schema *yaml.Node, _ string) bool {
			plain(schema)
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
	return &Composed{JSON: composed, Warnings: append(read.Warnings, warnings...)}, nil
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

// assemble builds the composed document: the sender's own members in their order, paths in the place of webhooks, the
// components last.
func assemble(doc *yaml.Node, hooks []*webhook) *yaml.Node {
	own := member(doc, "components")
	h := &hoister{names: names{}, schemas: mapping()}
	for name, schema := range members(member(own, "schemas")) {
		if isComponentName(name) { // the others have been put where they were referred to
			set(h.schemas, name, schema)
		}
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
		case "info", "jsonSchemaDialect", "tags", "externalDocs":
			set(composed, name, value)
		default: // paths, servers, security and components are the sender's own interface, not the receiver's
			if strings.HasPrefix(name, "x-") {
				set(composed, name, value)
			}
		}
	}
	introduce(composed)
	components := mapping()
	if len(h.schemas.Content) > 0 {
		set(components, "schemas", h.schemas)
	}
	for _, section := range []string{"parameters", "headers"} {
		kept := mapping()
		for name, value := range members(member(own, section)) {
			if isComponentName(name) {
				set(kept, name, value)
			}
		}
		if len(kept.Content) > 0 {
			set(components, section, kept)
		}
	}
	if len(components.Content) > 0 {
		set(composed, "components", components)
	}
	return composed
}

// introduce fills in what OpenAPI demands to know of a document, where the sender does not say it.
func introduce(composed *yaml.Node) {
	about := member(composed, "info")
	if about == nil {
		about = mapping()
		composed.Content = slices.Insert(composed.Content, 2, text("info"), about)
	}
	for _, needed := range [][2]string{{"title", "Events"}, {"version", "0"}} {
		if valueOf(member(about, needed[0])) == "" {
			set(about, needed[0], text(needed[1]))
		}
	}
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
