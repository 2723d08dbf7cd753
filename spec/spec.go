// Package spec is what the sender says: its events document exactly as published, the repairs to it with their reasons,
// and the receiver's document composed of the two; and what we say to downstreams, in a document of our own. It
// guarantees that generated code, server and command line all go by the same document, that the published one is never
// edited by hand (its quirks are asserted by a test), and that the composed one is never stale. "go generate ./..."
// composes it again; the line that does so stands before the generator's in gen/receiver, which reads the result.
package spec

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:embed number-management.json
var document []byte

//go:embed overlay.yaml
var overlay []byte

//go:embed receiver.json
var receiver []byte

//go:embed downstream.json
var downstream []byte

//go:embed operator.json
var operator []byte

//go:embed examples/*.json
var examples embed.FS

// Document is the sender's events document as published: OpenAPI 3.1 in JSON, with webhooks.
func Document() []byte { return slices.Clone(document) }

// Overlay is the list of repairs to documents of the sender's: Overlay 1.1 in YAML.
func Overlay() []byte { return slices.Clone(overlay) }

// Receiver is the composed document: OpenAPI 3.1.0 in JSON, with one POST /<event name> for each event.
func Receiver() []byte { return slices.Clone(receiver) }

// Downstream is the document of what is sent to downstreams: OpenAPI 3.1 in JSON, with webhooks, written by hand. An
// envelope of each of them is in examples-downstream.
func Downstream() []byte { return slices.Clone(downstream) }

// Operator is the document of the operators' API: OpenAPI 3.1 in JSON, written by hand.
func Operator() []byte { return slices.Clone(operator) }

// Load parses and validates the composed document, examples and all. Each call gives a document of its own.
func Load() (*openapi3.T, error) {
	loader := openapi3.NewLoader()
	loader.IncludeOrigin = false // where in the file each part came from: time and memory for what nobody edits
	doc, err := loader.LoadFromData(receiver)
	if err != nil {
		return nil, fmt.Errorf("cannot load the receiver's document: %w", err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("cannot use the receiver's document: %w", err)
	}
	return doc, nil
}

// Example is a realistic body of the named event, valid and without drift or lint; false when there is none.
func Example(event string) ([]byte, bool) {
	body, err := examples.ReadFile("examples/" + event + ".json")
	return body, err == nil
}

// Examples lists the names of the events that have an example, sorted.
func Examples() []string {
	files, err := examples.ReadDir("examples")
	if err != nil {
		return nil // a directory embedded at build time is always there
	}
	events := make([]string, len(files)) // ReadDir sorts them
	for i, file := range files {
		events[i] = strings.TrimSuffix(file.Name(), ".json")
	}
	return events
}
