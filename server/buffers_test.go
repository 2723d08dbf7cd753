package server_test

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"numhook/server"
	"numhook/server/event"
	"numhook/server/signature"
)

// Strangers who upload large bodies as fast as they can, under headers that are in order, take nothing that the sender
// needs.
func TestLargeUploadsOfStrangersDoNotCrowdOutTheSender(t *testing.T) {
	d := newLiveServer(t, server.DefaultMaxBody)
	large := strings.Repeat("x", server.DefaultMaxBody-1)
	var wg sync.WaitGroup
	var stop atomic.Bool
	for range 64 {
		wg.Go(func() {
			for !stop.Load() {
				text := head("POST", "/", "a forger's", "another body", length(len(large))) + large
				if got, _ := d.status(text); got != http.StatusUnauthorized && got != http.StatusServiceUnavailable {
					t.Errorf("a stranger got %d", got)
				}
			}
		})
	}
	eventually(t, "strangers are refused", func() bool { return d.value("numhook_unsigned_total", "wrong") > 64 })
	for range 20 {
		began := time.Now()
		d.accepted()
		if took := time.Since(began); took > server.SenderPatience {
			t.Errorf("a signed delivery was answered after %v", took)
		}
	}
	if err := d.server.Ready(); err != nil {
		t.Error(err)
	}
	stop.Store(true)
	wg.Wait()
	eventually(t, "nothing is reserved", func() bool { return d.value("numhook_buffered_bytes", "") == 0 })
	if d.value("numhook_deliveries_total", "unavailable") != 0 {
		t.Errorf("an alarm was rung: %s", d.logs)
	}
}

// Places for large bodies that strangers keep are wanting to other large bodies, which are to come again, and to nobody
// else.
func TestLargeUploadsThatStallKeepOnlyTheSlotsOfLargeOnes(t *testing.T) {
	d := newLiveServer(t, server.DefaultMaxBody)
	for range 40 {
		conn := d.dial()
		defer conn.Close()
		begun := head("POST", "/", "a forger's", "another body", length(500_000)) + strings.Repeat("x", 2*server.SmallBody)
		_, _ = io.WriteString(conn, begun)
	}
	const slots, grown = 8, 500_001
	taken := func() bool { return d.value("numhook_buffered_bytes", "") >= slots*grown }
	eventually(t, "the places are taken", taken)
	d.accepted()
	large := cnam("1", strings.Repeat("x", 2*server.SmallBody), "+13125550100")
	if got, _ := d.status(head("POST", "/", newSecret, large, length(len(large))) +
		large); got != http.StatusServiceUnavailable {
		t.Errorf("a large delivery got %d, want 503", got)
	}
	if err := d.server.Ready(); err != nil {
		t.Error(err)
	}
	if d.value("numhook_deliveries_total", "crowded") == 0 || strings.Contains(d.logs.String(), `"ERROR"`) {
		t.Errorf("the log says %s", d.logs)
	}
	eventually(t, "those that stall are cut off", func() bool { return d.value("numhook_buffered_bytes", "") == 0 })
	if got, _ := d.status(head("POST", "/", newSecret, large, length(len(large))) + large); got != http.StatusOK {
		t.Errorf("a large delivery got %d after them", got)
	}
}

// slowStore makes nothing durable until it is let.
type slowStore struct {
	server.Store
	began, let chan struct{}
	challenges atomic.Int64
	running    atomic.Int64
}

func (k *slowStore) Append(ctx context.Context, e event.Event) (event.Receipt, error) {
	k.began <- struct{}{}
	<-k.let
	return k.Store.Append(ctx, e)
}

func (k *slowStore) RecordChallenge(ctx context.Context, at time.Time) error {
	if k.running.Add(1) > 1 {
		panic("two at a time")
	}
	defer k.running.Add(-1)
	<-k.let
	k.challenges.Add(1)
	return k.Store.RecordChallenge(ctx, at)
}

