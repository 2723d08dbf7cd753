package jetstream

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"numhook/server/dispatch"
	"numhook/server/event"
)

var confirmed = dispatch.Outcome{Verdict: event.Confirmed, Alive: true}

func envelope(id string) dispatch.Envelope {
	return dispatch.Envelope{ID: id, Number: "+12025550143", Body: []byte(`{"id":"` + id + `"}`)}
}

func TestAChangeIsStoredOnceUnderItsIdentity(t *testing.T) {
	js := embed(t, nil)
	admin := admin(t, js.ClientURL())
	makeStream(t, admin, jetstream.StreamConfig{})
	s := sender(t, Config{URL: js.ClientURL() + "/numhook.changes?stream=CHANGES"})
	for _, id := range []string{"a", "b", "a", "b", "c"} {
		if got := s.Send(within(t, time.Minute), envelope(id)); got != confirmed {
			t.Fatalf("%s: %+v", id, got)
		}
	}
	ids, bodies := stored(t, admin)
	if want := []string{"a", "b", "c"}; !slices.Equal(ids, want) {
		t.Errorf("stored %v, want %v", ids, want)
	}
	if want := `{"id":"a"}`; bodies[0] != want {
		t.Errorf("stored %s, want %s", bodies[0], want)
	}
}

func TestWhatTheStreamSays(t *testing.T) {
	const noStream = "no stream has the subject, or JetStream is off: make a stream with it"
	for name, c := range map[string]struct {
		stream *jetstream.StreamConfig
		before []string
		query  string
		size   int
		want   dispatch.Outcome
	}{
		"no stream": {want: dispatch.Outcome{Verdict: event.Retry, Reason: noStream}},
		"another stream": {
			stream: &jetstream.StreamConfig{}, query: "?stream=OTHER",
			want: dispatch.Outcome{Verdict: event.Retry, Reason: "the subject belongs to another stream than stream= names"},
		},
		"full": {
			stream: &jetstream.StreamConfig{MaxMsgs: 1, Discard: jetstream.DiscardNew}, before: []string{"first"},
			want: dispatch.Outcome{Verdict: event.Retry, Reason: "the stream is full, or could not store it (JetStream " +
				"error 10077)"},
		},
		"too large for the stream": {
			stream: &jetstream.StreamConfig{MaxMsgSize: 1000}, size: 1001,
			want: dispatch.Outcome{Verdict: event.Refused, Reason: "larger than the stream's max_msg_size", Alive: true},
		},
		"too large for the server": {
			stream: &jetstream.StreamConfig{}, size: 2000,
			want: dispatch.Outcome{Verdict: event.Refused, Reason: "larger than the server's max_payload", Alive: true},
		},
		"fits": {stream: &jetstream.StreamConfig{MaxMsgSize: 1000}, size: 500, want: confirmed},
	} {
		t.Run(name, func(t *testing.T) {
			js := embed(t, func(o *server.Options) { o.MaxPayload = 2000 })
			if c.stream != nil {
				makeStream(t, admin(t, js.ClientURL()), *c.stream)
			}
			s := sender(t, Config{URL: js.ClientURL() + "/numhook.changes" + c.query})
			for _, id := range c.before {
				if got := s.Send(within(t, time.Minute), envelope(id)); got != confirmed {
					t.Fatalf("%s: %+v", id, got)
				}
			}
			e := envelope("x")
			if c.size > 0 {
				e.Body = []byte(strings.Repeat("x", c.size))
			}
			if got := s.Send(within(t, time.Minute), e); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestAStreamThatIsMadeLaterOrAnewTakesWhatWaits(t *testing.T) {
	js := embed(t, nil)
	admin := admin(t, js.ClientURL())
	s := sender(t, Config{URL: js.ClientURL() + "/numhook.changes"})
	send := func(id string) dispatch.Outcome { return s.Send(within(t, time.Minute), envelope(id)) }
	if got := send("a"); got.Verdict != event.Retry {
		t.Fatalf("without a stream: %+v", got)
	}
	for range 2 {
		makeStream(t, admin, jetstream.StreamConfig{})
		if got := send("a"); got != confirmed {
			t.Fatalf("with a stream: %+v", got)
		}
		if ids, _ := stored(t, admin); !slices.Equal(ids, []string{"a"}) {
			t.Fatalf("stored %v", ids)
		}
		if err := admin.DeleteStream(t.Context(), "CHANGES"); err != nil {
			t.Fatal(err)
		}
		if got := send("a"); got.Verdict != event.Retry || got.Alive {
			t.Fatalf("after the stream was deleted: %+v", got)
		}
	}
}

func TestCredentials(t *testing.T) {
	js := embed(t, func(o *server.Options) {
		none := &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"numhook.>"}}}
		deaf := &server.Permissions{Subscribe: &server.SubjectPermission{Deny: []string{"_INBOX.>"}}}
		o.Users = []*server.User{
			{Username: "numhook", Password: "s3cret/@:"}, {Username: "reader", Password: "r", Permissions: none},
			{Username: "deaf", Password: "d", Permissions: deaf},
		}
	})
	makeStream(t, admin(t, js.ClientURL(), nats.UserInfo("numhook", "s3cret/@:")), jetstream.StreamConfig{})
	const permissions = "the user may not publish to the subject, or may not subscribe to _INBOX.> for the acknowledgement"
	for user, want := range map[string]dispatch.Outcome{
		"numhook:s3cret%2F%40%3A@": confirmed,
		"numhook:hunter2@":         {Verdict: event.Retry, Reason: "no connection: the server refuses the credentials"},
		"hunter2@":                 {Verdict: event.Retry, Reason: "no connection: the server refuses the credentials"},
		"":                         {Verdict: event.Retry, Reason: "no connection: the server refuses the credentials"},
		"reader:r@": {Verdict: event.Retry, Reason: "the connection was lost before the stream " +
			"acknowledged: " + permissions},
		"deaf:d@": {Verdict: event.Retry, Reason: "the connection was lost before the stream " +
			"acknowledged: " + permissions},
	} {
		s := sender(t, Config{URL: strings.Replace(js.ClientURL(), "nats://", "nats://"+user, 1) + "/numhook.changes"})
		got := s.Send(within(t, time.Minute), envelope("a"))
		if user == "deaf:d@" { // the server may close the connection before anything is sent
			got.Reason = strings.Replace(got.Reason, "before it was sent", "before the stream acknowledged", 1)
		}
		got.Underway = false // as far as the server let it be sent
		if got != want {
			t.Errorf("%q: got %+v, want %+v", user, got, want)
		}
	}
}

func TestAServerThatIsDownAtTheStart(t *testing.T) {
	port := freePort(t)
	s := sender(t, Config{URL: fmt.Sprintf("nats://127.0.0.1:%d/numhook.changes", port)})
	if got, want := s.Send(within(t, time.Minute), envelope("a")),
		retry("no connection: connection refused"); got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	js := embed(t, func(o *server.Options) { o.Port = port })
	admin := admin(t, js.ClientURL())
	makeStream(t, admin, jetstream.StreamConfig{})
	eventually(t, "delivered", func() bool { return s.Send(within(t, time.Minute), envelope("a")) == confirmed })
	if ids, _ := stored(t, admin); !slices.Equal(ids, []string{"a"}) {
		t.Errorf("stored %v", ids)
	}
}

func TestUrls(t *testing.T) {
	creds := filepath.Join(t.TempDir(), "open.creds")
	if err := os.WriteFile(creds, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "missing.creds")
	for url, want := range map[string]string{
		"http://bus/x":                                 "its scheme is not nats or tls",
		"bus:4222/x":                                   "its scheme is not nats or tls",
		"nats://bus":                                   "it names no subject",
		"nats://bus/":                                  "it names no subject",
		"nats:///x":                                    "host 1 is missing or not a host name or address",
		"nats://bus,,c/x":                              "host 2 is missing or not a host name or address",
		"nats://bus:0/x":                               "host 1 has a port that is not between 1 and 65535",
		"nats://bus:99999/x":                           "host 1 has a port that is not between 1 and 65535",
		"nats://bus:hunter2/x":                         "host 1 is missing or not a host name or address",
		"nats://user:hunter2/pass@bus/x":               "it has an @ after the first /",
		"nats://user:hunter2%zz@bus/x":                 "user and password cannot be read",
		"nats://bus/a..b":                              "the subject has an empty token, or / at its end",
		"nats://bus/a.*":                               "a subject to publish to has no blanks and no wildcards",
		"nats://bus/a.%3E":                             "a subject to publish to has no blanks and no wildcards",
		"nats://bus/a%20b":                             "a subject to publish to has no blanks and no wildcards",
		"nats://bus/$JS.API.x":                         "subjects that begin with $ or _INBOX. are the server's own",
		"nats://bus/a b":                               "it has a blank or a # in it",
		"nats://bus/x?streem=S":                        `the parameter "streem" is not known`,
		"nats://bus/x?tls=perhaps":                     "tls is neither true nor false",
		"nats://bus/x?stream=A&stream=B":               `the parameter "stream" is given twice or has no value`,
		"nats://bus/x?stream=a.b":                      "stream is not the name of a stream",
		"nats://bus/x?creds=" + missing:                "the credentials file does not exist",
		"nats://bus/x?creds=" + creds:                  "everybody may read the credentials file",
		"nats://user:hunter2@bus/x?creds=" + missing:   "it has both user and creds",
		"nats://user:hunter2@bus:4222,c:1/x?tls=maybe": "tls is neither true nor false",
	} {
		_, err := New(Config{URL: url})
		known, ok := err.(*event.Error) //nolint:errorlint // the outermost error is what is looked at
		if !ok || known.Kind != event.Invalid || known.Hint == "" || known.Err.Error() != want {
			t.Errorf("%s: got %v, want %s", url, err, want)
		}
		if strings.Contains(fmt.Sprint(err), "hunter2") || ok && strings.Contains(known.Hint, "hunter2") {
			t.Errorf("%s: a password in %v", url, err)
		}
	}
}

func TestRedact(t *testing.T) {
	for url, want := range map[string]string{
		"nats://user:hunter2@bus/x":              "nats://xxxxx@bus:4222/x",
		"nats://hunter2@bus:1,c:2/x?creds=a":     "nats://(unreadable)",
		"tls://bus,[::1]:3/x?stream=S":           "tls://bus:4222,[::1]:3/x",
		"nats://user:hunter2/y@bus/x":            "nats://(unreadable)",
		"nats://user:hunter2@bus":                "nats://(unreadable)",
		"user:hunter2":                           "(unreadable)",
		"user:hunter2://":                        "(unreadable)",
		"nats://user:hunter2@bus/x?password=abc": "nats://(unreadable)",
	} {
		if got := Redact(url); got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
}
