package postgres_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/store"
	"numhook/server/store/postgres"
	"numhook/server/store/postgres/postgrestest"
)

// senderPatience is what the sender waits for an answer; the store's refusal has to come well before.
const senderPatience = 3 * time.Second

// caller is an event that sets the caller-ID name of the numbers.
func caller(ts int64, name string, numbers ...string) event.Event {
	body := fmt.Sprintf(`{"event_ts":%d,"cnam":%q,"numbers":%q}`, ts, name, numbers)
	return event.Event{
		ID: sha256.Sum256([]byte(body)), Name: "number_management.peering_number_cnam_updated", TS: ts, AccountID: "account",
		CarrierCode: 3457, Numbers: numbers,
		Attribute: event.CNAM, Value: fmt.Appendf(nil, "%q", name),
		Delivery: event.Delivery{Received: time.UnixMicro(1_764_000_000_000_000 + ts).UTC(), Path: "/", Body: []byte(body)},
	}
}

func mustAppend(t *testing.T, s store.Writer, e event.Event) event.Receipt {
	t.Helper()
	r, err := s.Append(t.Context(), e)
	if err != nil {
		t.Fatalf("cannot append: %v", err)
	}
	return r
}

// refusedInTime has the event refused as Unavailable while the sender still listens, and returns the refusal.
func refusedInTime(t *testing.T, s store.Writer, e event.Event) error {
	t.Helper()
	start := time.Now()
	r, err := s.Append(t.Context(), e)
	if err == nil {
		t.Fatalf("acknowledged (%+v) while the database is away", r)
	}
	if event.KindOf(err) != event.Unavailable {
		t.Fatalf("kind %s, want unavailable: %v", event.KindOf(err), err)
	}
	if took := time.Since(start); took > senderPatience {
		t.Fatalf("refused after %v, when the sender had given up", took)
	}
	return err
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(60 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// wantOnce demands each of the events exactly once.
func wantOnce(t *testing.T, s store.Reader, events ...event.Event) {
	t.Helper()
	times := map[event.ID]int{}
	for after := int64(0); ; {
		page, err := s.Events(t.Context(), after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			times[e.ID]++
			after = e.Seq
		}
	}
	for _, e := range events {
		if times[e.ID] != 1 {
			t.Errorf("the event with event_ts %d is there %d times", e.TS, times[e.ID])
		}
	}
}

func TestServerStopsAndComesBack(t *testing.T) {
	server := postgrestest.Own(t)
	url, err := server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := opened(t)(postgres.Open(t.Context(), url, postgres.Options{Writers: 2}))
	before := caller(1, "before", "+1")
	mustAppend(t, s, before)
	for i, signal := range []struct {
		name string
		stop func() error
	}{
		{"stopped", func() error { return server.Stop(postgrestest.Fast) }},
		{"crashed", func() error { return server.Stop(postgrestest.Immediate) }},
	} {
		if err := signal.stop(); err != nil {
			t.Fatal(err)
		}
		during := caller(int64(100+i), "during", "+1")
		err := refusedInTime(t, s, during)
		if !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%s: %v: does not say that nothing listens", signal.name, err)
		}
		if err := s.Ready(t.Context()); event.KindOf(err) != event.Unavailable ||
			!strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%s: ready: %v", signal.name, err)
		}
		if _, err := s.Number(t.Context(), "+1"); event.KindOf(err) != event.Unavailable {
			t.Errorf("%s: reading: %v", signal.name, err)
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "ready again", func() bool { return s.Ready(t.Context()) == nil })
		mustAppend(t, s, during)
		wantOnce(t, s, before, during)
	}
}

