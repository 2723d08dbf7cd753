package recovery_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"numhook/gen/senderlog/senderlogtest"
	"numhook/server"
	"numhook/server/event"
	"numhook/server/recovery"
	"numhook/server/store"
	"numhook/server/store/sqlite"
	"numhook/spec"
)

// reading is a reader of a sender's log, with a store.
type reading struct {
	*sender
	store  store.Store
	intake *server.Server
	now    time.Time // of our clock
	waits  []time.Duration
	log    bytes.Buffer
	secret string
	reader *recovery.Reader
}

// newReading makes one whose clock is behind the sender's by that.
func newReading(t *testing.T, behind time.Duration) *reading {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	r := &reading{sender: newSender(t, now), now: now.Add(-behind), secret: clientSecret}
	events, err := sqlite.Open(t.Context(), t.TempDir()+"/numhook.db", sqlite.Options{AllowUnsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = events.Close() })
	document, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	r.store = events
	if r.intake, err = server.New(server.Config{Document: document, Store: events}); err != nil {
		t.Fatal(err)
	}
	r.reader, err = recovery.New(recovery.Config{
		AppID: "app", AccountID: "account", ClientID: "client", Secret: func() (string, error) { return r.secret, nil },
		APIURL: r.url, TokenURL: r.url, Client: &http.Client{}, Log: slog.New(slog.NewTextHandler(&r.log, nil)),
		Now:  func() time.Time { return r.now },
		Wait: func(_ context.Context, d time.Duration) error { r.waits = append(r.waits, d); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *reading) run(dryRun bool) (recovery.Report, error) {
	report, err := r.reader.Run(r.t.Context(), time.Time{}, time.Time{}, r.intake.Recovery(r.store, dryRun))
	for _, private := range []string{clientSecret, "+1202", "token-"} {
		if strings.Contains(r.log.String(), private) || err != nil && strings.Contains(err.Error(), private) {
			r.t.Errorf("%s is shown: %v %s", private, err, r.log.String())
		}
	}
	return report, err
}

// want runs, and holds the counts of the report against others.
func (r *reading) want(dryRun bool, want recovery.Report) {
	r.t.Helper()
	got, err := r.run(dryRun)
	if err != nil {
		r.t.Fatal(err)
	}
	got.From, got.To = time.Time{}, time.Time{}
	if got != want {
		r.t.Errorf("got %+v, want %+v", got, want)
	}
}

func (r *reading) value(number string) string {
	r.t.Helper()
	n, err := r.store.Number(r.t.Context(), number)
	if err != nil || len(n.Values) != 1 {
		r.t.Fatalf("%s: %+v, %v", number, n, err)
	}
	return string(n.Values[0].Value)
}

func (r *reading) events() (list []event.Stored) {
	r.t.Helper()
	for after := int64(0); ; {
		page, err := r.store.EventBodies(r.t.Context(), after, 1000)
		if err != nil {
			r.t.Fatal(err)
		}
		if len(page) == 0 {
			return list
		}
		list, after = append(list, page...), page[len(page)-1].Seq
	}
}

// Five thousand rows over seven days: what was missed is stored once, what is old replaces nothing, and a second run
// finds nothing new.
func TestFiveThousandRows(t *testing.T) {
	t.Parallel()
	r := newReading(t, 0)
	const numbers, rows = 100, 5000
	newest, last := map[string]int64{}, map[string]string{}
	want := recovery.Report{Rows: rows}
	for i := range rows {
		at := r.sender.now.Add(-recovery.Kept + 90*time.Second + time.Duration(i)*2*time.Minute)
		request := fmt.Sprint("request-", i)
		number, name := fmt.Sprintf("+1202555%04d", i%numbers), fmt.Sprint("NAME ", i)
		ts := at.UnixMilli() - int64(i%7)*3_600_000 // some come late
		switch {
		case i%10 == 3:
			r.rows = append(r.rows, row(at, "meeting.started", `{"event":"meeting.started"}`, request, 200))
			want.Others++
			continue
		case i == 1004: // cut off
			r.rows = append(r.rows, row(at, cnam, cnamBody(number, ts, name)[:80], request, 200))
			want.Refused++
			continue
		case i == 2004: // without a body
			r.rows = append(r.rows, row(at, cnam, "", request, -1))
			want.Unreadable++
			continue
		case i%50 == 27: // the same as the row before but one
			r.rows = append(r.rows, r.rows[i-2])
			want.Known++
			continue
		}
		body := cnamBody(number, ts, name)
		r.rows = append(r.rows, row(at, cnam, body, request, -1))
		if ts >= newest[number] {
			newest[number], last[number] = ts, `"`+name+`"`
		}
		want.New++
	}
	r.want(true, want)
	if list := r.events(); len(list) != 0 {
		t.Fatalf("a dry run stored %d events", len(list))
	}
	if entries, _, err := r.store.QuarantineHeld(t.Context()); entries != 0 || err != nil {
		t.Fatalf("a dry run kept %d entries: %v", entries, err)
	}
	r.lasts = 3 // a token ends in the middle, again and again
	r.raw = []func(http.ResponseWriter){nil, status(429, "Retry-After", "7"), nil, status(503), status(500), nil, func(
		w http.ResponseWriter) {
		_, _ = w.Write([]byte(`{"webhook_logs": [{"event": `))
	}}
	r.tokens++ // the one from before is no longer good
	r.want(false, want)
	if !reflect.DeepEqual(r.waits[:1], []time.Duration{time.Second}) || !strings.Contains(fmt.Sprint(r.waits), "7s") {
		t.Errorf("waited %v", r.waits)
	}
	list := r.events()
	if len(list) != want.New {
		t.Fatalf("%d events are stored, want %d", len(list), want.New)
	}
	for number, value := range last {
		if got := r.value(number); got != value {
			t.Errorf("%s is %s, want %s", number, got, value)
		}
	}
	origin := list[0].Delivery.Header
	if origin.Origin != (event.Origin{From: "sender-log", Status: -1}) || origin.RequestID != "request-0" ||
		origin.Signature != "" || origin.Timestamp != "" || list[0].Delivery.Path != "/in/" {
		t.Errorf("the first has %+v and the path %s", origin, list[0].Delivery.Path)
	}
	r.lasts = 0
	want.Known, want.New, want.Held, want.Refused = want.Known+want.New, 0, want.Refused, 0
	r.want(false, want)
	if entry, err := r.store.QuarantineEntry(t.Context(), 1); err != nil || entry.Times != 1 ||
		entry.Delivery.Header.RequestID != "request-1004" {
		t.Errorf("the entry is %+v: %v", entry, err)
	}
}

// What is kept already is left alone, whatever became of it.
func TestWhatIsKeptIsLeftAlone(t *testing.T) {
	r := newReading(t, 0)
	at := r.sender.now.Add(-time.Hour)
	bad := `{"event":"` + cnam + `","event_ts":1}`
	r.rows = []senderlogtest.Row{row(at, cnam, bad, "a", 400), row(at, cnam, "  "+cnamBody("+12025550101", 5, "A")+" ",
		"b", 200)}
	r.want(false, recovery.Report{Rows: 2, New: 1, Refused: 1})
	if err := r.store.Discard(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	compact := cnamBody("+12025550101", 5, "A") // in other bytes the same event
	r.rows[1].RequestBody = &compact
	r.want(false, recovery.Report{Rows: 2, Known: 1, Held: 1})
	q, err := r.store.QuarantineEntry(t.Context(), 1)
	if err != nil || q.State != event.Discarded || q.Times != 1 || q.Delivery.Header.Origin.Status != 400 {
		t.Errorf("the entry is %+v: %v", q, err)
	}
}

// A row with one odd member costs that member.
func TestOddRows(t *testing.T) {
	r := newReading(t, 0)
	body := cnamBody("+12025550101", 5, "A")
	quoted := strings.ReplaceAll(body, `"`, `\"`)
	r.raw = []func(http.ResponseWriter){func(w http.ResponseWriter) {
		fmt.Fprintf(w, `{"webhook_logs": [17, null, {}, {"event": 1, "request_body": "%s", "status": "200"},
			{"event": "%s", "request_body": %s}, {"event": "%s", "request_body": []}, {"event": "%s", "endpoint": "%%zz",
			"request_id": "+12025550101", "request_body": ""}]}`, quoted, cnam, cnamBody("+12025550102", 6, "B"), cnam, cnam)
	}}
	r.want(false, recovery.Report{Rows: 7, New: 2, Others: 1, Unreadable: 4})
	if a, b := r.value("+12025550101"), r.value("+12025550102"); a != `"A"` || b != `"B"` {
		t.Errorf("got %s and %s", a, b)
	}
}

// The seven days are those of the sender's clock.
func TestClocksDiffer(t *testing.T) {
	for _, behind := range []time.Duration{-26 * time.Hour, -10 * time.Minute, 0, 10 * time.Minute, 26 * time.Hour} {
		t.Run(behind.String(), func(t *testing.T) {
			t.Parallel()
			r := newReading(t, behind)
			r.rows = []senderlogtest.Row{
				row(r.sender.now.Add(-recovery.Kept+2*time.Minute), cnam, cnamBody("+12025550101", 5, "A"), "a", 200),
				row(r.sender.now, cnam, cnamBody("+12025550102", 5, "B"), "b", 200),
			}
			r.want(false, recovery.Report{Rows: 2, New: 2})
		})
	}
}

// A page's token that has ended begins its day again, and not for ever.
func TestAPagesTokenEnds(t *testing.T) {
	r := newReading(t, 0)
	for i := range 700 {
		r.rows = append(r.rows, row(r.sender.now.Add(-time.Hour), cnam, cnamBody("+12025550101", int64(i), "A"),
			fmt.Sprint(i), 200))
	}
	six := []func(http.ResponseWriter){nil, nil, nil, nil, nil, nil} // days without rows
	r.raw = append(six, nil, nil, status(400))
	r.want(false, recovery.Report{Rows: 1300, New: 700, Known: 600})
	r.raw = append(six, nil, status(400), nil, status(400), nil, status(400), nil, status(400))
	if report, err := r.run(false); event.KindOf(err) != event.Internal && err == nil || report.Known != 1200 {
		t.Errorf("%+v: %v", report, err)
	}
}

// What the sender refuses ends the run with what to do about it, and what does not pass is not waited for.
func TestTrouble(t *testing.T) {
	for name, test := range map[string]struct {
		raw   []func(http.ResponseWriter)
		want  string
		waits int
	}{
		"not allowed":  {[]func(http.ResponseWriter){status(403)}, "it answers 403", 0},
		"no such app":  {[]func(http.ResponseWriter){status(404)}, "it answers 404", 0},
		"redirected":   {[]func(http.ResponseWriter){status(302, "Location", "https://elsewhere.example/")}, "302", 0},
		"a day's rest": {[]func(http.ResponseWriter){status(429, "Retry-After", "86400")}, "it answers 429", 0},
		"down": {[]func(http.ResponseWriter){status(500), status(502), status(503), status(504), status(500)},
			"it answers 500", 4},
		"no token holds": {[]func(http.ResponseWriter){status(401), status(401), status(401), status(401), status(401)},
			"it answers 401", 4},
		"not a page": {[]func(http.ResponseWriter){status(200), status(200), status(200), status(200), status(200)},
			"a page is not what the document says", 4},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReading(t, 0)
			r.raw = test.raw
			_, err := r.run(false)
			known, _ := errors.AsType[*event.Error](err)
			if known == nil || known.Kind != event.Unavailable || !strings.Contains(known.Text, test.want) || known.Hint == "" ||
				len(r.waits) != test.waits {
				t.Errorf("%v, after waits of %v", err, r.waits)
			}
		})
	}
	r := newReading(t, 0)
	r.secret = "another"
	if _, err := r.run(false); err == nil || !strings.Contains(err.Error(), "no token is given, the answer is 400") {
		t.Error(err)
	}
}

// When the store takes nothing, the run ends: what was missed is recovered once it does.
func TestStoreIsGone(t *testing.T) {
	r := newReading(t, 0)
	r.rows = []senderlogtest.Row{row(r.sender.now.Add(-time.Hour), cnam, cnamBody("+12025550101", 5, "A"), "a", 503)}
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	if report, err := r.run(false); event.KindOf(err) != event.Unavailable || report.New != 0 {
		t.Errorf("%+v: %v", report, err)
	}
}
