package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"numhook/server/event"
)

// The scripts in testdata run verbs as an operator would. Each has NUMHOOK_STORE and NUMHOOK_SECRETS set. Their own
// commands are:
//
//	receiver start [FLAG...]   runs numhook serve with the flags until the script ends; sets $URL, $ADDRESS and $OPERATOR
//	receiver stop              ends it as an operator would; it must exit 0
//	receiver answers STATUS DOOR FILE
//	                           delivers the file's bytes, signed, and expects the status
//	exits CODE PROGRAM [ARG...] runs a program and expects the exit code
//	outbox register|claim|record ...
//	                           does what a receiver with downstreams does: see scriptedOutbox
//	same FILE FILE             compares two JSON values; where the second one has "*", the first may have anything
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("NUMHOOK_STORE", "sqlite:store/numhook.db")
			env.Setenv("NUMHOOK_SECRETS", testSecret)
			env.Setenv(raceVariable, os.Getenv(raceVariable))
			env.Values[receiverKey{}] = new(scriptReceiver)
			env.Values[claimedKey{}] = map[string]event.Attempt{}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"receiver": scriptedReceiver, "exits": scriptedExit, "same": scriptedComparison, "outbox": scriptedOutbox,
		},
	})
}

type receiverKey struct{}

// scriptReceiver is the receiver that a script has started.
type scriptReceiver struct{ *receiver }

// scriptTB lets the harness of the Go tests work for a script, whose failures are told otherwise.
type scriptTB struct {
	testing.TB
	ts *testscript.TestScript
}

func (s scriptTB) Helper()                           {}
func (s scriptTB) Context() context.Context          { return context.Background() }
func (s scriptTB) Fatal(args ...any)                 { s.ts.Fatalf("%s", fmt.Sprint(args...)) }
func (s scriptTB) Fatalf(format string, args ...any) { s.ts.Fatalf(format, args...) }
func (s scriptTB) Errorf(format string, args ...any) { s.ts.Fatalf(format, args...) }
func (s scriptTB) Logf(format string, args ...any)   { s.ts.Logf(format, args...) }
func (s scriptTB) Cleanup(end func())                { s.ts.Defer(end) }
func (s scriptTB) Failed() bool                      { return false }

func scriptedReceiver(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: receiver start|stop|answers")
	}
	running := ts.Value(receiverKey{}).(*scriptReceiver)
	switch args[0] {
	case "start":
		var env []string
		for _, name := range []string{"PATH", "HOME", "TMPDIR", "NUMHOOK_STORE", "NUMHOOK_SECRETS", "NUMHOOK_MAX_BODY",
			raceVariable} {
			if value := ts.Getenv(name); value != "" {
				env = append(env, name+"="+value)
			}
		}
		s := &site{TB: scriptTB{ts: ts}, folder: ts.MkAbs("."), env: env}
		running.receiver = s.start(args[1:]...)
		ts.Setenv("URL", running.url)
		ts.Setenv("ADDRESS", strings.TrimPrefix(running.url, "http://"))
		ts.Setenv("OPERATOR", running.operator)
	case "stop":
		if code := running.stop(); code != exitGood {
			ts.Fatalf("the receiver's exit code is %d", code)
		}
	case "answers":
		if len(args) != 4 {
			ts.Fatalf("usage: receiver answers STATUS DOOR FILE")
		}
		body := ts.ReadFile(args[3])
		got, err := running.deliver(args[2], body, signed(testSecret, body))
		if err != nil || strconv.Itoa(got.status) != args[1] {
			ts.Fatalf("the answer is %v (%v), want %s", got, err, args[1])
		}
	default:
		ts.Fatalf("receiver %s is not known", args[0])
	}
}

func scriptedExit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("cannot run %s: %v", args[1], err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("the exit code is %d, want %s", code, args[0])
	}
}

func scriptedComparison(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: same FILE FILE")
	}
	var values [2]any
	for i, name := range args {
		decoder := json.NewDecoder(strings.NewReader(ts.ReadFile(name)))
		decoder.UseNumber()
		if err := decoder.Decode(&values[i]); err != nil {
			ts.Fatalf("%s is not JSON: %v", name, err)
		}
		if decoder.More() {
			ts.Fatalf("%s holds more than one JSON value", name)
		}
	}
	if difference := differ("", values[0], values[1]); difference != "" {
		ts.Fatalf("%s differs from %s at %s", args[0], args[1], difference)
	}
}

// differ is the place where got is not what is wanted, or empty.
func differ(at string, got, want any) string {
	if want == "*" && got != nil && got != "" {
		return ""
	}
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok {
			break
		}
		for name := range got {
			if _, wanted := want[name]; !wanted {
				return at + "/" + name + ": not wanted"
			}
		}
		for name, value := range want {
			if difference := differ(at+"/"+name, got[name], value); difference != "" {
				return difference
			}
		}
		return ""
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			break
		}
		for i, value := range want {
			if difference := differ(at+"/"+strconv.Itoa(i), got[i], value); difference != "" {
				return difference
			}
		}
		return ""
	default:
		if got == want {
			return ""
		}
	}
	return fmt.Sprintf("%s: %v, want %v", at, got, want)
}
