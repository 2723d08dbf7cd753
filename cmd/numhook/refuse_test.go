package main

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/signature"
)

const (
	oldSecret = "the-secret-before"
	newSecret = "the-secret-of-now"
)

// startRotating runs a receiver that knows two secrets.
func startRotating(t *testing.T) *receiver {
	t.Helper()
	s := newSite(t)
	s.env = append(s.env, "NUMHOOK_SECRETS="+newSecret+","+oldSecret)
	return s.start()
}

func TestForgeries(t *testing.T) {
	t.Parallel()
	r := startRotating(t)
	body := cnamBody(1, "X", "+12025550100")
	good := signed(newSecret, body)
	change := func(name string, to func(string) string) http.Header {
		return with(good.Clone(), name, to(good.Get(name)))
	}
	signedWith := func(timestamp string) http.Header {
		return with(with(good.Clone(), signature.HeaderTimestamp, timestamp), signature.HeaderSignature,
			signature.Sign([]byte(newSecret), timestamp, []byte(body)))
	}
	without := func(name string) http.Header {
		header := good.Clone()
		header.Del(name)
		return header
	}
	twice := good.Clone()
	twice.Add(signature.HeaderSignature, good.Get(signature.HeaderSignature))
	text, told := "", map[string]float64{}
	for name, c := range map[string]struct {
		header http.Header
		body   string
		reason string
	}{
		"no signature": {without(signature.HeaderSignature), body, "missing"},
		"no timestamp": {without(signature.HeaderTimestamp), body, "missing"},
		"other secret": {signed("somebody else's", body), body, "wrong"},
		"stale": {signedAt(newSecret, body, time.Now().Add(-signature.DefaultTolerance-2*time.Second)), body,
			"stale"},
		"from the future": {signedAt(newSecret, body, time.Now().Add(signature.DefaultTolerance+time.Minute)), body,
			"stale"},
		"timestamp not digits":  {signedWith("17x"), body, "malformed"},
		"timestamp signed":      {signedWith("+" + signature.Timestamp(time.Now())), body, "malformed"},
		"other script's digits": {signedWith("١٧٣٩٩٢٣٥٢٨"), body, "malformed"},
		"upper-case hex": {change(signature.HeaderSignature,
			func(s string) string { return "v0=" + strings.ToUpper(s[3:]) }), body, "malformed"},
		"truncated hex": {change(signature.HeaderSignature, func(s string) string { return s[:len(s)-1] }), body,
			"malformed"},
		"another scheme": {change(signature.HeaderSignature, func(s string) string { return "v1" + s[2:] }), body,
			"malformed"},
		"two signatures":         {twice, body, "malformed"},
		"body changed by a byte": {good, strings.Replace(body, "X", "Y", 1), "wrong"},
		"body with one more":     {good, body + " ", "wrong"},
		"unsigned and not JSON":  {http.Header{}, `{`, "missing"},
		"unsigned challenge":     {http.Header{}, challengeOf("abc"), "missing"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "upper-case hex" && strings.ToUpper(c.header.Get(signature.HeaderSignature)[3:]) == strings.ToLower(
				c.header.Get(signature.HeaderSignature)[3:]) {
				t.Skip("a signature of digits alone has no case")
			}
			got := r.postWith("/", c.body, c.header)
			got.problem(t, http.StatusUnauthorized, "unsigned")
			if text == "" {
				text = got.body
			}
			if got.body != text {
				t.Errorf("the answer tells how it failed: %s and %s", got.body, text)
			}
			told[c.reason]++
			eventually(t, endTime, "it is counted as "+c.reason, func() bool {
				return r.metrics()[`numhook_unsigned_total{reason="`+c.reason+`"}`] == told[c.reason]
			})
		})
	}
	for reason := range told { // of some, the log leaves lines out
		eventually(t, endTime, "the log says "+reason, func() bool {
			return strings.Contains(r.log.String(), `"reason":"`+reason+`"`)
		})
	}
	// A minute more or less: the timestamps were made before the first delivery, and the machine may be busy.
	for _, entry := range r.log.deliveries() {
		if off, there := entry["offset_s"].(float64); there != (entry["reason"] == "stale") || there &&
			(off < -362 || off > -301) && (off < 300 || off > 361) {
			t.Errorf("by how much it is off: %v", entry)
		}
	}
	if l := readSnapshot(t, r.file()); len(l.events)+len(l.held) != 0 {
		t.Errorf("%d events and %d quarantine entries were kept, want none", len(l.events), len(l.held))
	}
	for i, secret := range []string{newSecret, oldSecret} {
		body := cnamBody(int64(i), "X", "+12025550100")
		if got := r.postWith("/", body, signed(secret, body)); got.status != http.StatusOK {
			t.Errorf("secret %d: %v", i, got)
		}
	}
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.env = append(s.env, "NUMHOOK_SECRETS=zoomwebhooksecret,"+oldSecret)
	r := s.start()
	const token = "Kn5a3Wv7SP6YP5b4BWfZpg" // the sender's published vector
	body := challengeOf(token)
	got := r.postWith("/", body, signed("zoomwebhooksecret", body))
	want := `{"plainToken":"` + token +
		`","encryptedToken":"2a41c3138d2187a756c51428f78d192e9b88dcf44dd62d1b081ace4ec2241e0a"}`
	if got.status != http.StatusOK || !sameJSON([]byte(got.body), []byte(want)) ||
		got.header.Get("Content-Type") != "application/json" {
		t.Errorf("the vector: %v", got)
	}
	other, _ := signature.Challenge([]byte(oldSecret), token)
	if got := r.postWith("/"+cnamEvent, body, signed(oldSecret, body)); got.status != http.StatusOK ||
		!strings.Contains(got.body, other) {
		t.Errorf("signed with the old secret: %v, want it answered with that, too", got)
	}
	for _, token := range []string{"v0:1:{}", strings.Repeat("a", 200), strings.Repeat("a", 129), "", "a b", "a+b", "ä"} {
		body := challengeOf(token)
		r.postWith("/", body, signed("zoomwebhooksecret", body)).problem(t, http.StatusBadRequest, "bad_challenge")
		r.postWith("/", body, http.Header{}).problem(t, http.StatusUnauthorized, "unsigned")
	}
	for _, odd := range []string{`{"event":"endpoint.url_validation"}`, `{"event":"endpoint.url_validation",` +
		`"payload":{"plainToken":5}}`} {
		r.postWith("/", odd, signed(oldSecret, odd)).problem(t, http.StatusBadRequest, "bad_challenge")
	}
	if l := readSnapshot(t, r.file()); len(l.events)+len(l.held) != 0 {
		t.Errorf("%d events and %d quarantine entries were kept, want none", len(l.events), len(l.held))
	}
}

