package server_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"numhook/server"
	"numhook/server/signature"
	"numhook/server/store/storetest"
	"numhook/spec"
)

// liveServer is a server behind a real http.Server with the package's limits, on the clock of the machine.
type liveServer struct {
	testing.TB
	address string
	server  *server.Server
	metrics *server.Metrics
	logs    *syncBuffer
}

func newLiveServer(t testing.TB, maxBody int64) *liveServer {
	t.Helper()
	return newLiveServerOn(t, maxBody, func(fake server.Store) server.Store { return fake })
}

// newLiveServerOn lets the test stand between the server and the store.
func newLiveServerOn(t testing.TB, maxBody int64, store func(server.Store) server.Store) *liveServer {
	t.Helper()
	document, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	d := &liveServer{TB: t, metrics: server.NewMetrics(), logs: &syncBuffer{}}
	d.server, err = server.New(server.Config{
		Secrets: signature.Secrets{[]byte(newSecret)}, Document: document, MaxBody: maxBody,
		Store: store(storetest.NewFake(t)),
		Log:   slog.New(slog.NewJSONHandler(d.logs, nil)), Metrics: d.metrics,
	})
	if err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewUnstartedServer(d.server.Handler())
	c := listening.Config
	c.ReadHeaderTimeout, c.ReadTimeout = server.HeaderTimeout, server.BodyTimeout
	c.WriteTimeout, c.IdleTimeout, c.MaxHeaderBytes = server.WriteTimeout, server.IdleTimeout, server.MaxHeaderBytes
	c.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	c.DisableGeneralOptionsHandler = true
	listening.Start()
	t.Cleanup(listening.Close)
	d.address = listening.Listener.Addr().String()
	return d
}

// head are the lines of a request before its body. The signature is of the body given, by the secret given; without a
// secret there is none.
func head(method, target, secret, body, framing string) string {
	lines := method + " " + target + " HTTP/1.1\r\nHost: receiver\r\n"
	if secret != "" {
		timestamp := signature.Timestamp(time.Now())
		lines += signature.HeaderTimestamp + ": " + timestamp + "\r\n" +
			signature.HeaderSignature + ": " + signature.Sign([]byte(secret), timestamp, []byte(body)) + "\r\n"
	}
	return lines + framing + "\r\n\r\n"
}

func length(n int) string { return "Content-Length: " + strconv.Itoa(n) }

const chunked = "Transfer-Encoding: chunked"

// chunks is the body in one chunk, and the end.
func chunks(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }

func (d *liveServer) dial() *net.TCPConn {
	d.Helper()
	conn, err := net.Dial("tcp", d.address)
	if err != nil {
		d.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// status writes the text and reads one answer's status; 0 when the connection ends without one.
func (d *liveServer) status(text string) (status int, closes bool) {
	d.Helper()
	conn := d.dial()
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, text) }()
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		d.Error("the connection was neither answered nor closed")
	}
	if err != nil {
		return 0, true
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.Close
}

