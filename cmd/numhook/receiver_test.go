package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const testSecret = "a-secret-of-the-tests"

// Bounds of waiting for a process. They are wide because the machine may be busy; what a test measures, it bounds
// itself.
const (
	startTime = 30 * time.Second
	endTime   = 30 * time.Second
)

// site is a folder in which numhook runs, with a store and a secret that every verb finds in the environment.
type site struct {
	testing.TB
	folder   string
	dir      string // of the store's file
	database string // the store's URL, where it is no file
	env      []string
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{TB: t, folder: t.TempDir()}
	s.dir = filepath.Join(s.folder, "store", "numhook.db")
	s.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.folder, "TMPDIR=" + os.TempDir(), raceVariable + "=" +
		os.Getenv(raceVariable), "NUMHOOK_SECRETS=" + testSecret}
	return s
}

// file is the store's.
func (s *site) file() string { return s.dir }

// command is a numhook process: the test binary under another name (see TestMain).
func (s *site) command(ctx context.Context, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		s.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Args[0] = "numhook"
	cmd.Dir, cmd.Env = s.folder, append([]string{"NUMHOOK_STORE=sqlite:" + s.file()}, s.env...)
	return cmd
}

// ending is how a verb ended.
type ending struct {
	stdout, stderr string
	code           int
}

// run runs a verb to its end.
func (s *site) run(args ...string) ending {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), endTime)
	defer cancel()
	return s.finish(s.command(ctx, args...))
}

func (s *site) finish(cmd *exec.Cmd) ending {
	s.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		s.Fatalf("cannot run %v: %v", cmd.Args, err)
	}
	return ending{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// read runs a reading verb and decodes what it prints.
func (s *site) read(into any, args ...string) {
	s.Helper()
	got := s.run(append(args, "--format", "json")...)
	if got.code != exitGood || got.stderr != "" {
		s.Fatalf("numhook %v: exit code %d: %s", args, got.code, got.stderr)
	}
	if err := json.Unmarshal([]byte(got.stdout), into); err != nil {
		s.Fatalf("numhook %v: not one JSON value: %v: %s", args, err, got.stdout)
	}
}

// receiver is numhook serve, running.
type receiver struct {
	*site
	url      string // of the sender's listener, with no slash at its end
	operator string // likewise
	out, log *transcript
	process  *exec.Cmd
	ended    chan struct{} // closed when the process has ended
	client   *http.Client
}

// startReceiver runs a receiver on a store of its own until the test ends.
func startReceiver(t testing.TB, args ...string) *receiver {
	t.Helper()
	return newSite(t).start(args...)
}

// start runs a receiver at the site and waits until it is ready.
func (s *site) start(args ...string) *receiver {
	s.Helper()
	r := s.launch(args...)
	r.awaitReady()
	return r
}

// launch only starts the process.
func (s *site) launch(args ...string) *receiver { return s.launchProgram("", args...) }

// launchProgram is launch with another program.
func (s *site) launchProgram(path string, args ...string) *receiver {
	s.Helper()
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"}, args...)
	process := s.command(context.Background(), args...) // the process outlives the test's context and ends in its clean-up
	if path != "" {
		process.Path = path
	}
	return s.begin(process)
}

// begin starts the process of a receiver.
func (s *site) begin(process *exec.Cmd) *receiver {
	s.Helper()
	r := &receiver{site: s, process: process, out: &transcript{}, log: &transcript{}, ended: make(chan struct{})}
	r.client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	r.process.Stdout = r.out
	if r.process.Stderr == nil {
		r.process.Stderr = r.log
	}
	if err := r.process.Start(); err != nil {
		s.Fatal(err)
	}
	go func() {
		_ = r.process.Wait() // its state is read by those who wait for ended
		close(r.ended)
	}()
	s.Cleanup(r.cleanUp)
	return r
}

// cleanUp ends the process, and looks at what it said: nothing that runs in a test may panic or race.
func (r *receiver) cleanUp() {
	r.kill()
	r.client.CloseIdleConnections()
	log := r.log.String()
	for _, failure := range []string{"DATA RACE", "panic", "fatal error", "SIGBUS"} {
		if strings.Contains(log, failure) {
			r.Errorf("the receiver's log speaks of %s", failure)
		}
	}
	if r.Failed() {
		const last = 3000
		r.Logf("the end of the receiver's log:\n%s", log[max(0, len(log)-last):])
	}
}

func (r *receiver) awaitReady() {
	r.Helper()
	eventually(r, startTime, "the receiver is ready", func() bool {
		select {
		case <-r.ended:
			r.Fatalf("the receiver ended with code %d: %s", r.process.ProcessState.ExitCode(), r.log)
		default:
		}
		return r.findAddresses() && r.ready().status == http.StatusOK
	})
}

// findAddresses reads in the log where the process listens.
func (r *receiver) findAddresses() bool {
	for _, entry := range r.log.entries() {
		switch address, _ := entry["address"].(string); entry["msg"] {
		case "listening":
			r.url = "http://" + address
			if entry["tls"] == true {
				r.url = "https://" + address
			}
		case "operator listening":
			r.operator = "http://" + address
			if entry["tls"] == true {
				r.operator = "https://" + address
			}
		}
	}
	return r.url != "" && r.operator != ""
}

// ready is the answer of /readyz; its status is 0 when there is none.
func (r *receiver) ready() answer {
	got, _ := r.get("/readyz")
	return got
}

// get asks the operator's listener.
func (r *receiver) get(path string) (answer, error) {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, r.operator+path, http.NoBody)
	if err != nil {
		return answer{}, err
	}
	return r.do(request)
}

