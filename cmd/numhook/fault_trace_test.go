package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// call is one system call, as strace saw it. Its places are lines of the trace: the call had no effect before begin,
// and was over at end; a call that never came to its end has the end -1.
type call struct {
	thread, name string
	begin, end   int
	args         []string // as strace writes them, strings and the paths behind descriptors in hexadecimal
	failed       bool
	injected     bool
}

// path is the file that the call is about.
func (c call) path() string {
	for _, arg := range c.args {
		if _, name, ok := strings.Cut(arg, "<"); ok && !strings.HasPrefix(arg, "AT_FDCWD") {
			return unhex(name[:strings.LastIndexByte(name, '>')])
		}
		if strings.HasPrefix(arg, `"`) {
			return unhex(strings.Trim(arg, `"`))
		}
	}
	return ""
}

// data are the bytes that a call writes.
func (c call) data(t testing.TB) []byte {
	t.Helper()
	if !strings.HasSuffix(c.args[1], `"`) {
		t.Fatalf("the trace has only the beginning of what %s writes", c.name)
	}
	return []byte(unhex(strings.Trim(c.args[1], `"`)))
}

// number is an argument that is a whole number.
func (c call) number(t testing.TB, arg int) int64 {
	t.Helper()
	n, err := strconv.ParseInt(c.args[arg], 10, 64)
	if err != nil {
		t.Fatalf("argument %d of %s: %v", arg, c.name, err)
	}
	return n
}

// unhex reads a string in which every byte is written as \xNN.
func unhex(text string) string {
	raw, err := hex.DecodeString(strings.ReplaceAll(text, `\x`, ""))
	if err != nil {
		return text // such as "..." behind what was cut off
	}
	return string(raw)
}

// readTrace reads what strace -f -xx -y wrote. The calls come in the order in which they began.
func readTrace(t testing.TB, file string) []call {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var calls []call
	open := map[string]int{} // by thread: the call that it is in
	number := 0
	for line := range strings.Lines(string(raw)) {
		number++
		if !strings.HasSuffix(line, "\n") {
			break // not finished yet
		}
		thread, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		text = strings.TrimLeft(text, " ")
		if strings.HasPrefix(text, "+++") || strings.HasPrefix(text, "---") {
			continue
		}
		if rest, ok := strings.CutPrefix(text, "<... "); ok {
			_, rest, _ = strings.Cut(rest, " resumed>")
			if at, known := open[thread]; known {
				calls[at].finish(rest, number)
				delete(open, thread)
			}
			continue
		}
		name, rest, ok := strings.Cut(text, "(")
		if !ok {
			t.Fatalf("line %d of the trace is no call: %.80q", number, text)
		}
		calls = append(calls, call{thread: thread, name: name, begin: number, end: -1})
		this := &calls[len(calls)-1]
		if args, unfinished := strings.CutSuffix(rest, " <unfinished ...>"); unfinished {
			open[thread] = len(calls) - 1
			this.args = strings.Split(strings.TrimSuffix(args, ","), ", ")
			continue
		}
		this.finish(rest, number)
	}
	return calls
}

// finish reads the end of a call, from its arguments on.
func (c *call) finish(text string, line int) {
	at := strings.Index(text, ") ")
	result := strings.TrimLeft(text[at+1:], " ")
	if args := strings.TrimLeft(text[:max(at, 0)], ", "); args != "" {
		c.args = append(c.args, strings.Split(args, ", ")...)
	}
	if strings.HasPrefix(result, "= ?") {
		return // its process was killed in it
	}
	c.end = line
	c.failed = strings.HasPrefix(result, "= -1")
	c.injected = strings.HasSuffix(result, "(INJECTED)")
}

// injected counts the calls that failed because they were told to.
func injected(calls []call) (count int) {
	for _, c := range calls {
		if c.injected {
			count++
		}
	}
	return count
}

// storeFiles are the paths of everything that belongs to the store at the site.
func (s *site) storeFiles() []string {
	return []string{s.file(), s.file() + "-wal", s.file() + "-shm", s.file() + "-journal"}
}

// needStrace ends the test where nothing can be traced.
func needStrace(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err == nil {
		var out []byte
		if out, err = exec.CommandContext(t.Context(), path, "-f", "-o", os.DevNull, "true").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
	}
	if err == nil {
		return path
	}
	missing := "NOT TESTED: failing calls and power cuts. strace is needed (apt-get install strace), and has to be " +
		"allowed to trace: " + err.Error()
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// tracer is strace, at work on a process that runs.
type tracer struct {
	testing.TB
	process *exec.Cmd
	file    string
	said    *transcript
	ended   chan struct{}
}

// traceFlags let strace write one trace of all threads, with every string in hexadecimal.
func traceFlags(file string) []string {
	return []string{"-f", "-y", "-xx", "-e", "signal=none", "-o", file}
}

// attach lets strace trace the receiver from now on.
func (r *receiver) attach(strace string, flags ...string) *tracer {
	r.Helper()
	file, err := os.CreateTemp(r.folder, "trace-")
	if err != nil {
		r.Fatal(err)
	}
	defer file.Close()
	tr := &tracer{TB: r, file: file.Name(), said: &transcript{}, ended: make(chan struct{})}
	tr.process = exec.Command(strace, append(append(traceFlags(tr.file), "-p", strconv.Itoa(r.process.Process.Pid)),
		flags...)...)
	tr.process.Stderr = tr.said
	if err := tr.process.Start(); err != nil {
		r.Fatal(err)
	}
	go func() {
		_ = tr.process.Wait() // how it ended says nothing; the trace does
		close(tr.ended)
	}()
	r.Cleanup(tr.detach)
	eventually(r, startTime, "strace is attached", func() bool {
		select {
		case <-tr.ended:
			r.Fatalf("strace ended: %s", tr.said)
		default:
		}
		return strings.Contains(tr.said.String(), " attached")
	})
	return tr
}

// detach lets the process go on without strace.
func (tr *tracer) detach() {
	if err := tr.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		tr.Errorf("cannot end strace: %v", err)
	}
	<-tr.ended
}

func (tr *tracer) calls() []call {
	tr.Helper()
	return readTrace(tr, tr.file)
}

// startTraced starts the program under strace. The process is the receiver itself; strace stands beside it, and has the
// receiver's log open as well: once that is read to its end, and so the receiver has ended, the trace is whole.
func (v *vault) startTraced(strace, file string, flags ...string) *receiver {
	v.Helper()
	process := v.command(v.Context(), "serve", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0")
	process.Path = strace
	process.Args = append(append(append([]string{"strace", "-D"}, traceFlags(file)...), flags...),
		append([]string{v.program}, process.Args[1:]...)...)
	return v.begin(process)
}