// TestRestartUnderLoad: callers that try again as the sender does lose nothing and get nothing twice.
func TestRestartUnderLoad(t *testing.T) {
	server := postgrestest.Own(t)
	url, err := server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := opened(t)(postgres.Open(t.Context(), url, postgres.Options{Writers: 2}))
	const callers, rounds = 16, 60
	var all []event.Event
	for c := range callers {
		for i := range rounds {
			all = append(all, caller(int64(i), fmt.Sprint(c), fmt.Sprint("+1", c)))
		}
	}
	var wg sync.WaitGroup
	halfway := make(chan struct{})
	for c := range callers {
		wg.Go(func() {
			for i, e := range all[c*rounds : (c+1)*rounds] {
				if c == 0 && i == rounds/2 {
					close(halfway)
				}
				for {
					_, err := s.Append(t.Context(), e)
					if err == nil {
						break
					}
					if event.KindOf(err) != event.Unavailable || t.Context().Err() != nil {
						t.Errorf("cannot append: %v", err)
						return
					}
				}
			}
		})
	}
	<-halfway
	if err := server.Stop(postgrestest.Immediate); err != nil {
		t.Error(err)
	}
	if err := server.Start(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	wantOnce(t, s, all...)
}

// TestSessionsAreKilled: a connection that somebody ends costs no delivery, and no question.
func TestSessionsAreKilled(t *testing.T) {
	server, url := postgrestest.Shared(t), postgrestest.New(t)
	s := opened(t)(postgres.Open(t.Context(), url, postgres.Options{}))
	for ts := range int64(5) {
		mustAppend(t, s, caller(ts, "name", "+1"))
		wantOnce(t, s, caller(ts, "name", "+1"))
		if _, err := s.Number(t.Context(), "+1"); err != nil {
			t.Error(err)
		}
		if err := server.Admin(t.Context(), postgrestest.Database(url), "SELECT pg_terminate_backend(pid) FROM "+
			"pg_stat_activity "+
			"WHERE application_name = 'numhook' AND datname = current_database()"); err != nil {
			t.Fatal(err)
		}
	}
	if r := mustAppend(t, s, caller(3, "name", "+1")); !r.Duplicate {
		t.Error("an event was stored twice")
	}
}

func TestWireIsCut(t *testing.T) {
	server, url := postgrestest.Shared(t), postgrestest.New(t)
	w := newWire(t, server)
	s := opened(t)(postgres.Open(t.Context(), w.through(url), postgres.Options{}))
	mustAppend(t, s, caller(1, "before", "+1"))
	w.cut()
	during := caller(2, "during", "+1")
	if err := refusedInTime(t, s, during); !strings.Contains(err.Error(), "connection to the database was lost") {
		t.Errorf("%v: does not say that the connection was lost", err)
	}
	w.mend()
	eventually(t, "ready again", func() bool { return s.Ready(t.Context()) == nil })
	mustAppend(t, s, during)
	wantOnce(t, s, caller(1, "before", "+1"), during)
}

// TestAmbiguousCommit: the connection is lost after the server was told to commit and before it is heard to have done
// so.
func TestAmbiguousCommit(t *testing.T) {
	server, url := postgrestest.Shared(t), postgrestest.New(t)
	w := newWire(t, server)
	s := opened(t)(postgres.Open(t.Context(), w.through(url), postgres.Options{}))
	direct := opened(t)(postgres.Open(t.Context(), url, postgres.Options{}))

	// Nobody can be asked what became of it: refused, although it is there. The sender's next attempt finds it.
	first := caller(1, "first", "+1")
	w.cutOnReset.Store(true)
	w.resetAnswer.Store(true)
	refusedInTime(t, s, first)
	wantOnce(t, direct, first)
	w.cutOnReset.Store(false)
	w.mend()
	eventually(t, "ready again", func() bool { return s.Ready(t.Context()) == nil })
	if r := mustAppend(t, s, first); !r.Duplicate {
		t.Error("the event had been committed, and was stored again")
	}

	// The database can be asked: the writer finds out by itself.
	second := caller(2, "second", "+1")
	w.resetAnswer.Store(true)
	mustAppend(t, s, second)

	// The request never arrived: the writer sends it again.
	third := caller(3, "third", "+1")
	w.resetRequest.Store(true)
	if r := mustAppend(t, s, third); r.Duplicate {
		t.Error("the event cannot have been there")
	}
	if w.resets.Load() != 3 {
		t.Errorf("%d resets, want 3: the test did not do what it says", w.resets.Load())
	}
	wantOnce(t, direct, first, second, third)
}

// TestWireIsSlow: an answer that takes 5 s is a refusal in time; what was sent is there all the same, once.
func TestWireIsSlow(t *testing.T) {
	t.Parallel()
	server, url := postgrestest.Shared(t), postgrestest.New(t)
	w := newWire(t, server)
	s := opened(t)(postgres.Open(t.Context(), w.through(url), postgres.Options{}))
	direct := opened(t)(postgres.Open(t.Context(), url, postgres.Options{}))
	e := caller(1, "slow", "+1")
	w.delay.Store(int64(5 * time.Second))
	if err := refusedInTime(t, s, e); !strings.Contains(err.Error(), "does not answer in time") {
		t.Errorf("%v: does not say that it is slow", err)
	}
	eventually(t, "what was begun is finished", func() bool {
		_, err := direct.Event(t.Context(), e.ID)
		return err == nil
	})
	w.delay.Store(0)
	eventually(t, "ready again", func() bool { return s.Ready(t.Context()) == nil })
	if r := mustAppend(t, s, e); !r.Duplicate {
		t.Error("the event was stored twice")
	}
	wantOnce(t, direct, e)
}

// TestWireIsSilent: a connection that nobody closed leads nowhere.
func TestWireIsSilent(t *testing.T) {
	t.Parallel()
	server, url := postgrestest.Shared(t), postgrestest.New(t)
	w := newWire(t, server)
	s := opened(t)(postgres.Open(t.Context(), w.through(url), postgres.Options{}))
	mustAppend(t, s, caller(1, "before", "+1"))
	w.silent.Store(true)
	for ts := range int64(4) {
		refusedInTime(t, s, caller(10+ts, "during", "+1"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), senderPatience)
	defer cancel()
	if err := s.Ready(ctx); event.KindOf(err) != event.Unavailable {
		t.Errorf("ready: %v", err)
	}
	w.silent.Store(false)
	eventually(t, "ready again", func() bool { return s.Ready(t.Context()) == nil })
	mustAppend(t, s, caller(2, "after", "+1"))
	wantOnce(t, s, caller(1, "before", "+1"), caller(2, "after", "+1"))
}
