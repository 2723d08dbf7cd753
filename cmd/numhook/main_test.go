package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be the program: called as numhook, it runs main, in a process of its own. Called as storing, it is what storing says.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"numhook": main, "storing": storing})
}
