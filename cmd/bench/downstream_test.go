package bench

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func outRow(concurrency int) string {
	return fmt.Sprintf("handed on, %d attempts at a time", concurrency)
}

// bound is a downstream: it counts what comes, and notes when something came.
type bound struct {
	*httptest.Server
	secret string
	gate   chan struct{} // it takes nothing before that is closed; nil for always
	knocks chan struct{} // holds one, once an attempt has come to the gate
	came   atomic.Int64
	first  atomic.Int64                                 // nanoseconds since the epoch
	notice atomic.Pointer[func(ts int64, at time.Time)] // may be nil
}

func newBound(t *testing.T, answer func(http.ResponseWriter, *http.Request)) *bound {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	d := &bound{secret: "whsec_" + base64.StdEncoding.EncodeToString(key)}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer != nil {
			answer(w, r)
			return
		}
		if d.gate != nil {
			select {
			case d.knocks <- struct{}{}:
			default:
			}
			<-d.gate
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		now := time.Now()
		d.first.CompareAndSwap(0, now.UnixNano())
		d.came.Add(1)
		if notice := d.notice.Load(); notice != nil {
			var envelope struct {
				TS int64 `json:"event_ts"`
			}
			if json.Unmarshal(body, &envelope) == nil {
				(*notice)(envelope.TS, now)
			}
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(func() {
		d.CloseClientConnections()
		d.Close()
	})
	return d
}

// configure writes a configuration with the downstreams, named d0, d1 and so on, each with these settings more.
func configure(t *testing.T, folder string, concurrency int, downstreams []*bound, more ...string) string {
	var text strings.Builder
	text.WriteString("downstreams:\n")
	for i, d := range downstreams {
		secrets := filepath.Join(folder, fmt.Sprintf("d%d.secret", i))
		if err := os.WriteFile(secrets, []byte(d.secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "  - {name: d%d, url: %q, secret_file: %q, allow_private: true, concurrency: %d%s}\n",
			i, d.URL+"/changes", secrets, concurrency, strings.Join(append([]string{""}, more...), ", "))
	}
	path := filepath.Join(folder, "numhook.yaml")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
