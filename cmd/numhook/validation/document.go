package validation

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"numhook/server/contract"
	"numhook/spec"
	"numhook/spec/compose"
	"numhook/spec/eventsdoc"
)

// maxDocument is the most bytes that a document may have: the sender's largest has less than one million.
const maxDocument = 64 << 20

// builtIn is how reports name the document that the program was built with.
const builtIn = "built-in"

// Document is what payloads are held against.
type Document struct {
	Contract *contract.Contract
	Name     string              // of the file, or "built-in"
	Warnings []eventsdoc.Warning // of what the document says without a meaning
	origin   *origins            // of a document that had to be composed: where its parts come from; else nil
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

// read takes whatever form the document has. One that was composed before is not repaired again: it says what the
// receiver is held to.
func (d *Document) read(raw []byte) error {
	read, err := eventsdoc.Read(raw)
	if err != nil {
		return err
	}
	overlay := spec.Overlay()
	if read.Events[0].Slash {
		overlay = nil
	}
	composed, err := compose.From(read, overlay)
	if err != nil {
		return err
	}
	d.Warnings = composed.Warnings
	d.origin = newOrigins(read, composed.JSON)
	doc, err := compose.Load(composed.JSON)
	if err != nil {
		return err
	}
	d.Contract, err = contract.New(doc)
	return err
}

// locate is where the file has what a pointer into the composed document leads to.
func (d *Document) locate(event, pointer string) string {
	if d.origin == nil || pointer == "" {
		return pointer
	}
	return d.origin.of(event, pointer)
}