// An answer counts when it was written.
func TestAnAnswerThatNobodyGotIsCountedAsThat(t *testing.T) {
	d, store := newSlowServer(t)
	body := cnam("1", strings.Repeat("x", 100_000), "+13125550100")
	conn := d.dial()
	_, _ = io.WriteString(conn, head("POST", "/", newSecret, body, length(len(body)))+body)
	<-store.began
	_ = conn.SetLinger(0)
	_ = conn.Close()
	close(store.let)
	eventually(t, "it is counted", func() bool { return d.value("numhook_deliveries_total", "accepted") == 1 })
	if d.value("numhook_deliveries_total", `"200"`) != 0 {
		t.Error("a 200 is counted that nobody got")
	}
	eventually(t, "the log says so", func() bool {
		log := d.logs.String()
		return strings.Contains(log, `"answer":0,"kind":"accepted"`) && strings.Contains(log, `"reason":"unsent"`)
	})
}

// However often a challenge comes, and one that was captured can be replayed, one goroutine keeps its time.
func TestChallengesAreKeptOneAtATime(t *testing.T) {
	d, store := newSlowServer(t)
	body := `{"payload":{"plainToken":"abc"},"event_ts":1654503849680,"event":"endpoint.url_validation"}`
	for i := range 50 {
		if got, _ := d.status(head("POST", "/", newSecret, body, length(len(body))) + body); got != http.StatusOK {
			t.Fatalf("challenge %d: %d", i, got)
		}
	}
	close(store.let)
	d.server.Close()
	if got := store.challenges.Load(); got < 1 || got > 3 {
		t.Errorf("the time of a challenge was written %d times, want once or twice", got)
	}
}

func newSlowServer(t *testing.T) (*liveServer, *slowStore) {
	store := &slowStore{began: make(chan struct{}, 1), let: make(chan struct{})}
	d := newLiveServerOn(t, server.DefaultMaxBody, func(fake server.Store) server.Store {
		store.Store = fake
		return store
	})
	return d, store
}

// A drifting clock is seen before it refuses, and by how much it is off when it does.
func TestClockOffset(t *testing.T) {
	r := newReceiver(t)
	body := cnam("1", "X", "+13125550100")
	for _, off := range []time.Duration{-301 * time.Second, 301 * time.Second, 48 * time.Hour} {
		header := r.headers(newSecret, body)
		header.Set(signature.HeaderTimestamp, signature.Timestamp(r.now.Add(off)))
		if got := r.postWith("/", body, header); got.status != http.StatusUnauthorized {
			t.Errorf("%v: %d", off, got.status)
		}
		if line := r.awaitLine(); line["offset_s"] != off.Seconds() {
			t.Errorf("off by %v: the log says %v", off, line)
		}
	}
	d := newLiveServer(t, server.DefaultMaxBody)
	for range 3 {
		d.accepted()
	}
	_, _ = d.status(head("POST", "/", "a forger's", body, length(len(body))) + body)
	if got := d.value("numhook_clock_offset_seconds", ""); got != 3 {
		t.Errorf("%s offsets of good signatures, want 3", strconv.FormatFloat(got, 'f', -1, 64))
	}
}

// panickingStore fails in a way that no store may.
type panickingStore struct{ server.Store }

func (panickingStore) Append(context.Context, event.Event) (event.Receipt, error) { panic("a store") }

// A panic, too, gives back what was taken.
func TestAPanicGivesBackWhatItsDeliveryHeld(t *testing.T) {
	d := newLiveServerOn(t, server.DefaultMaxBody, func(fake server.Store) server.Store { return panickingStore{fake} })
	for i := range 30 { // more than there are slots for large ones
		body := cnam(strconv.Itoa(i), strings.Repeat("x", 2*server.SmallBody), "+13125550100")
		if got, _ := d.status(head("POST", "/", newSecret, body, length(len(body))) +
			body); got != http.StatusInternalServerError {
			t.Fatalf("delivery %d: %d, want 500", i, got)
		}
	}
	eventually(t, "nothing is reserved", func() bool { return d.value("numhook_buffered_bytes", "") == 0 })
	if err := d.server.Ready(); err != nil {
		t.Error(err)
	}
}
