package main

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"numhook/server"
)

// Thousands of connections that do nothing, bodies that come a byte at a time and headers that never end do not keep
// the receiver from answering real deliveries in time; and the slow ones are cut off by the time-outs that the server
// package names.
func TestIdleAndSlowConnections(t *testing.T) {
	idle, slow := 5000, 100
	if testing.Short() {
		idle, slow = 500, 20
	}
	allowFiles(t, idle+4*slow+200)
	r := startReceiver(t)
	address := strings.TrimPrefix(r.url, "http://")
	opened := make([]*wire, idle)
	for i := range opened { // each has had an answer and waits for the next delivery, as a sender's connection does
		opened[i] = dial(t, address)
		opened[i].write(request(cnamBody(1, "OPEN", "+12025550103")))
		opened[i].expect(http.StatusOK)
	}
	t.Logf("%d connections are open, and the receiver holds %d MiB", len(opened), residentMemory(t, r)>>20)

	var wg sync.WaitGroup
	bodies, headers := make([]time.Duration, slow), make([]time.Duration, slow)
	for i := range slow {
		body, header := dial(t, address), dial(t, address)
		wg.Go(func() {
			bodies[i] = cutOff(body, halfRequest(cnamBody(5, "SLOW", "+12025550100")), 0)
		})
		wg.Go(func() { headers[i] = cutOff(header, "POST / HTTP/1.1\r\nHost: receiver\r\nX-Slow: ", 0) })
	}
	cut := make(chan struct{})
	go func() {
		wg.Wait()
		close(cut)
	}()
	accepted, slowest := 0, time.Duration(0)
	for again := time.NewTicker(20 * time.Millisecond); ; {
		got := r.post("/", cnamBody(int64(100+accepted), "REAL", "+12025550101"))
		if got.status != http.StatusOK {
			t.Fatalf("a real delivery: %v", got)
		}
		accepted++
		slowest = max(slowest, got.took)
		select {
		case <-again.C:
			continue
		case <-cut:
		}
		break
	}
	checkCut(t, "bodies", bodies, server.BodyTimeout)
	checkCut(t, "headers", headers, server.HeaderTimeout)
	if slowest > server.SenderPatience {
		t.Errorf("a real delivery was answered after %v, and the sender waits for %v", slowest, server.SenderPatience)
	}
	for i, w := range opened {
		if i%(idle/50) == 0 { // they are idle within their time, and still good
			w.write(request(cnamBody(int64(50_000+i), "IDLE", "+12025550102")))
			w.expect(http.StatusOK)
		}
	}
	l := readSnapshot(t, r.file())
	l.check(t)
	if want := 1 + accepted + 50; len(l.events) != want {
		t.Errorf("%d events were kept, want %d", len(l.events), want)
	}
	t.Logf("%d real deliveries beside them, the slowest answered after %v; the receiver holds %d MiB", accepted, slowest,
		residentMemory(t, r)>>20)
}

// cutOff begins a request and goes on with one byte at a time, until the other side has enough of that and says so with
// the status. It returns how long that took.
func cutOff(w *wire, text string, status int) time.Duration {
	began, done := time.Now(), make(chan struct{})
	go func() {
		defer close(done)
		again := time.NewTicker(100 * time.Millisecond)
		defer again.Stop()
		for _, err := w.Write([]byte(text)); err == nil; _, err = w.Write([]byte("1")) {
			<-again.C
		}
	}()
	if got := w.status(); got != status {
		w.Errorf("a slow connection got status %d, want %d", got, status)
	}
	took := time.Since(began)
	w.Close()
	<-done
	return took
}

// checkCut: none is cut off early and none is forgotten; and what most of them see is the time-out itself, and not
// another one.
func checkCut(t *testing.T, what string, took []time.Duration, timeout time.Duration) {
	t.Helper()
	slices.Sort(took)
	first, middle, last := took[0], took[len(took)/2], took[len(took)-1]
	if first < timeout-time.Second/4 || middle > timeout+3*time.Second/4 || last > timeout+3*time.Second {
		t.Errorf("slow %s were cut off after %v to %v, half of them after %v; want %v", what, first, last, middle, timeout)
	}
}

// residentMemory is what the process holds in memory, in bytes; 0 where that cannot be read.
func residentMemory(t *testing.T, r *receiver) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.process.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	return 0
}

// allowFiles makes sure that so many connections can be open in this process, and in one that it starts.
func allowFiles(t *testing.T, many int) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur >= uint64(many) {
		return
	}
	limit.Cur = uint64(many)
	limit.Max = max(limit.Max, limit.Cur)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Skipf("SKIPPED, so nobody has shown what %d connections do: they need more open files than this machine allows: %v",
			many, err)
	}
}
