package main

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/store/postgres/postgrestest"
)

// system is a carrier's own system: a real HTTP server that changes are handed on to. It keeps its address while it is
// down, checks each signature, and remembers what came.
type system struct {
	testing.TB
	name, mode string
	address    string
	secret     []byte
	url        string // what the configuration says; empty for its address
	settings   string // further lines of its place in the configuration

	mu       sync.Mutex
	manner   manner
	server   *http.Server // nil while it is down
	arrivals []arrival
}

// manner is how a system behaves: it answers an arrival, or does not. earlier is how often the same identity came
// before.
type manner func(w http.ResponseWriter, r *http.Request, earlier int)

// arrival is one envelope whose last byte was read.
type arrival struct {
	id       string // webhook-id
	receiver string // the header by which a test tells receivers
	at       time.Time
	envelope
}

// envelope is what a test looks at of what comes.
type envelope struct {
	Version   int
	ID        string
	Event     string
	EventID   string `json:"event_id"`
	Number    string
	Attribute string
	Value     json.RawMessage
	Previous  json.RawMessage `json:"previous_value"`
	TS        int64           `json:"event_ts"`
	Attempt   int
}

func newSystem(t testing.TB, name, mode string, settings ...string) *system {
	t.Helper()
	s := &system{TB: t, name: name, mode: mode, address: "127.0.0.1:0", manner: confirm,
		secret: []byte("secret of " + name + ", 32 bytes long.."), settings: strings.Join(settings, "\n")}
	s.up()
	t.Cleanup(s.down)
	return s
}

// up begins to listen.
func (s *system) up() {
	s.Helper()
	listener, err := new(net.ListenConfig).Listen(s.Context(), "tcp", s.address)
	if err != nil {
		s.Fatal(err)
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: startTime}
	s.mu.Lock()
	s.address, s.server = listener.Addr().String(), server
	s.mu.Unlock()
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.Errorf("system %s: %v", s.name, err)
		}
	}()
}

// down refuses connections, and cuts those that it has.
func (s *system) down() {
	s.mu.Lock()
	server := s.server
	s.server = nil
	s.mu.Unlock()
	if server != nil {
		_ = server.Close() // what it had accepted is cut
	}
}

// behave changes its manner.
func (s *system) behave(m manner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.manner = m
}

func (s *system) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it was cut off
	}
	a := arrival{id: r.Header.Get("Webhook-Id"), receiver: r.Header.Get("X-Receiver"), at: time.Now()}
	if err := json.Unmarshal(body, &a.envelope); err != nil || a.ID != a.id || a.Version != 1 || a.id == "" {
		s.Errorf("system %s got %s as %q (%v)", s.name, body, a.id, err)
	}
	if want := s.signature(a.id, r.Header.Get("Webhook-Timestamp"), body); r.Header.Get("Webhook-Signature") != want {
		s.Errorf("system %s: the signature is %q, want %q", s.name, r.Header.Get("Webhook-Signature"), want)
	}
	s.mu.Lock()
	earlier := 0
	for _, b := range s.arrivals {
		if b.id == a.id {
			earlier++
		}
	}
	s.arrivals = append(s.arrivals, a)
	m := s.manner
	s.mu.Unlock()
	m(w, r.WithContext(context.WithValue(r.Context(), arrivalKey{}, a)), earlier)
}

// arrivalKey finds the arrival in the context of a manner's request.
type arrivalKey struct{}

// signature is that of the Standard Webhooks specification, computed without the program's own code.
func (s *system) signature(id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, s.secret)
	fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// came is what came so far.
func (s *system) came() []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]arrival(nil), s.arrivals...)
}

// await waits until so many arrivals came, and returns them.
func (s *system) await(many int) []arrival {
	s.Helper()
	eventually(s, startTime, fmt.Sprintf("%d envelopes came to %s", many, s.name),
		func() bool { return len(s.came()) >= many })
	return s.came()
}

// confirm answers as a system does that has the change.
func confirm(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusNoContent) }

// answering answers every arrival with the status.
func answering(status int) manner {
	return func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(status) }
}

// some lets a system behave so with about a third of the changes, so that its breaker sees signs of life between
// failures.
func some(m manner) manner {
	return func(w http.ResponseWriter, r *http.Request, earlier int) {
		if id := r.Header.Get("Webhook-Id"); id != "" && id[len(id)-1] <= '4' {
			m(w, r, earlier)
			return
		}
		confirm(w, r, earlier)
	}
}

