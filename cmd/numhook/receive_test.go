package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/spec"
)

// shownNumber is what numbers show prints.
type shownNumber struct {
	Number  string
	Values  []event.Change
	History []event.Change
}

func TestBothEventsComeInByBothPaths(t *testing.T) {
	r := startReceiver(t)
	want := 0
	for _, name := range spec.Examples() {
		example, _ := spec.Example(name)
		for _, path := range []string{"/", "/" + name} {
			body := strings.Replace(string(example), `"event_ts": 1739`, `"event_ts": 1`+strconv.Itoa(740+want), 1)
			got := r.post(path, body)
			if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/json" ||
				!sameJSON([]byte(got.body), []byte(body)) {
				t.Errorf("%s at %s: %v", name, path, got)
			}
			want++
			l := readSnapshot(t, r.file())
			l.check(t)
			if last := l.events[len(l.events)-1]; len(l.events) != want || last.body != body || last.name != name {
				t.Errorf("%s at %s: %d events, the last is %+v", name, path, len(l.events), last)
			}
		}
	}
	var events []eventShown
	r.read(&events, "events", "list")
	for i, e := range events {
		if len(e.Drift)+len(e.Lint) != 0 || e.Path != []string{"/", "/" + e.Name}[i%2] || e.Header.RequestID == "" ||
			time.Since(e.Received) > time.Minute {
			t.Errorf("event %+v", e)
		}
	}
}

// The published document's own example: empty strings, event_ts 1, no numbers.
func TestThePublishedExampleIsAcceptedWithLint(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	example := `{"event":"","event_ts":1,"payload":{"account_id":"","object":{"emergency_address":{"country":"",` +
		`"address_line1":"","address_line2":"",` +
		`"city":"","zip":"","state_code":""},"carrier_code":1,"phone_numbers":[]}}}`
	if got := r.post("/"+addressEvent, example); got.status != http.StatusOK ||
		!sameJSON([]byte(got.body), []byte(example)) {
		t.Errorf("the example: %v", got)
	}
	var shown eventShown
	r.read(&shown, "events", "show", identity(t, example))
	if shown.TS != 1 || shown.Body != example || len(shown.Lint) == 0 || len(shown.Drift) != 0 ||
		shown.Name != addressEvent {
		t.Errorf("stored as %+v", shown)
	}
}

func TestOneEventHoweverOftenItComes(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	first := cnamBody(1, "A", "+12025550100")
	other := "{ \"payload\" : {\"object\":{\"cnam\":\"\\u0041\",\"phone_numbers\":[ \"+12025550100\" " +
		"],\"carrier_code\":3457},\"account_id\":\"acct-1\"},\r\n" +
		"\t\"event_ts\":1,\"event\":\"" + cnamEvent + "\"}\n"
	for what, delivery := range map[string]struct {
		body   string
		header http.Header
	}{
		"as it is":   {first, signed(testSecret, first)},
		"re-signed":  {first, signedAt(testSecret, first, time.Now().Add(-time.Minute))},
		"other form": {other, signed(testSecret, other)},
	} {
		for range 3 {
			if got := r.postWith("/", delivery.body, delivery.header); got.status != http.StatusOK {
				t.Errorf("%s: %v", what, got)
			}
		}
	}
	l := readSnapshot(t, r.file())
	l.check(t)
	if len(l.events) != 1 {
		t.Errorf("%d events, want 1", len(l.events))
	}
	r.delivered(9)
	if count := r.countKind("duplicate"); count != 8 {
		t.Errorf("%d duplicates in the log, want 8", count)
	}
}

func TestTheNewestValueStays(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	const number = "+12025550100"
	for _, body := range []string{addressBody(2000, "A", number), addressBody(1000, "B", number),
		cnamBody(1500, "C", number)} {
		if got := r.post("/", body); got.status != http.StatusOK {
			t.Fatal(got)
		}
	}
	values := func(args ...string) string {
		var shown shownNumber
		r.read(&shown, append([]string{"numbers", "show", number}, args...)...)
		var text []string
		for _, v := range shown.Values {
			var value bytes.Buffer
			fmt.Fprintf(&value, "%s=%s", v.Attribute, strings.Join(strings.Fields(string(v.Value)), ""))
			text = append(text, value.String())
		}
		for _, c := range shown.History {
			text = append(text, fmt.Sprintf("%s %d %s", c.Attribute, c.TS, c.State))
		}
		return strings.Join(text, ", ")
	}
	for _, c := range []struct{ want, asOf string }{
		{`cnam="C", emergency_address={"address_line1":"A"}`, ""},
		{`cnam="C", emergency_address={"address_line1":"A"}`, "1970-01-01T00:00:02Z"},
		{`cnam="C", emergency_address={"address_line1":"B"}`, "1970-01-01T00:00:01.999Z"},
		{`emergency_address={"address_line1":"B"}`, "1970-01-01T00:00:01.499Z"},
		{`emergency_address={"address_line1":"B"}`, "1970-01-01T00:00:01Z"},
	} {
		args := []string{}
		if c.asOf != "" {
			args = []string{"--as-of", c.asOf}
		}
		if got := values(args...); got != c.want {
			t.Errorf("as of %q: %s, want %s", c.asOf, got, c.want)
		}
	}
	want := `cnam="C", emergency_address={"address_line1":"A"}, cnam 1500 current, emergency_address 1000 superseded, ` +
		`emergency_address 2000 current`
	if got := values("--history"); got != want {
		t.Errorf("history: %s, want %s", got, want)
	}
	if got := r.run("numbers", "show", number, "--as-of", "999"); got.code != exitNo || got.stdout != "" {
		t.Errorf("before everything: %+v", got)
	}
}