// value is the sum of a metric over its labels that contain the text.
func (d *liveServer) value(name, label string) (sum float64) {
	d.Helper()
	registry := prometheus.NewRegistry()
	if err := d.metrics.Register(registry); err != nil {
		d.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		d.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && strings.Contains(m.String(), label) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

// wayOut is one way in which a connection can come to its end: the bytes that are sent, how the client leaves, and what
// it is answered.
type wayOut struct {
	name   string
	text   func(secret string) string
	leave  func(*net.TCPConn) // nil: reads the answer
	status int                // where the headers pass; 401 where they do not
}

// waysOut are all of them; that of a time-out is tested alone, because each takes its time.
func waysOut(maxBody int) []wayOut {
	body := cnam("1", "X", "+13125550100")
	large := strings.Repeat("x", maxBody/2)
	post := func(framing, sent string) func(string) string {
		return func(secret string) string { return head("POST", "/", secret, "another body", framing) + sent }
	}
	reset := func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() }
	hangUp := func(c *net.TCPConn) { _ = c.Close() }
	halfClose := func(c *net.TCPConn) { _ = c.CloseWrite(); _, _ = io.Copy(io.Discard, c) }
	const none = 0
	return []wayOut{
		{"hang-up before the body", post(length(len(body)), ""), hangUp, none},
		{"hang-up in the middle", post(length(len(body)), body[:20]), hangUp, none},
		{"hang-up in the middle of a large one", post(length(maxBody), large), hangUp, none},
		{"half-close in the middle", post(length(maxBody), large), halfClose, none},
		{"reset in the middle", post(length(len(body)), body[:20]), reset, none},
		{"reset in the middle of a large one", post(length(maxBody), large), reset, none},
		{"hang-up in the middle of a chunk", post(chunked, fmt.Sprintf("%x\r\n%s", maxBody, large)), hangUp, none},
		{"hang-up between chunks", post(chunked, "5\r\nhello\r\n"), hangUp, none},
		{"bad chunk length", post(chunked, "zz\r\n"), nil, none},
		{"bad chunk after a good one", post(chunked, "5\r\nhello\r\nzz\r\n"), nil, none},
		{"bad chunk end", post(chunked, "5\r\nhelloXX"), nil, none},
		{"a trailer that does not end", post(chunked, "0\r\nX: "+strings.Repeat("y", 9000)), nil, none},
		{"chunked over the cap", post(chunked, chunks(strings.Repeat("x", maxBody+2))), nil,
			http.StatusRequestEntityTooLarge},
		{"declared over the cap", post(length(maxBody+1), large), nil, http.StatusRequestEntityTooLarge},
		{"declared far over the cap", post("Content-Length: 9223372036854775807", "x"), nil,
			http.StatusRequestEntityTooLarge},
		{"another body than the signed one", post(length(len(body)), body), nil, http.StatusUnauthorized},
		{"a large one", post(length(maxBody), strings.Repeat("x", maxBody)), nil, http.StatusUnauthorized},
		{"a large one in chunks", post(chunked, chunks(strings.Repeat("x", maxBody))), nil, http.StatusUnauthorized},
		{"hang-up after the body", post(length(len(body)), body), hangUp, http.StatusUnauthorized},
		{"no body", post(length(0), ""), nil, http.StatusUnauthorized},
	}
}

// strayRequests are refused whatever their headers say.
func strayRequests() map[string]int {
	asks := map[string]int{
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n":      405,
		"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n":  405,
		"GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n": 405,
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
		asks[head(method, "/", "", "", length(0))] = 405
		asks[head(method, "/", newSecret, "abc", length(3))+"abc"] = 405
	}
	asks["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"] = 501
	asks["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"] = 400
	asks["POST / HTTP/1.1\r\nHost: a\r\nExpect: something\r\n\r\n"] = 417
	return asks
}

// Whatever is taken for a delivery is given back, however it is refused and however its connection ends.
func TestWhatIsTakenIsGivenBackOnEveryWayOut(t *testing.T) {
	const maxBody = 96 << 10
	rounds := 200
	if testing.Short() {
		rounds = 10
	}
	d := newLiveServer(t, maxBody)
	d.accepted() // what is made once is made before the count
	http.DefaultClient.CloseIdleConnections()
	descriptors, goroutines := openDescriptors(t), runtime.NumGoroutine()
	for _, secret := range []string{"", "a forger's secret"} {
		for _, way := range waysOut(maxBody) {
			want := way.status
			if secret == "" {
				want = http.StatusUnauthorized
			}
			d.takeAll(rounds, way, secret, want)
		}
	}
	for text, want := range strayRequests() {
		for range rounds / 5 {
			if got, closes := d.status(text); got != want || !closes {
				t.Errorf("%q: %d, closes %v", text, got, closes)
			}
		}
	}
	eventually(t, "nothing is reserved", func() bool { return d.value("numhook_buffered_bytes", "") == 0 })
	eventually(t, "the goroutines have ended", func() bool { return runtime.NumGoroutine() <= goroutines })
	eventually(t, "the descriptors are closed", func() bool { return openDescriptors(t) <= descriptors })
	if err := d.server.Ready(); err != nil {
		t.Error(err)
	}
	d.accepted()
	alarms := d.value("numhook_deliveries_total", `"503"`) + d.value("numhook_deliveries_total", `"500"`)
	if alarms != 0 || strings.Contains(d.logs.String(), `"ERROR"`) {
		t.Errorf("strangers rang an alarm: %s", d.logs)
	}
	if size := len(d.logs.String()); size > 400_000 {
		t.Errorf("strangers wrote %d bytes of log", size)
	}
}

// takeAll takes one way out many times at once.
func (d *liveServer) takeAll(rounds int, way wayOut, secret string, want int) {
	d.Helper()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range rounds / 8 {
				if way.leave != nil {
					conn := d.dial()
					_, _ = io.WriteString(conn, way.text(secret))
					way.leave(conn)
					_ = conn.Close()
				} else if got, closes := d.status(way.text(secret)); got != want || !closes {
					d.Errorf("%s, secret %q: %d, closes %v, want %d", way.name, secret, got, closes, want)
				}
			}
		})
	}
	wg.Wait()
}