// failing answers the first tries of each change 500.
func failing(tries int) manner {
	return func(w http.ResponseWriter, r *http.Request, earlier int) {
		if earlier < tries {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		confirm(w, r, earlier)
	}
}

// cutting takes the body of the first tries of each change, and then cuts the connection.
func cutting(tries int) manner {
	return func(w http.ResponseWriter, r *http.Request, earlier int) {
		if earlier < tries {
			panic(http.ErrAbortHandler)
		}
		confirm(w, r, earlier)
	}
}

// lateBy answers after so long; the first tries of each change after much longer than anybody waits.
func lateBy(wait time.Duration, tries int) manner {
	return func(w http.ResponseWriter, r *http.Request, earlier int) {
		if earlier < tries {
			<-r.Context().Done()
			return
		}
		<-time.After(wait)
		confirm(w, r, earlier)
	}
}

// holding holds every arrival until release ends, and confirms it then.
func holding(release context.Context) manner {
	return func(w http.ResponseWriter, r *http.Request, earlier int) {
		select {
		case <-release.Done():
		case <-r.Context().Done():
		}
		confirm(w, r, earlier)
	}
}

// onEachEngine runs a test on a site with an embedded store, and on one with a database.
func onEachEngine(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	t.Parallel() // it mostly waits
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, newSite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		s.database = postgrestest.New(t)
		s.env = append(s.env, "NUMHOOK_STORE="+s.database)
		test(t, s)
	})
}

// storeURL is the site's store, as a verb is told it.
func (s *site) storeURL() string { return cmp.Or(s.database, "sqlite:"+s.file()) }

// snapshot is what the site's store holds.
func (s *site) snapshot() snapshot {
	s.Helper()
	if s.database != "" {
		return readDatabase(s, s.database)
	}
	return readSnapshot(s, s.file())
}

// retryFast is a backoff for those who do not want to wait.
const retryFast = "    retry: {first: 20ms, factor: 2, max: 300ms}"

// configure writes a configuration with the systems, and returns the file's name. receiver is what the header of its
// attempts says.
func (s *site) configure(receiver string, systems ...*system) string {
	s.Helper()
	text := "downstreams:\n"
	for _, sys := range systems {
		secrets := filepath.Join(s.folder, sys.name+".secret")
		if err := os.WriteFile(secrets, []byte("whsec_"+base64.StdEncoding.EncodeToString(sys.secret)+"\n"),
			0o600); err != nil {
			s.Fatal(err)
		}
		text += fmt.Sprintf("  - name: %s\n    mode: %s\n    url: %s\n    secret_file: %s\n    allow_private: true\n    "+
			"headers: {X-Receiver: %s}\n",
			sys.name, sys.mode, cmp.Or(sys.url, "http://"+sys.address+"/changes"), secrets, receiver)
		if sys.settings != "" {
			text += sys.settings + "\n"
		}
	}
	path := filepath.Join(s.folder, receiver+".yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	return path
}

// status is a downstream's status, as the operator is shown it.
func (s *site) status(name string) (shown downstreamShown) {
	s.Helper()
	s.read(&shown, "downstreams", "status", name)
	return shown
}

// awaitStatus waits until it holds of a downstream's status. It reads the store itself: a process for each look would
// take the processors from those that are waited for.
func (s *site) awaitStatus(within time.Duration, name, what string, holds func(event.DownstreamStatus) bool) {
	s.Helper()
	from, err := openReader(s.Context(), s.storeURL())
	if err != nil {
		s.Fatal(err)
	}
	defer from.Close()
	eventually(s, within, name+" "+what, func() bool {
		status, err := findDownstream(s.Context(), from, name)
		if err != nil {
			s.Fatal(err)
		}
		return holds(status)
	})
}

// settled waits until nothing is enqueued for the downstreams any more, and fails when something is dead.
func (s *site) settled(within time.Duration, systems ...*system) {
	s.Helper()
	for _, sys := range systems {
		s.awaitStatus(within, sys.name, "has all that it is owed", func(d event.DownstreamStatus) bool {
			return d.Waiting+
				d.Attempting == 0
		})
		if shown := s.status(sys.name); shown.Dead > 0 {
			s.Errorf("%d rows of %s are dead", shown.Dead, sys.name)
		}
	}
}
