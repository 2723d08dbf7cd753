package listener_test

import (
	"net/http"
	"testing"

	"numhook/server/listener"
)

func TestRemote(t *testing.T) {
	trusted, err := listener.ParseProxies([]string{"10.0.0.0/8", " 192.0.2.1", "2001:db8::/32"})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		end       string
		forwarded []string
		want      string
	}{
		{"203.0.113.5:1000", []string{"198.51.100.1"}, "203.0.113.5:1000"}, // anybody can write the header
		{"10.0.0.1:1000", nil, "10.0.0.1:1000"},
		{"10.0.0.1:1000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1000", []string{"6.6.6.6, 198.51.100.1 , 192.0.2.1"}, "198.51.100.1"},
		{"10.0.0.1:1000", []string{"6.6.6.6, 198.51.100.1", "192.0.2.1"}, "198.51.100.1"},
		{"[::ffff:10.0.0.1]:1000", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{"[2001:db8::1]:1000", []string{"[2001:dead::7]:80"}, "2001:dead::7"},
		{"10.0.0.1:1000", []string{"2001:dead::7%eth0"}, "2001:dead::7"},
		{"10.0.0.1:1000", []string{"198.51.100.1, what is no address"}, "10.0.0.1:1000"},
		{"10.0.0.1:1000", []string{"what is no address, 10.0.0.2"}, "10.0.0.2"},
		{"10.0.0.1:1000", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"10.0.0.1:1000", []string{""}, "10.0.0.1:1000"},
		{"@", []string{"198.51.100.1"}, "@"}, // a socket without an address
	} {
		r := &http.Request{RemoteAddr: one.end, Header: http.Header{"X-Forwarded-For": one.forwarded}}
		if got := trusted.Remote(r); got != one.want {
			t.Errorf("%s for %q: %s, want %s", one.end, one.forwarded, got, one.want)
		}
	}
	for _, bad := range []string{"", "10.0.0.0/33", "proxy.example.com", "::ffff:10.0.0.0/104"} {
		if _, err := listener.ParseProxies([]string{bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