func TestTwoHundredNumbers(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	numbers := make([]string, 200)
	for i := range numbers {
		numbers[i] = fmt.Sprintf("+1202555%04d", i)
	}
	body := cnamBody(5, "ACME", numbers...)
	if got := r.post("/", body); got.status != http.StatusOK {
		t.Fatal(got)
	}
	l := readSnapshot(t, r.file())
	l.check(t)
	if len(l.events) != 1 || len(l.changes) != len(numbers) {
		t.Errorf("%d events with %d changes", len(l.events), len(l.changes))
	}
	var shown []event.Number
	r.read(&shown, "numbers", "list")
	for i, n := range shown {
		if n.Number != numbers[i] || len(n.Values) != 1 || n.Values[0].EventID.String() != identity(t, body) {
			t.Errorf("number %d is shown as %+v", i, n)
		}
	}
	if len(shown) != len(numbers) {
		t.Errorf("%d numbers are shown", len(shown))
	}
}

// The signature is over the raw bytes, and the raw bytes are what is kept.
func TestOddBytesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	plain := cnamBody(1, "X", "+12025550100")
	swap := func(old, new string) string { return strings.Replace(plain, old, new, 1) }
	for name, body := range map[string]string{
		"emoji":                swap(`"X"`, `"Café ☎️ 😀"`),
		"escapes":              swap(`"X"`, `"\u00e9\ud83d\ude00\/ <&>"`),
		"byte order mark":      "\ufeff" + swap(":1,", ":3,"),
		"carriage returns":     strings.ReplaceAll(swap(":1,", ":4,"), ",", ",\r\n"),
		"white space around":   " \r\n\t" + swap(":1,", ":5,") + "\n\n ",
		"event_ts beyond 2^53": swap(":1,", ":9007199254740993,"),
		"the last event_ts":    swap(":1,", ":9223372036854775807,"),
		"the first event_ts":   swap(":1,", ":-9223372036854775808,"),
	} {
		t.Run(name, func(t *testing.T) {
			got := r.post("/", body)
			if got.status != http.StatusOK || !sameJSON([]byte(got.body), []byte(strings.TrimPrefix(body, "\ufeff"))) {
				t.Fatal(got)
			}
			if raw := r.run("events", "show", identity(t, body), "--format", "raw"); raw.code != exitGood || raw.stdout != body {
				t.Errorf("stored as %q, sent as %q", raw.stdout, body)
			}
		})
	}
	readSnapshot(t, r.file()).check(t)
}

// An integer may be written 1.0 or 1e3: it is read as what it is.
func TestIntegersWithAPointOrAnExponent(t *testing.T) {
	r := startReceiver(t)
	for text, want := range map[string]int64{"17.0": 17, "1e3": 1000, "2.5E1": 25, "-0.0": 0,
		"9007199254740993.00": 9007199254740993} {
		body := strings.Replace(cnamBody(1, "X", "+12025550100"), `:1,`, `:`+text+`,`, 1)
		if got := r.post("/", body); got.status != http.StatusOK {
			t.Errorf("event_ts %s: %v", text, got)
		}
		l := readSnapshot(t, r.file())
		if last := l.events[len(l.events)-1]; last.ts != want || last.body != body {
			t.Errorf("event_ts %s was stored as %d", text, last.ts)
		}
	}
}

// What serve --dev prints can be pasted into a second terminal, and then the number has its value.
func TestThePrintedLineSendsADelivery(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.env = s.env[:len(s.env)-1] // no secret
	r := s.launch("--dev")
	r.awaitReady()
	info, err := os.Stat(filepath.Join(s.folder, devSecretFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret's file: %v, %v", info, err)
	}
	var line []string
	eventually(t, startTime, "the line is printed", func() bool {
		for text := range strings.Lines(r.out.String()) {
			if strings.HasPrefix(strings.TrimSpace(text), "numhook send ") {
				line = strings.Fields(text)
			}
		}
		return line != nil
	})
	if got := s.run(line[1:]...); got.code != exitGood || !strings.Contains(got.stdout, ": 200 OK in ") {
		t.Errorf("%v: %+v", line, got)
	}
	if got := s.run("numbers", "show", "+12025550143"); got.code != exitGood ||
		!strings.Contains(got.stdout, `cnam  "EXAMPLE DENTAL"`) {
		t.Errorf("numbers show: %+v", got)
	}
}
