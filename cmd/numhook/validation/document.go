package validation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/getkin/kin-openapi/openapi3"

	"numhook/server/contract"
	"numhook/spec"
	"numhook/spec/compose"
)

// maxDocument is the most bytes that a document may have: the sender's largest has less than one million.
const maxDocument = 64 << 20

// builtIn is how reports name the document that the program was built with.
const builtIn = "built-in"

// Document is what payloads are held against.
type Document struct {
	Contract *contract.Contract
	Name     string   // of the file, or "built-in"
	origin   *origins // of a document that had to be composed: where its parts come from; else nil
}

// BuiltIn is the document that the program was built with, in its composed form.
func BuiltIn() (*Document, error) {
	// spec.Load would hold its examples against it as well, which takes as long as everything else at the start
	doc, err := compose.Load(spec.Receiver())
	if err != nil {
		return nil, err
	}
	c, err := contract.New(doc)
	if err != nil {
		return nil, err
	}
	return &Document{Contract: c, Name: builtIn}, nil
}

// ReadDocument reads a document of the sender's in the form in which it is published (webhooks), or in the composed one
// (paths). Findings then name positions in the file.
func ReadDocument(path string) (*Document, error) {
	d := &Document{Name: shownName(path)}
	raw, err := readDocument(path)
	if err == nil {
		err = d.read(raw)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot use the document %s: %w", path, err)
	}
	return d, nil
}

func readDocument(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer func() { _ = file.Close() }() // only read
	raw, err := io.ReadAll(io.LimitReader(file, maxDocument+1))
	if err != nil {
		return nil, bare(err)
	}
	if len(raw) > maxDocument {
		return nil, fmt.Errorf("it has more than %d MiB", maxDocument>>20)
	}
	return bytes.TrimPrefix(raw, bom), nil
}

func (d *Document) read(raw []byte) (err error) {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(raw, &top); err != nil {
		return fmt.Errorf("it is not a JSON object: %s", jsonComplaint(raw, err))
	}
	composed := raw
	switch {
	case top["openapi"] == nil:
		return errors.New("it is not an OpenAPI document: it has no member \"openapi\"")
	case top["webhooks"] != nil:
		if composed, err = compose.Compose(raw, spec.Overlay()); err != nil {
			return err
		}
		d.origin = newOrigins(raw, composed)
	case top["paths"] == nil:
		return errors.New("it describes no events: it has neither \"webhooks\" nor \"paths\"")
	}
	var doc *openapi3.T
	if doc, err = compose.Load(composed); err != nil {
		return err
	}
	if d.Contract, err = contract.New(doc); err != nil {
		return err
	}
	if len(d.Contract.Events()) == 0 {
		return errors.New("it describes no events: none of its paths has a POST")
	}
	return nil
}

// jsonComplaint says what is wrong, and on which line.
func jsonComplaint(raw []byte, err error) string {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		p := measure(raw[:min(int(syntax.Offset), len(raw))])
		return fmt.Sprintf("line %d, column %d: %s", p.lines+1, max(p.columns, 1), syntax)
	}
	return "its root is something else"
}

// locate is where the file has what a pointer into the composed document leads to.
func (d *Document) locate(event, pointer string) string {
	if d.origin == nil || pointer == "" {
		return pointer
	}
	return d.origin.of(event, pointer)
}