// badBody is a signed body that is refused, and where the problem document must point.
type badBody struct {
	body    string
	status  int
	kind    event.Kind
	pointer string
}

func badBodies(t *testing.T) map[string]badBody {
	good := addressBody(1, "X", "+12025550100")
	swap := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%s is not in %s", old, good)
		}
		return strings.Replace(good, old, new, 1)
	}
	malformed := func(body, pointer string) badBody {
		return badBody{body, http.StatusBadRequest, event.Malformed, pointer}
	}
	invalid := func(body, pointer string) badBody {
		return badBody{body, http.StatusBadRequest, event.Invalid, pointer}
	}
	const object, list = "/payload/object", `["+12025550100"]`
	return map[string]badBody{
		"empty":                    malformed("", ""),
		"truncated":                malformed(good[:len(good)-1], ""),
		"two values":               malformed(good+good, ""),
		"duplicate member":         malformed(swap(`"event_ts":1`, `"event_ts":1,"event_ts":2`), "/event_ts"),
		"duplicate with an escape": malformed(swap(`"event_ts":1`, `"event_ts":1,"event\u005fts":2`), "/event_ts"),
		"another case":             malformed(swap(`"payload":`, `"Payload":{"account_id":"x"},"payload":`), "/payload"),
		"another case deep inside": malformed(swap(`"carrier_code":`, `"Carrier_Code":1,"carrier_code":`),
			object+"/carrier_code"),
		"invalid UTF-8":  malformed(swap(`"X"`, "\"\xff\""), object+"/emergency_address/address_line1"),
		"lone surrogate": malformed(swap(`"X"`, `"\ud800"`), object+"/emergency_address/address_line1"),
		"depth 10,000":   malformed(strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000), ""),
		"depth 10,000 in a member": malformed(swap(`"X"`, strings.Repeat(`{"a":`, 10_000)+"1"+strings.Repeat("}", 10_000)),
			""),
		"not an object":            invalid(`[]`, ""),
		"carrier_code 2^31":        invalid(swap("8801", "2147483648"), object+"/carrier_code"),
		"carrier_code below -2^31": invalid(swap("8801", "-2147483649"), object+"/carrier_code"),
		"carrier_code 1.5":         invalid(swap("8801", "1.5"), object+"/carrier_code"),
		"carrier_code a string":    invalid(swap("8801", `"3457"`), object+"/carrier_code"),
		"event_ts 1e400":           invalid(swap(`"event_ts":1`, `"event_ts":1e400`), "/event_ts"),
		"event_ts 2^63":            invalid(swap(`"event_ts":1`, `"event_ts":9223372036854775808`), "/event_ts"),
		"event_ts a string":        invalid(swap(`"event_ts":1`, `"event_ts":"1"`), "/event_ts"),
		"phone_numbers of numbers": invalid(swap(list, `["+12025550100",12025550100]`), object+"/phone_numbers/1"),
		"phone_numbers a string":   invalid(swap(list, `"+12025550100"`), object+"/phone_numbers"),
		"null for event":           invalid(swap(`"`+addressEvent+`"`, "null"), "/event"),
		"null for event_ts":        invalid(swap(`"event_ts":1`, `"event_ts":null`), "/event_ts"),
		"null for payload":         invalid(`{"event":"`+addressEvent+`","event_ts":1,"payload":null}`, "/payload"),
		"null for account_id":      invalid(swap(`"acct-1"`, "null"), "/payload/account_id"),
		"null for object": invalid(`{"event":"`+addressEvent+`","event_ts":1,"payload":{"account_id":"a",`+
			`"object":null}}`, object),
		"null for carrier_code":   invalid(swap("8801", "null"), object+"/carrier_code"),
		"null for phone_numbers":  invalid(swap(list, "null"), object+"/phone_numbers"),
		"null for address_line1":  invalid(swap(`"X"`, "null"), object+"/emergency_address/address_line1"),
		"no address_line1":        invalid(swap(`"address_line1":"X"`, ""), object+"/emergency_address/address_line1"),
		"no event_ts":             invalid(swap(`"event_ts":1,`, ""), "/event_ts"),
		"payload in another case": invalid(swap(`"payload":`, `"PAYLOAD":`), "/payload"),
		"unknown event": {swap(addressEvent, "phone.number_created"), http.StatusNotFound, event.UnknownEvent,
			""},
		"another event of the door": {swap(addressEvent, ""), http.StatusNotFound, event.UnknownEvent, ""},
	}
}

