package main

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// raceVariable steers the race detector; whoever starts a process of the tests hands it on.
const raceVariable = "GORACE"

// TestMain lets the test binary be the program: called as numhook, it runs main, in a process of its own. Called as
// storing, it is what storing says.
//
// Under the race detector a process that ends waits a second for reports, unless it is told not to: with more than a
// thousand processes that is most of the time. A race is reported when it happens, and makes the exit code 66.
func TestMain(m *testing.M) {
	if err := os.Setenv(raceVariable, strings.TrimSpace(os.Getenv(raceVariable)+" atexit_sleep_ms=0")); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"numhook": main, "storing": storing})
}
