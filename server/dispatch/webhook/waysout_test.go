package webhook

import (
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"numhook/server/event"
)

// Attempts of every kind that fails, and senders that are refused, again and again: once the senders are closed,
// descriptors and goroutines are back where they began.
func TestFailingAttemptsLeaveNothingBehind(t *testing.T) {
	opened := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("SKIPPED: there is no list of open descriptors here")
		}
		return len(list)
	}
	refusing := newDownstream(t,
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) })
	endless := newDownstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	silent := rawDownstream(t, func(c *net.TCPConn, _ int) { _, _ = io.Copy(io.Discard, c) })
	cutting := rawDownstream(t, func(c *net.TCPConn, _ int) { _, _ = c.Read(make([]byte, 1)) })
	socks := strings.Replace(silent, "http:", "socks5:", 1)
	files, goroutines := opened(), runtime.NumGoroutine()
	for name, c := range map[string]struct {
		cfg   Config
		times int
	}{
		"guarded":              {Config{URL: strings.Replace(silent, "127.0.0.1", "localhost", 1)}, 1000},
		"cut":                  {Config{URL: cutting, AllowPrivate: true}, 1000},
		"never answers":        {Config{URL: silent, AllowPrivate: true}, 100},
		"no TLS":               {Config{URL: strings.Replace(refusing.URL, "http:", "https:", 1), AllowPrivate: true}, 1000},
		"TLS never answers":    {Config{URL: strings.Replace(silent, "http:", "https:", 1), AllowPrivate: true}, 100},
		"body without end":     {Config{URL: endless.URL, AllowPrivate: true}, 300},
		"proxy refuses":        {Config{URL: "https://h.example/", Proxy: refusing.URL}, 1000},
		"proxy never answers":  {Config{URL: "https://h.example/", Proxy: silent}, 100},
		"socks never answers":  {Config{URL: "https://h.example/", Proxy: socks}, 100},
		"plain through refuse": {Config{URL: "http://h.example/", Proxy: refusing.URL}, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := New(c.cfg)
			if err != nil {
				t.Fatal(err)
			}
			if testing.Short() {
				c.times /= 10
			}
			for range c.times {
				if got := within(t, s, 20*time.Millisecond); got.Verdict == event.Confirmed {
					t.Fatalf("the outcome is %+v", got)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			limit, tick := time.After(20*time.Second), time.NewTicker(10*time.Millisecond)
			defer tick.Stop()
			for opened() > files+2 || runtime.NumGoroutine() > goroutines+6 { // the servers' own ends come a moment later
				refusing.CloseClientConnections()
				endless.CloseClientConnections()
				select {
				case <-tick.C:
				case <-limit:
					stacks := make([]byte, 1<<16)
					t.Fatalf("%d descriptors (were %d), %d goroutines (were %d)\n%s", opened(), files, runtime.NumGoroutine(),
						goroutines,
						stacks[:runtime.Stack(stacks, true)])
				}
			}
		})
	}
	for range 1000 { // what New refuses holds nothing
		for _, cfg := range []Config{{URL: "ftp://h/"}, {URL: silent, HeadersFile: "/none"},
			{URL: "https://h/", CAFile: "/none"}, {URL: "https://h/", Proxy: "x"}} {
			if _, err := New(cfg); err == nil {
				t.Fatalf("%+v is taken", cfg)
			}
		}
	}
	if now := opened(); now > files+2 {
		t.Errorf("%d descriptors are open, and were %d", now, files)
	}
}
