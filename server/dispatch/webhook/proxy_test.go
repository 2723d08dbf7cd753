package webhook

import (
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"numhook/server/dispatch"
	"numhook/server/event"
)

// tunnel is a proxy that connects to the one address given, whatever it is asked for.
func tunnel(t *testing.T, to string, asked *[]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Method+" "+r.RequestURI+" "+r.Header.Get("Proxy-Authorization"))
		if r.Method != http.MethodConnect {
			return // a plain request: the proxy's answer is what comes back
		}
		there, err := new(net.Dialer).DialContext(t.Context(), "tcp", to)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer there.Close()
		w.WriteHeader(http.StatusOK)
		here, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer here.Close()
		go func() { _, _ = io.Copy(there, buffered) }()
		_, _ = io.Copy(here, there)
	}
}

func TestAProxyIsAsked(t *testing.T) {
	var asked []string
	var posts int
	target := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { posts++ }))
	t.Cleanup(target.Close)
	proxy := newDownstream(t, tunnel(t, target.Listener.Addr().String(), &asked))
	with := strings.Replace(proxy.URL, "http://", "http://user:pass@", 1) // on this machine, and allow_private is not set
	authorization := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:pass"))

	s := newSender(t, Config{URL: "http://downstream.example/x", Proxy: with})
	wantOutcome(t, s.Send(t.Context(), change), confirmed)
	s = newSender(t, Config{URL: "https://example.com/x", Proxy: with}) // the name in the server's certificate
	s.transport.newest().TLSClientConfig.RootCAs = target.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	wantOutcome(t, s.Send(t.Context(), change), confirmed)
	wantOutcome(t, s.Send(t.Context(), change), confirmed)
	want := "POST http://downstream.example/x " + authorization + "\nCONNECT example.com:443 " + authorization
	if got := strings.Join(asked, "\n"); got != want || posts != 2 {
		t.Errorf("the proxy was asked\n%s, want\n%s; %d posts came", got, want, posts)
	}
}

func TestTheProxyOfTheEnvironment(t *testing.T) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "http_proxy", "ALL_PROXY",
		"REQUEST_METHOD"} {
		t.Setenv(name, "")
	}
	var asked []string
	proxy := newDownstream(t, tunnel(t, "", &asked))
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("NO_PROXY", "direct.invalid,.inside.invalid")
	for _, c := range []struct {
		url, proxy string
		asked      int
	}{
		{"http://h.invalid/", "", 1}, {"http://h.invalid/", NoProxy, 0}, {"http://direct.invalid/", "", 0},
		{"http://a.inside.invalid/", "", 0},
		{"https://h.invalid/", "", 0},
	} {
		asked = nil
		_ = within(t, newSender(t, Config{URL: c.url, Proxy: c.proxy}), time.Minute)
		if len(asked) != c.asked {
			t.Errorf("%s with %q asked the proxy %d times", c.url, c.proxy, len(asked))
		}
	}
}

func TestWhatGoesWrongAtAProxyIsToldOfIt(t *testing.T) {
	refusing := newDownstream(t,
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) })
	wantRetry(t, newSender(t, Config{URL: "https://h.example/", Proxy: refusing.URL}).Send(t.Context(), change),
		"the proxy answers 407")
	wantRetry(t, newSender(t, Config{URL: "http://h.example/", Proxy: refusing.URL}).Send(t.Context(), change),
		"the proxy answers 407")
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	wantRetry(t, newSender(t, Config{URL: "https://h.example/", Proxy: gone.URL}).Send(t.Context(), change),
		"the proxy: connection refused")
	socks := strings.Replace(gone.URL, "http:", "socks5:", 1)
	wantRetry(t, newSender(t, Config{URL: "https://h.example/", Proxy: socks}).Send(t.Context(), change),
		"the proxy: connection refused")
	silent := rawDownstream(t, func(c *net.TCPConn, _ int) { _, _ = io.Copy(io.Discard, c) })
	for _, proxy := range []string{silent, strings.Replace(silent, "http:", "socks5:", 1)} {
		got := within(t, newSender(t, Config{URL: "https://h.example/", Proxy: proxy}), shortTime)
		wantOutcome(t, got, dispatch.Outcome{Verdict: event.Retry, Reason: "time-out while connecting"})
	}
	for _, raw := range []string{"ftp://h:1", "h:1", "http://", "http://h:0", "http://h/x", "http://h:1?x",
		"http://${PROXY}", "socks4://h:1"} {
		if _, err := New(Config{URL: "https://h.example/", Proxy: raw}); event.KindOf(err) != event.Invalid ||
			strings.Contains(err.Error(), raw) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}