// A signed delivery that is refused is kept byte for byte, and the problem document says where it breaks the contract,
// without what stands there.
func TestBadBodiesAreRefusedAndKept(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	kept := 0
	for name, c := range badBodies(t) {
		t.Run(name, func(t *testing.T) {
			for again := range 2 { // a second time it is the same entry
				problem := r.post("/", c.body).problem(t, c.status, string(c.kind))
				kept = max(kept, int(problem.Quarantine))
				if c.status == http.StatusBadRequest && !points(problem, c.pointer) {
					t.Errorf("violations %+v, want one at %q", problem.Violations, c.pointer)
				}
				if again == 0 {
					continue
				}
				var shown quarantineShown
				r.read(&shown, "quarantine", "show", strconv.FormatInt(problem.Quarantine, 10))
				if shown.Reason != c.kind || shown.Times != 2 || shown.State != event.Held || shown.Header.Signature == "" ||
					shown.Path != "/" {
					t.Errorf("quarantine show: %+v", shown)
				}
				if c.status == http.StatusBadRequest && len(shown.Violations) == 0 {
					t.Error("the entry does not say why")
				}
				if string(shown.Base64) != c.body {
					t.Errorf("kept as %q, sent as %q", shown.Base64, c.body)
				}
			}
		})
	}
	l := readSnapshot(t, r.file())
	if len(l.events) != 0 || len(l.held) != len(badBodies(t)) || kept != len(l.held) {
		t.Errorf("%d events, %d entries up to %d, want none and %d", len(l.events), len(l.held), kept, len(badBodies(t)))
	}
}

func points(problem problemDocument, pointer string) bool {
	for _, v := range problem.Violations {
		if v.Pointer == pointer || pointer == "" {
			return v.Rule != "" && v.Message != ""
		}
	}
	return false
}

func TestUnknownMembersAreDriftAndStay(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	body := strings.Replace(addressBody(1, "1 Main St", "+12025550100"), `"address_line1"`,
		`"county":"Cook","address_line1"`, 1)
	body = strings.Replace(body, `{"event"`, `{"Extra":[1.50],"event"`, 1)
	if got := r.post("/", body); got.status != http.StatusOK || !sameJSON([]byte(got.body), []byte(body)) {
		t.Fatal(got)
	}
	var shown []eventShown
	r.read(&shown, "events", "list")
	var pointers []string
	for _, f := range shown[0].Drift {
		pointers = append(pointers, f.Pointer)
	}
	if got := strings.Join(pointers, " "); got != "/Extra /payload/object/emergency_address/county" {
		t.Errorf("drift at %s", got)
	}
	if !sameJSON(shown[0].Value, []byte(`{"address_line1":"1 Main St","county":"Cook"}`)) {
		t.Errorf("the value is %s", shown[0].Value)
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	r := startReceiver(t, "--max-body", "16KiB")
	exactly := func(size int) string {
		body := cnamBody(1, "X", "+12025550100")
		return body + strings.Repeat(" ", size-len(body))
	}
	r.post("/", exactly(16<<10+1)).problem(t, http.StatusRequestEntityTooLarge, "too_large")
	if got := r.post("/", exactly(16<<10)); got.status != http.StatusOK {
		t.Error(got)
	}
	chunked, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url,
		struct{ *strings.Reader }{strings.NewReader(exactly(1 << 20))})
	if err != nil {
		t.Fatal(err)
	}
	chunked.Header = signed(testSecret, exactly(1<<20))
	if got, err := r.do(chunked); err != nil || got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("without a length: %v, %v", got, err)
	}
	if l := readSnapshot(t, r.file()); len(l.events) != 1 || len(l.held) != 0 {
		t.Errorf("%d events and %d entries were kept", len(l.events), len(l.held))
	}
}
