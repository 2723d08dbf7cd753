package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"numhook/spec"
)

// With these variables this test binary is a receiver instead of a test.
const (
	childKind      = "NUMHOOK_BENCH_CHILD"
	childDirectory = "NUMHOOK_BENCH_CHILD_DIRECTORY"
)

// The databases' names in a competitor's directory.
const (
	ownDatabase   = "numhook.db"
	plainDatabase = "plain.db"
)

// runChild serves until SIGTERM.
func runChild(kind, directory string) int {
	switch kind {
	case storedChild:
		return runStored()
	case generatorChild:
		return runGenerator()
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	handler, closer, err := newChild(ctx, kind, directory)
	if err == nil {
		err = serveChild(ctx, handler, log)
		err = errors.Join(err, closer())
	}
	if err != nil {
		log.Error(err.Error())
		return 1
	}
	return 0
}

func newChild(ctx context.Context, kind, directory string) (http.Handler, func() error, error) {
	switch kind {
	case bareServer:
		return newBare(), func() error { return nil }, nil
	case plainReceiver:
		document, err := spec.Load()
		if err != nil {
			return nil, nil, err
		}
		store, err := openPlainStore(ctx, filepath.Join(directory, plainDatabase))
		if err != nil {
			return nil, nil, err
		}
		handler, err := newPlain(document, store.keep)
		return handler, store.db.Close, err
	}
	return nil, nil, fmt.Errorf("cannot run %q: no such kind", kind)
}

func serveChild(ctx context.Context, handler http.Handler, log *slog.Logger) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	way := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- way.Serve(listener) }()
	log.Info("listening", slog.String("address", listener.Addr().String()))
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return way.Shutdown(context.WithoutCancel(ctx))
	}
}

// process is a competitor that runs on its own.
type process struct {
	what    string
	command *exec.Cmd
	address string
	logs    string     // file
	ended   chan error // gets what the process ended with
}

// target is the process as a load knows it.
func (p *process) target() target { return target{p.address, p.command.Process.Pid} }

// start runs the command and waits until it says where it listens. Its log goes to a file, as a service's does.
func start(t *testing.T, what, directory string, command *exec.Cmd) *process {
	p := &process{what: what, command: command, logs: filepath.Join(directory, "log"), ended: make(chan error, 1)}
	logs, err := os.Create(p.logs)
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	command.Dir, command.Stderr = directory, logs
	command.Env = slices.DeleteFunc(append(os.Environ(), command.Env...), func(variable string) bool {
		// the user's settings are not ours
		return strings.HasPrefix(variable, "NUMHOOK_") && !slices.Contains(command.Env, variable)
	})
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- command.Wait() }()
	t.Cleanup(func() { _ = command.Process.Kill() }) // does nothing after stop
	tick, patience := time.NewTicker(10*time.Millisecond), time.NewTimer(20*time.Second)
	defer tick.Stop()
	defer patience.Stop()
	for {
		select {
		case <-tick.C:
		case err := <-p.ended:
			text, _ := os.ReadFile(p.logs)
			t.Fatalf("%s has ended (%v); its log:\n%s", what, err, text)
		case <-patience.C:
			t.Fatalf("%s does not listen", what)
		}
		if p.address = listening(p.logs); p.address != "" {
			return p
		}
	}
}

// listening is the address in the log's line "listening", if it has one already.
func listening(logs string) string {
	text, err := os.ReadFile(logs)
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(text) {
		var entry struct{ Msg, Address string }
		if json.Unmarshal(line, &entry) == nil && entry.Msg == "listening" {
			return entry.Address
		}
	}
	return ""
}

// waitChecked waits until the receiver has checked all of its store, which takes processor time only at its start and
// once a day. An older binary does not.
func (p *process) waitChecked(t *testing.T) {
	t.Helper()
	limit, tick := time.After(10*time.Minute), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(p.logs)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte(`"msg":"store check"`)) ||
			bytes.Contains(text, []byte(`"msg":"store check","outcome":"good"`)) {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s does not end the check of its store", p.what)
		}
	}
}

// stop has the process drain, and waits for its end.
func (p *process) stop(t *testing.T) {
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-p.ended; err != nil {
		t.Fatalf("%s: %v", p.what, err)
	}
}

// startChild runs this test binary as a receiver.
func (b *bench) startChild(t *testing.T, kind string) *process {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	directory := b.folder(t)
	command := exec.Command(self)
	command.Env = []string{childKind + "=" + kind, childDirectory + "=" + directory}
	return start(t, kind, directory, command)
}

// build makes the receiver's binary, once.
func (b *bench) build(t *testing.T) {
	if b.binary != "" {
		return
	}
	binary := filepath.Join(b.folder(t), "numhook")
	arguments := []string{"build", "-tags", b.tags, "-o", binary}
	if b.product {
		arguments = append(arguments, "-trimpath", "-ldflags=-s -w")
	}
	build := exec.Command("go", append(arguments, "numhook/cmd/numhook")...)
	if build.Env = os.Environ(); b.product {
		build.Env = append(build.Env, "CGO_ENABLED=0")
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the receiver: %v\n%s", err, out)
	}
	b.binary = binary
}

// startOwn runs the receiver with its default settings, on an embedded store in its directory.
func (b *bench) startOwn(t *testing.T) *process {
	return b.startOn(t, "")
}

// startOn runs the receiver on the store at the URL, with its default settings but for the flags given.
func (b *bench) startOn(t *testing.T, url string, flags ...string) *process {
	b.build(t)
	return b.startBinary(t, b.binary, url, flags...)
}

// startBinary does the same with any version of the receiver; an empty URL is an embedded store in its directory.
func (b *bench) startBinary(t *testing.T, binary, url string, flags ...string) *process {
	directory := b.folder(t)
	if url == "" {
		url = "sqlite:" + filepath.Join(directory, ownDatabase)
	}
	arguments := []string{"serve", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--store", url}
	if b.anyDisk {
		arguments = append(arguments, "--allow-unsafe-store")
	}
	command := exec.Command(binary, append(arguments, flags...)...)
	command.Env = []string{"NUMHOOK_SECRETS=" + secret}
	return start(t, ownReceiver, directory, command)
}
