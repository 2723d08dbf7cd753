package command

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// Attempts of every kind that ends early, again and again: descriptors and goroutines are back where they began, and no
// program is left.
func TestFailingAttemptsLeaveNothingBehind(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("SKIPPED: there is no list of open descriptors here")
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "program")
	write := func(text string) *Sender {
		t.Helper()
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		s, err := New(Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		return s
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	attempts := map[string]func(){
		"cannot be started": func() { send(t, write("#!/bin/sh\r\n"), longTime, change) },
		"wrong format":      func() { send(t, write("none"), longTime, change) },
		"over before":       func() { write("#!/bin/sh\n").Send(stopped{t.Context()}, change) },
		"cancelled before":  func() { write("#!/bin/sh\n").Send(ended, change) },
		"fails":             func() { send(t, write("#!/bin/sh\necho x >&2\nexit 1\n"), longTime, change) },
		"takes too long":    func() { send(t, write("#!/bin/sh\nexec sleep 1000\n"), 10*time.Millisecond, change) },
		"leaves children":   func() { send(t, write("#!/bin/sh\nsleep 1000 &\nexit 1\n"), longTime, change) },
	}
	send(t, write("#!/bin/sh\n"), longTime, change)
	files, goroutines := opened(t), runtime.NumGoroutine()
	times := 300
	if testing.Short() {
		times = 30
	}
	for name, attempt := range attempts {
		for range times {
			attempt()
		}
		if now := opened(t); now > files {
			t.Errorf("%s: %d descriptors are open, and were %d", name, now, files)
		}
		if now := runtime.NumGoroutine(); now > goroutines+5 { // those that time makes are on their way out
			t.Errorf("%s: there are %d goroutines, and were %d", name, now, goroutines)
		}
	}
}

func opened(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
