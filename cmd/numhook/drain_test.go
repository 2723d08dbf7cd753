package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// drainMargin is what a busy machine may add to a time-out before a test calls it missed.
const drainMargin = 15 * time.Second

func TestDrainsUnderLoad(t *testing.T) {
	s := newSite(t)
	r := s.start()
	load := newTraffic(t, uint64(time.Now().UnixNano()))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { load.run(ctx, r, 0, 12) })
	eventually(t, startTime, "the load is taken", func() bool { return load.accepted() > 200 })
	memory, began := residentMemory(t, r), time.Now()
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
	if took := time.Since(began); took > drainTime+drainMargin {
		t.Errorf("it took %v to drain, want at most %v", took, drainTime)
	}
	wg.Wait() // every sender stops by itself, once nobody answers it
	if ctx.Err() != nil {
		t.Error("the senders were still answered after the receiver had ended")
	}
	for status := range load.answers { // traffic itself refuses any other kind of answer, and a 503 without Retry-After
		if status != 0 && status != http.StatusOK && status != http.StatusBadRequest &&
			status != http.StatusServiceUnavailable {
			t.Errorf("answers %v", load.answers)
		}
	}
	if !r.log.has("draining") || !r.log.has("drained") {
		t.Errorf("the log does not say that it drained: %s", r.log)
	}
	load.check(readSnapshot(t, s.file()))
	t.Logf("answers %v, %d MiB resident under load, drained in %v", load.answers, memory>>20, time.Since(began))

	r = s.start() // nothing has to be recovered, and nothing is missing
	load.check(readSnapshot(t, s.file()))
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code of an idle receiver is %d", code)
	}
}

// Connections that are idle, silent or in the middle of a body do not keep the process, and a delivery that it has
// begun to read is taken to its end.
func TestDrainsBesideStrayConnections(t *testing.T) {
	t.Parallel() // it mostly waits
	r := startReceiver(t)
	address := strings.TrimPrefix(r.url, "http://")
	var idle, half []*wire
	for i := range 20 {
		idle = append(idle, dial(t, address))
		idle[i].write(request(cnamBody(int64(i), "IDLE", "+12025550100")))
		idle[i].expect(http.StatusOK)
		dial(t, address) // says nothing
		half = append(half, dial(t, address))
		half[i].write(halfRequest(cnamBody(int64(i), "HALF", "+12025550101")))
	}
	begun, body := dial(t, address), cnamBody(99, "LATE", "+12025550102")
	begun.write(strings.Replace(strings.TrimSuffix(request(body), body), "Host:", "Expect: 100-continue\r\nHost:", 1))
	begun.expect(http.StatusContinue) // it reads the body
	r.signal(syscall.SIGTERM)
	eventually(t, endTime, "it drains", func() bool { return r.log.has("draining") })
	began := time.Now()
	begun.write(body)
	begun.expect(http.StatusOK)
	if code := r.awaitEnd(endTime); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
	if took := time.Since(began); took > drainTime+drainMargin {
		t.Errorf("it took %v to drain, want at most %v", took, drainTime)
	}
	for _, w := range half {
		if got := w.status(); got != 0 && got != http.StatusServiceUnavailable {
			t.Errorf("half a body got %d", got)
		}
	}
	for _, w := range idle {
		if got := w.status(); got != 0 {
			t.Errorf("an idle connection got %d", got)
		}
	}
	l := readSnapshot(t, r.file())
	l.check(t)
	if _, kept := l.bodies()[identity(t, body)]; !kept || len(l.events) != len(idle)+1 {
		t.Errorf("%d events were kept, want %d", len(l.events), len(idle)+1)
	}
	if !r.log.has("drained") {
		t.Errorf("the log does not say that it drained: %s", r.log)
	}
}

// What comes while it drains is answered 503 or not at all, which the sender takes for the same, and readyz says that
// it drains.
func TestRefusesWhatComesWhileItDrains(t *testing.T) {
	t.Parallel() // it mostly waits
	r := startReceiver(t)
	address := strings.TrimPrefix(r.url, "http://")
	open, half := dial(t, address), dial(t, address)
	open.write("POST / HTTP/1.1\r\n") // a connection that is in use, and on which the headers come after the signal
	half.write(halfRequest(cnamBody(1, "HALF", "+12025550101")))
	eventually(t, startTime, "the receiver reads", func() bool { return r.ready().status == http.StatusOK })
	r.signal(syscall.SIGTERM)
	eventually(t, endTime, "it drains", func() bool { return r.log.has("draining") })
	if got := r.ready(); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "draining") {
		t.Errorf("readyz while it drains: %v", got)
	}
	body := cnamBody(2, "NEW", "+12025550102")
	open.write(strings.TrimPrefix(request(body), "POST / HTTP/1.1\r\n"))
	if got := open.status(); got != 0 && got != http.StatusServiceUnavailable {
		t.Errorf("a delivery that came while it drains got %d", got)
	}
	if _, err := r.deliver("/", body, signed(testSecret, body)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new connection while it drains: %v, want it refused", err)
	}
	if code := r.awaitEnd(endTime); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
	if l := readSnapshot(t, r.file()); len(l.events) != 0 {
		t.Errorf("%d events were kept", len(l.events))
	}
}
