package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/signature"
)

// Uploads that break off, are too large or are in no order take nothing that the next delivery needs, be they signed by
// nobody or by somebody else.
func TestBrokenUploadsTakeNothing(t *testing.T) {
	t.Parallel()
	small := 20_000
	if testing.Short() {
		small = 1000
	}
	r := startReceiver(t)
	address := strings.TrimPrefix(r.url, "http://")
	half, over := strings.Repeat("x", 1<<19), strings.Repeat("y", 1<<20+2)
	const chunked = "Transfer-Encoding: chunked"
	for name, header := range map[string]http.Header{"unsigned": {}, "forged": signed("a forger's secret", "")} {
		together(64, 64, func() { // they hang up in the middle
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = conn.Write([]byte(rawHead(header, fmt.Sprintf("Content-Length: %d", 1<<20)) + half))
			_ = conn.Close()
		})
		refused := map[string]int{"unsigned": http.StatusUnauthorized, "forged": http.StatusRequestEntityTooLarge}[name]
		together(32, 32, func() {
			text := rawHead(header, chunked) + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(over), over)
			if got := rawStatus(t, address, text); got != refused {
				t.Errorf("%s, too large: %d, want %d", name, got, refused)
			}
		})
		broken := map[string]int{"unsigned": http.StatusUnauthorized, "forged": 0}[name]
		together(small, 16, func() {
			if got := rawStatus(t, address, rawHead(header, chunked)+"zz\r\n"); got != broken {
				t.Errorf("%s, a bad chunk: %d, want %d", name, got, broken)
			}
		})
		if got := r.post("/", cnamBody(int64(len(name)), "X", "+12025550100")); got.status != http.StatusOK {
			t.Errorf("after those that are %s: %v", name, got)
		}
	}
	eventually(t, endTime, "nothing is reserved", func() bool { return r.metrics()["numhook_buffered_bytes"] == 0 })
	if got := r.ready(); got.status != http.StatusOK || !strings.Contains(got.body, `"buffers":"ok"`) {
		t.Errorf("readyz: %v", got)
	}
	// Of those that hang up some may be gone before their headers are read, and some may still wait for a place: they are
	// counted as connections, or as crowded.
	const hungUp = 64
	least := map[string]int{"unsigned": 32 + small, "too_large": 32, "broken_upload": small, "accepted": 2}
	most := map[string]int{"unsigned": hungUp + 32 + small, "too_large": 32, "broken_upload": hungUp + small,
		"accepted": 2, "crowded": hungUp}
	var counted map[string]int
	eventually(t, endTime, "all that was answered is counted", func() bool {
		counted = countedKinds(r)
		for kind, many := range least {
			if counted[kind] < many {
				return false
			}
		}
		return true
	})
	for kind, many := range counted {
		if many > most[kind] {
			t.Errorf("%d deliveries are counted as %s, want at most %d", many, kind, most[kind])
		}
	}
	if log := r.log.String(); strings.Contains(log, `"ERROR"`) || len(log) > 1<<20 {
		t.Errorf("strangers wrote %d bytes of log, or an error", len(log))
	}
}

// countedKinds are the deliveries that the metrics count, by kind and whatever they were answered: some of those that
// hang up could not be.
func countedKinds(r *receiver) map[string]int {
	counted := map[string]int{}
	for name, value := range r.metrics() {
		if labels, found := strings.CutPrefix(name, "numhook_deliveries_total"); found {
			_, kind, _ := strings.Cut(labels, `kind="`)
			kind, _, _ = strings.Cut(kind, `"`)
			counted[kind] += int(value)
		}
	}
	return counted
}

// together does something so many times, so many at a time.
func together(times, atATime int, do func()) {
	var wg sync.WaitGroup
	for i := range atATime {
		wg.Go(func() {
			for n := i; n < times; n += atATime {
				do()
			}
		})
	}
	wg.Wait()
}

// rawHead is a request up to its body.
func rawHead(header http.Header, framing string) string {
	text := "POST / HTTP/1.1\r\nHost: receiver\r\n" + framing + "\r\n"
	for _, name := range []string{signature.HeaderTimestamp, signature.HeaderSignature} {
		if value := header.Get(name); value != "" {
			text += name + ": " + value + "\r\n"
		}
	}
	return text + "\r\n"
}

// rawStatus sends a request on a connection of its own; it is 0 when there is no answer.
func rawStatus(t *testing.T, address, text string) int {
	w := dial(t, address)
	defer w.Close()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = w.Write([]byte(text))
	}()
	status := w.status()
	_ = w.Close()
	<-written
	return status
}

// What an earlier version kept, because it did not know the path, is taken by a redrive.
func TestRedriveTakesWhatAPathHadCost(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	paths := []string{"/zoom/webhook", "//", "/hooks/", "/" + cnamEvent + "/", "/prefix/" + cnamEvent}
	if code := r.stop(); code != exitGood {
		t.Fatalf("exit code %d", code)
	}
	events, err := openOperator(t.Context(), "sqlite:"+r.file())
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range paths {
		_, err := events.Quarantine(context.Background(), event.Quarantined{
			Reason: event.UnknownEvent, EventName: strings.TrimPrefix(path, "/"),
			Delivery: event.Delivery{Received: time.Now(), Path: path, Body: []byte(cnamBody(int64(i), "X", "+12025550100"))},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := events.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{len(paths), 0} {
		cmd := r.command(t.Context(), "quarantine", "redrive", "--format", "json")
		results := redriveResults(t, r.finish(cmd), exitGood)
		for _, result := range results {
			if result.Result != "accepted" {
				t.Errorf("%+v", result)
			}
		}
		if len(results) != want {
			t.Errorf("%d entries were redriven, want %d", len(results), want)
		}
	}
	l := readSnapshot(t, r.file())
	l.check(t)
	if len(l.events) != len(paths) {
		t.Errorf("%d events, want %d", len(l.events), len(paths))
	}
}
