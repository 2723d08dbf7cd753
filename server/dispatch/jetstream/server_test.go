package jetstream

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// serverVariable tells the test program to be a NATS server, so that a server can be killed as a process is killed.
const serverVariable = "NUMHOOK_TEST_NATS_SERVER"

// serving is what a server process is told.
type serving struct {
	Port  int
	Store string
}

func TestMain(m *testing.M) {
	if told := os.Getenv(serverVariable); told != "" {
		serve(told)
	}
	os.Exit(m.Run())
}

// serve is a NATS server until its standard input ends, or it is killed.
func serve(told string) {
	var what serving
	if err := json.Unmarshal([]byte(told), &what); err != nil {
		panic(err)
	}
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: what.Port, JetStream: true, StoreDir: what.Store,
		NoSigs: true, NoLog: true, SyncAlways: true})
	if err != nil {
		panic(err)
	}
	s.Start()
	if !s.ReadyForConnections(time.Minute) {
		panic("the server does not get ready")
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// process is a NATS server of its own process.
type process struct {
	serving
	command *exec.Cmd
}

// start runs a server on the port and store.
func start(t *testing.T, what serving) *process {
	t.Helper()
	told, err := json.Marshal(what)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{serving: what, command: exec.Command(os.Args[0])}
	p.command.Env = append(os.Environ(), serverVariable+"="+string(told))
	p.command.Stderr = os.Stderr
	if _, err := p.command.StdinPipe(); err != nil { // open until the test program ends: no server outlives it
		t.Fatal(err)
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the server said %q: %v", line, err)
	}
	return p
}

// kill ends the server without a chance to do anything.
func (p *process) kill() {
	_ = p.command.Process.Kill() // may have been killed before
	_ = p.command.Wait()
}

// embed runs a server within the test.
func embed(t *testing.T, change func(*server.Options)) *server.Server {
	t.Helper()
	options := &server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true,
		NoLog: true}
	if change != nil {
		change(options)
	}
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not get ready")
	}
	return s
}

// admin is a client of the test's own.
func admin(t *testing.T, url string, options ...nats.Option) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func makeStream(t *testing.T, js jetstream.JetStream, c jetstream.StreamConfig) jetstream.Stream {
	t.Helper()
	c.Name, c.Subjects = "CHANGES", []string{"numhook.>"}
	stream, err := js.CreateStream(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// stored is what a stream holds, in its order.
func stored(t *testing.T, js jetstream.JetStream) (ids, bodies []string) {
	t.Helper()
	stream, err := js.Stream(t.Context(), "CHANGES")
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq && info.State.Msgs > 0; seq++ {
		raw, err := stream.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		ids, bodies = append(ids, raw.Header.Get(jetstream.MsgIDHeader)), append(bodies, string(raw.Data))
	}
	return ids, bodies
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// sender makes one that is closed at the end of the test.
func sender(t *testing.T, c Config) *Sender {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// within is a context for one attempt.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}
