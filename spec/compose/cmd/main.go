// Command cmd composes the receiver's document; "go generate" runs it.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"

	"numhook/spec/compose"
)

func main() {
	document := flag.String("document", "", "the sender's events document, in any form that it is published in, "+
		"JSON or YAML")
	overlay := flag.String("overlay", "", "the repairs, Overlay 1.1 in YAML")
	output := flag.String("output", "", "where the composed document goes")
	flag.Parse()
	if err := run(*document, *overlay, *output); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(document, overlay, output string) error {
	source, err := os.ReadFile(document)
	if err != nil {
		return fmt.Errorf("cannot read the events document: %w", err)
	}
	repairs, err := os.ReadFile(overlay)
	if err != nil {
		return fmt.Errorf("cannot read the overlay: %w", err)
	}
	composed, err := compose.Compose(source, repairs)
	if err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	for _, warning := range composed.Warnings {
		fmt.Fprintf(os.Stderr, "%s:%s\n", document, warning)
	}
	if before, err := os.ReadFile(output); err == nil && bytes.Equal(before, composed.JSON) {
		return nil // what is not touched is not built again
	}
	//nolint:gosec // a source file, for everybody to read
	if err := os.WriteFile(output, composed.JSON, 0o644); err != nil {
		return fmt.Errorf("cannot write the composed document: %w", err)
	}
	return nil
}
