// Command unwritten ends the generation of the receiver's code: it lists what is left to write by hand.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"

	"numhook/spec/unwritten"
)

func main() {
	before := flag.String("before", "", "the generated code as it was; a file that does not exist was none")
	after := flag.String("after", "", "the generated code")
	server := flag.String("server", "", "the folder of the package that fills the strict interface")
	flag.Parse()
	if *before == "" || *after == "" || *server == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*before, *after, *server); err != nil {
		fmt.Fprintln(os.Stderr, "unwritten:", err)
		os.Exit(1)
	}
}

func run(before, after, server string) error {
	was, err := os.ReadFile(before)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot read the generated code as it was: %w", err)
	}
	is, err := os.ReadFile(after)
	if err != nil {
		return fmt.Errorf("cannot read the generated code: %w", err)
	}
	listing, err := unwritten.List(was, is, server)
	if err != nil {
		return err
	}
	return listing.Write(os.Stdout)
}