// accepted sends a signed delivery, which must be taken.
func (d *liveServer) accepted() {
	d.Helper()
	body := cnam(strconv.FormatInt(time.Now().UnixNano(), 10), "X", "+13125550100")
	if got, _ := d.status(head("POST", "/", newSecret, body, length(len(body))) + body); got != http.StatusOK {
		d.Errorf("a signed delivery got %d", got)
	}
}

func openDescriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("SKIPPED, so nobody has counted descriptors: %v", err)
	}
	return len(entries)
}

// A body that does not come is cut off without an answer, which a sender takes for a failed connection and repeats.
func TestABodyThatDoesNotComeIsCutOff(t *testing.T) {
	d := newLiveServer(t, server.DefaultMaxBody)
	body := cnam("1", "X", "+13125550100")
	var wg sync.WaitGroup
	for _, framing := range []string{length(len(body)), chunked, length(500_000)} {
		wg.Go(func() {
			if got, _ := d.status(head("POST", "/", newSecret, body, framing)); got != 0 {
				t.Errorf("%s: %d, want no answer", framing, got)
			}
		})
	}
	wg.Wait()
	eventually(t, "three are counted", func() bool { return d.value("numhook_deliveries_total", "broken_upload") == 3 })
	if log := d.logs.String(); strings.Contains(log, `"ERROR"`) || strings.Count(log, `"reason":"timed_out"`) != 3 ||
		strings.Count(log, `"answer":0,"kind":"broken_upload"`) != 3 {
		t.Errorf("the log says %s", d.logs)
	}
}

// What the headers tell is told before a byte of the body is asked for, and nothing that follows on the connection is
// read as a request.
func TestRefusedBeforeTheBody(t *testing.T) {
	d := newLiveServer(t, server.DefaultMaxBody)
	good := cnam("1", "X", "+13125550100")
	smuggled := head("POST", "/", newSecret, good, length(len(good))) + good
	const timestamp = signature.HeaderTimestamp + ": "
	stale := strings.Replace(head("POST", "/", newSecret, good, length(1<<20)), timestamp+"1", timestamp, 1)
	for name, text := range map[string]string{
		"unsigned":                   head("POST", "/", "", "", length(1<<20)),
		"unsigned, over the cap":     head("POST", "/", "", "", length(1<<30)),
		"unsigned, in chunks":        head("POST", "/", "", "", chunked),
		"unsigned, waits to be told": head("POST", "/", "", "", "Expect: 100-continue\r\n"+length(10)),
		"stale":                      stale,
		"a signature in the trailer": head("POST", "/", "", "", "Trailer: X-Zm-Signature\r\n"+chunked),
		"pipelined":                  head("POST", "/", "", "", length(0)) + smuggled,
		"pipelined after a GET":      head("GET", "/", "", "", length(0)) + smuggled,
		"pipelined behind a body":    head("POST", "/", "", "", length(3)) + "abc" + smuggled,
	} {
		conn := d.dial()
		_, _ = io.WriteString(conn, text)
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		all, err := io.ReadAll(conn)
		_ = conn.Close()
		want := "HTTP/1.1 401 "
		if strings.Contains(name, "GET") {
			want = "HTTP/1.1 405 "
		}
		if err != nil || !bytes.HasPrefix(all, []byte(want)) || bytes.Count(all, []byte("HTTP/1.1")) != 1 ||
			!bytes.Contains(all, []byte("\r\nConnection: close\r\n")) {
			t.Errorf("%s: %v: %s", name, err, all)
		}
	}
}

// After a request about whose end two readers can be of two minds, the connection ends.
func TestFramingInTwoWaysEndsTheConnection(t *testing.T) {
	d := newLiveServer(t, server.DefaultMaxBody)
	body := cnam("1", "X", "+13125550100")
	old := head("POST", "/", newSecret, body, length(len(body))+"\r\nConnection: keep-alive\r\n"+chunked)
	for name, c := range map[string]struct {
		text   string
		closes bool
	}{
		"a length":             {head("POST", "/", newSecret, body, length(len(body))) + body, false},
		"chunked":              {head("POST", "/", newSecret, body, chunked) + chunks(body), true},
		"both":                 {head("POST", "/", newSecret, body, length(4)+"\r\n"+chunked) + chunks(body), true},
		"HTTP/1.0 and chunked": {strings.Replace(old, "HTTP/1.1", "HTTP/1.0", 1) + body, true},
	} {
		if got, closes := d.status(c.text); got != http.StatusOK || closes != c.closes {
			t.Errorf("%s: %d, closes %v, want 200 and %v", name, got, closes, c.closes)
		}
	}
}