// signal sends a signal; a process that has ended does not mind.
func (r *receiver) signal(signal syscall.Signal) {
	if err := r.process.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		r.Errorf("cannot send signal %v: %v", signal, err)
	}
}

// kill ends the process at once, as a crash would.
func (r *receiver) kill() {
	r.signal(syscall.SIGKILL)
	<-r.ended
}

// stop ends the process as an operator would, and returns its exit code.
func (r *receiver) stop() int {
	r.Helper()
	r.signal(syscall.SIGTERM)
	return r.awaitEnd(endTime)
}

func (r *receiver) awaitEnd(within time.Duration) int {
	r.Helper()
	select {
	case <-r.ended:
	case <-time.After(within):
		r.Fatalf("the receiver did not end within %v", within)
	}
	return r.process.ProcessState.ExitCode()
}

// transcript is what a process writes, readable meanwhile.
type transcript struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// entries are the log's lines; one that is not finished yet is left out.
func (l *transcript) entries() (entries []map[string]any) {
	for line := range strings.Lines(l.String()) {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) == nil {
			entries = append(entries, entry)
		}
	}
	return entries
}

// deliveries are the log's lines about deliveries.
func (l *transcript) deliveries() (entries []map[string]any) {
	for _, entry := range l.entries() {
		if entry["msg"] == "delivery" {
			entries = append(entries, entry)
		}
	}
	return entries
}

// delivered waits until the log speaks of so many deliveries, and returns the last one's line: it is written after the
// answer.
func (r *receiver) delivered(many int) map[string]any {
	r.Helper()
	eventually(r, startTime, fmt.Sprintf("the log speaks of %d deliveries", many),
		func() bool { return len(r.log.deliveries()) >= many })
	return r.log.deliveries()[many-1]
}

// awaitText waits until the log speaks of something. The log is written beside what the receiver answers: what an
// answer or a metric tells of may not be in the log yet.
func (r *receiver) awaitText(text string) {
	r.Helper()
	eventually(r, startTime, "the log has "+text, func() bool { return strings.Contains(r.log.String(), text) })
}

// countKind is how many deliveries of a kind the log speaks of.
func (r *receiver) countKind(kind string) (count int) {
	for _, entry := range r.log.deliveries() {
		if entry["kind"] == kind {
			count++
		}
	}
	return count
}

// has reports whether the log has an entry with the message.
func (l *transcript) has(message string) bool {
	for _, entry := range l.entries() {
		if entry["msg"] == message {
			return true
		}
	}
	return false
}

// eventually waits until something holds, and fails the test when it does not in time. The longer that takes the more
// seldom it looks: a look may cost a process, and takes the processors from what is waited for.
func eventually(t testing.TB, within time.Duration, what string, holds func() bool) {
	t.Helper()
	const seldom = 100 * time.Millisecond
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for pause := 2 * time.Millisecond; !holds(); pause = min(pause*5/4, seldom) {
		select {
		case <-time.After(pause):
		case <-deadline.C:
			t.Fatalf("after %v it does not hold that %s", within, what)
		}
	}
}

// answer is what came back, and how long it took.
type answer struct {
	status int
	header http.Header
	body   string
	took   time.Duration
}

func (a answer) String() string { return fmt.Sprintf("%d in %v: %s", a.status, a.took, a.body) }

func (r *receiver) do(request *http.Request) (answer, error) {
	began := time.Now()
	response, err := r.client.Do(request)
	if err != nil {
		return answer{took: time.Since(began)}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body), time.Since(began)}, err
}
