package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"unicode"
	"unicode/utf8"

	"numhook/cmd/numhook/validation"
	"numhook/server/event"
)

// forged is what a text puts at the beginning of a line when it has its way.
const forged = "FORGED"

// hostileTexts try to steer whatever shows them.
func hostileTexts() []string {
	controls := func(first, last rune) string {
		var all strings.Builder
		for r := first; r <= last; r++ {
			all.WriteRune(r)
		}
		return all.String()
	}
	return []string{
		controls(0, 0x1f), controls(0x7f, 0x9f), "\x1b]0;title\a\x1b[2J\x1b[1;1H", "\u009b2J\u009d0;title\u009c",
		"a\b\b\b\x7f", "\r" + forged,
		"\n" + forged, "\r\n" + forged + "\n", "\v\f\u0085" + forged, "\u2028" + forged + "\u2029" + forged, "a\tb\tc\td",
		"\u202a\u202b\u202c\u202d\u202egnp.exe", "\u2066\u2067\u2068\u2069", "\u200e\u200f\u061c",
		"\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e\U000e0041\u3164",
		"::set-output name=a::b", "\n::set-output name=a::b", "%0A::error::a", " ::add-mask::a", "##[add-mask]a",
		"##vso[task.setvariable variable=a]b",
		`\u001b[2J`, strings.Repeat("9", 5000),
	}
}

// expectHarmless fails when something in the text would act on a terminal or in the log of a CI job, or begins a line
// of its own.
func expectHarmless(t *testing.T, what, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%.200s: not UTF-8: %.300q", what, text)
	}
	for _, r := range text {
		if r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			t.Errorf("%.200q: %U is shown raw: %.300q", what, r, text)
			return
		}
	}
	for line := range strings.Lines(text) {
		start := strings.TrimSpace(line)
		command := strings.HasPrefix(start, "::set-output") || strings.HasPrefix(start, "::add-mask") ||
			strings.Contains(line, "##[") || strings.Contains(line, "##vso[")
		if command || strings.HasPrefix(line, forged) {
			t.Errorf("%.200q: a forged line: %.300q", what, line)
		}
	}
}

