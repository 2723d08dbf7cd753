package main

import (
	"cmp"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/mattn/go-isatty"
)

// pagerVariable names the program that a list is looked at with on a terminal; "cat" or an empty one is none.
const pagerVariable = "PAGER"

// defaultPager leaves a list that fits the screen alone, cuts long lines and leaves them on the screen.
const defaultPager = "less -FSX"

// paged is the pager that a list is written to, or nothing where the output is no terminal, or there is no pager.
func paged(out io.Writer) *pager {
	file, ok := out.(*os.File)
	if !ok || !isatty.IsTerminal(file.Fd()) {
		return nil
	}
	words := strings.Fields(defaultPager)
	if wanted, given := os.LookupEnv(pagerVariable); given {
		words = strings.Fields(cmp.Or(wanted, "cat"))
	}
	if len(words) == 0 || words[0] == "cat" {
		return nil
	}
	return startPager(file, words)
}

// pager is a running pager.
type pager struct {
	io.WriteCloser
	command *exec.Cmd
}

// startPager is nothing where the program cannot be started: then the list is printed as it is.
func startPager(out io.Writer, words []string) *pager {
	command := exec.Command(words[0], words[1:]...) //nolint:noctx // whoever runs it names it, and ends it
	command.Stdout, command.Stderr = out, os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		return nil
	}
	if err := command.Start(); err != nil {
		return nil
	}
	return &pager{WriteCloser: in, command: command}
}

// Write writes to the pager. One that was left early needs no more.
func (p *pager) Write(text []byte) (int, error) {
	if _, err := p.WriteCloser.Write(text); err != nil {
		return len(text), nil //nolint:nilerr // people close it when they have seen enough
	}
	return len(text), nil
}

// end waits until the pager is left.
func (p *pager) end() {
	if p == nil {
		return
	}
	_ = p.Close()
	_ = p.command.Wait() // whatever it ends with, the list was shown
}