// hostileBodies are deliveries with the text in every member.
func hostileBodies(t *testing.T, ts int64, text string) (accepted, refused []string) {
	t.Helper()
	encode := func(value any) string {
		body, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	type object map[string]any
	body := func(name, eventTS, member, value any) string {
		return encode(object{"event": name, "event_ts": eventTS, text: 1, "payload": object{"account_id": text,
			"object": object{
				"carrier_code": 3457, "phone_numbers": []string{text, text + "2"}, member.(string): value, text: text,
			}}})
	}
	address := object{text: text}
	for _, member := range []string{"address_line1", "address_line2", "city", "state_code", "zip", "country"} {
		address[member] = text
	}
	accepted = []string{body(cnamEvent, ts, "cnam", text), body(addressEvent, ts+1, "emergency_address", address)}
	refused = []string{body(text, ts, "cnam", text), body(cnamEvent, text, "cnam", text), body(cnamEvent, ts, "cnam", 5),
		text, "\xff\x9b2J" + text}
	return accepted, refused
}

// hostileSite is a receiver that was sent every text in every place.
func hostileSite(t *testing.T) *receiver {
	t.Helper()
	r := startReceiver(t)
	s, err := openOperator(t.Context(), "sqlite:"+r.file())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, mode := range map[string]event.Mode{"crm": event.Latest, "audit": event.Every} {
		if _, err := s.Register(t.Context(), event.Downstream{Name: name, Mode: mode, Start: event.FromNow}); err != nil {
			t.Fatal(err)
		}
	}
	for i, text := range hostileTexts() {
		accepted, refused := hostileBodies(t, int64(1700000000000+10*i), text)
		for _, body := range accepted {
			header := signed(testSecret, body)
			header.Set("User-Agent", "\u009b2J\u202e\xff")
			header.Set("Traceparent", "::set-output name=a::b")
			if got := r.postWith("/", body, header); got.status != 200 {
				t.Fatalf("%q: %v", text, got)
			}
		}
		for _, body := range refused {
			if got := r.post("/", body); got.status < 400 || got.status >= 500 {
				t.Fatalf("%q: %v", text, got)
			}
		}
		if got := r.post("/"+url.PathEscape(text[:min(len(text), 100)]), fmt.Sprintf(`{"event":%q,"event_ts":"no"}`,
			cnamEvent)); got.status >= 500 {
			t.Fatalf("a path with %q: %v", text, got)
		}
	}
	attempts, _, err := s.Claim(t.Context(), "audit", page)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range attempts {
		result := event.Result{Row: a.Row, Claim: a.Claim, Seq: a.Seq, Verdict: event.Refused}
		result.Reason = hostileTexts()[i%len(hostileTexts())]
		if _, err := s.Record(t.Context(), result); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Pause(t.Context(), "crm", strings.Join(hostileTexts()[1:], "")[:1000]); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestWhatWasReceivedCannotSteerATerminal runs every verb that shows what is stored over a store full of hostile texts.
func TestWhatWasReceivedCannotSteerATerminal(t *testing.T) {
	t.Parallel()
	r := hostileSite(t)
	expectHarmless(t, "the log", r.log.String())
	shown := 0
	show := func(code int, args ...string) ending {
		got := r.run(args...)
		if got.code != code {
			t.Errorf("numhook %.300q ends with code %d: %.300s", args, got.code, got.stderr)
		}
		expectHarmless(t, fmt.Sprint(args), got.stdout)
		expectHarmless(t, fmt.Sprint(args), got.stderr)
		shown++
		return got
	}
	// rows holds a table against the JSON of the same verb: so many rows, and a heading.
	rows := func(into any, count func() int, args ...string) {
		text := show(exitGood, args...)
		if err := json.Unmarshal([]byte(show(exitGood, append(args, "--format", "json")...).stdout), into); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		lines := strings.Split(strings.TrimSuffix(text.stdout, "\n"), "\n")
		if len(lines) != count()+1 || count() == 0 {
			t.Errorf("%v: %d lines for %d rows", args, len(lines), count())
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > 600 {
				t.Errorf("%v: a line of %d characters", args, n)
			}
		}
	}
	var numbers []struct {
		Number string
		Values []json.RawMessage
	}
	rows(&numbers, func() (n int) {
		for _, one := range numbers {
			n += len(one.Values)
		}
		return n
	}, "numbers", "list", "--limit", "0")
	var events []eventShown
	rows(&events, func() int { return len(events) }, "events", "list", "--limit", "0")
	var held []quarantineShown
	rows(&held, func() int { return len(held) }, "quarantine", "list", "--all", "--limit", "0")
	var outbox []deliveryRow
	rows(&outbox, func() int { return len(outbox) }, "deliveries", "list", "--state", "all",
		"--limit", "0")
	var downstreams []downstreamShown
	rows(&downstreams, func() int { return len(downstreams) }, "downstreams", "status")
	var again []replayShown
	rows(&again, func() int { return len(again) }, "replay", "--all", "--dry-run")

	texts := hostileTexts()
	if len(events) != 2*len(texts) || len(numbers) != 2*len(texts) {
		t.Fatalf("%d events, %d numbers of %d texts", len(events), len(numbers), len(texts))
	}
	for i, e := range events {
		if e.AccountID != texts[i/2] { // the escapes are the same value
			t.Errorf("event %d: the account is %q, want %q", i, e.AccountID, texts[i/2])
		}
	}
	const some = 5 // JSON of one is as that of the list: some are enough
	for step, format := range map[int]string{1: "text", some: "json"} {
		for i := 0; i < len(events); i += step {
			show(exitGood, "events", "show", events[i].ID.String(), "--format", format)
		}
		for i := 0; i < len(held); i += step {
			show(exitGood, "quarantine", "show", strconv.FormatInt(held[i].ID, 10), "--format", format)
		}
		for i := 0; i < len(outbox); i += some {
			show(exitGood, "deliveries", "show", strconv.FormatInt(outbox[i].ID, 10), "--format", format)
		}
		for i := 1; i < len(texts); i += step { // no argument can hold the first one's NUL
			text := texts[i]
			show(exitGood, "numbers", "show", "--format", format, "--history", "--", text)
			show(exitNo, "numbers", "show", "--format", format, "--", text+"3")
			show(exitGood, "replay", "--dry-run", "--format", format, "--number", text)
			show(exitGood, "deliveries", "list", "--format", format, "--number", text)
		}
		show(exitGood, "downstreams", "status", "crm", "--format", format)
		show(exitNo, "quarantine", "redrive", "--dry-run", "--format", format)
		show(exitGood, "spec", "rehearse", documentPath(t), "--format", format)
	}
	t.Logf("%d outputs", shown)
	if raw := r.run("events", "show", events[0].ID.String(), "--format", "raw"); !strings.Contains(raw.stdout, `\u0000`) {
		t.Errorf("the raw body is %q", raw.stdout)
	}
}

// TestWhatIsTypedCannotSteerATerminal makes every kind of error quote a hostile argument.
func TestWhatIsTypedCannotSteerATerminal(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	all := strings.Join(hostileTexts()[1:], "")
	for _, name := range []string{"::set-output name=a::b", "\n" + all[:100], " ::add-mask::a\r\n" + forged,
		all[len(all)-200-5000 : len(all)-4990]} {
		name := strings.ToValidUTF8(name, "\xff")
		for _, args := range [][]string{
			{name}, {"numbers", name}, {"--" + name}, {"numbers", "list", "--format", name},
			{"numbers", "list", "--store", "sqlite:" + name},
			{"numbers", "list", "--store", name}, {"numbers", "list", "--store", "postgres://" + name},
			{"numbers", "list", "--limit", name},
			{"numbers", "show", "1", "--as-of", name}, {"events", "show", "--", name}, {"quarantine", "show", "--", name},
			{"quarantine", "redrive", "--", name},
			{"deliveries", "show", "--", name}, {"deliveries", "retry", "--", name}, {"send", "--", name},
			{"send", "--print", "--url", name, "peering_number_cnam_updated"},
			{"send", "--url", name, "peering_number_cnam_updated"},
			{"send", "--secret-file", name, "peering_number_cnam_updated"}, {"send", "--", name + ".ndjson"},
			{"validate", "--", name}, {"validate", "--spec", name, "x"}, {"validate", "--baseline", name, "x"},
			{"config", "check", "--config", name},
			{"spec", "diff", "--", name, name}, {"spec", "diff", "--", "HEAD:" + name, name}, {"spec", "rehearse", "--", name},
			{"replay", "--since", name},
			{"serve", "--listen", name}, {"serve", "--config", name}, {"serve", "--tls-cert", name, "--tls-key", name},
			{"completion", name},
		} {
			got := s.run(args...)
			if got.code == exitGood {
				t.Errorf("numhook %.200q is good", args)
			}
			expectHarmless(t, fmt.Sprint(args), got.stdout)
			expectHarmless(t, fmt.Sprint(args), got.stderr)
		}
	}
}

// documentPath is where the sender's document lies.
func documentPath(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../spec/number-management.json")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestWhatFilesAndAnswersSayCannotSteerATerminal has hostile names of files, hostile files, and a receiver that
// answers so.
func TestWhatFilesAndAnswersSayCannotSteerATerminal(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	check := func(code int, args ...string) ending {
		t.Helper()
		got := s.run(args...)
		if got.code != code {
			t.Errorf("numhook %.200q ends with code %d: %.300s%.300s", args, got.code, got.stdout, got.stderr)
		}
		expectHarmless(t, fmt.Sprint(args), got.stdout)
		expectHarmless(t, fmt.Sprint(args), got.stderr)
		return got
	}
	write := func(name, text string) string {
		t.Helper()
		if err := os.WriteFile(filepath.Join(s.folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	original, err := os.ReadFile(documentPath(t))
	if err != nil {
		t.Fatal(err)
	}
	write("old.json", string(original))
	var answer atomic.Value // a string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, answer.Load().(string))
	}))
	defer server.Close()
	for i, text := range hostileTexts() {
		accepted, refused := hostileBodies(t, 1, text)
		named := strings.NewReplacer("\x00", "", "/", "").Replace(text)
		name := write(fmt.Sprintf("%s%d.json", named[:min(len(named), 150)], i), "["+accepted[0]+",\n"+refused[1]+",\n"+
			accepted[1]+","+text)
		for _, format := range validation.Formats() {
			got := check(exitNo, "validate", "--format", format, "--", name)
			if format != "github" {
				continue
			}
			lines := strings.Split(strings.TrimSuffix(got.stdout, "\n"), "\n")
			for _, line := range lines[:len(lines)-1] {
				if !strings.HasPrefix(line, "::error file=") && !strings.HasPrefix(line, "::warning file=") {
					t.Errorf("%q: no command of ours: %.200q", text, line)
				}
			}
		}
		for _, format := range []string{"text", "json"} {
			quoted, _ := json.Marshal(text) // it is YAML, too
			check(exitNo, "config", "check", "--format", format, "--config", write("a.yaml", fmt.Sprintf(
				"downstreams:\n  - name: %[1]s\n    url: %[1]s\n    %[1]s: %[1]s\n    mode: %[1]s\n    events: [%[1]s]\n", quoted)))
			check(exitNo, "config", "check", "--format", format, "--config", write("b.yaml", text+": &\n"))
		}
		quoted, _ := json.Marshal(text)
		write("new.json", strings.Replace(string(original), `"cnam": {`, string(quoted)+`: {"type": "object", "enum": [`+
			string(quoted)+`]}, "cnam": {`, 1))
		for _, format := range []string{"text", "json", "markdown", "github"} {
			if got := s.run("spec", "diff", "new.json", "old.json", "--format", format); len(got.stdout) < 20 &&
				format != "json" {
				t.Errorf("spec diff of %q: %+v", text, got)
			} else {
				// our own, which keeps Markdown from mentioning people
				expectHarmless(t, "spec diff "+format, strings.ReplaceAll(got.stdout, "@\u200b", "@"))
			}
		}
		write("payload.json", accepted[0])
		for _, format := range []string{"text", "json"} {
			check(exitNo, "spec", "rehearse", "--format", format, "--", "new.json", "payload.json")
		}
		answer.Store(text)
		check(exitGood, "send", "--url", server.URL, "peering_number_cnam_updated")
	}
}
