package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/signature"
)

func TestForgeries(t *testing.T) {
	r := newReceiver(t)
	body := cnam("1", "X", "+13125550100")
	good := r.headers(newSecret, body)
	with := func(change func(http.Header)) http.Header {
		h := good.Clone()
		change(h)
		return h
	}
	at := func(when time.Time) http.Header {
		timestamp := signature.Timestamp(when)
		return with(func(h http.Header) {
			h.Set(signature.HeaderTimestamp, timestamp)
			h.Set(signature.HeaderSignature, signature.Sign([]byte(newSecret), timestamp, []byte(body)))
		})
	}
	var texts []string
	for name, c := range map[string]struct {
		header http.Header
		body   string
		reason string
	}{
		"no signature": {with(func(h http.Header) { h.Del(signature.HeaderSignature) }), body, "missing"},
		"no timestamp": {with(func(h http.Header) { h.Del(signature.HeaderTimestamp) }), body, "missing"},
		"other secret": {r.headers("somebody else's", body), body, "wrong"},
		"stale":        {at(r.now.Add(-5*time.Minute - time.Second)), body, "stale"},
		"future":       {at(r.now.Add(5*time.Minute + time.Second)), body, "stale"},
		"timestamp with a letter": {with(func(h http.Header) {
			h.Set(signature.HeaderTimestamp, "17x")
			h.Set(signature.HeaderSignature, signature.Sign([]byte(newSecret), "17x", []byte(body)))
		}), body, "malformed"},
		"upper-case hex": {with(func(h http.Header) {
			h.Set(signature.HeaderSignature, "v0="+strings.ToUpper(strings.TrimPrefix(h.Get(signature.HeaderSignature), "v0=")))
		}), body, "malformed"},
		"truncated hex": {with(func(h http.Header) {
			h.Set(signature.HeaderSignature, h.Get(signature.HeaderSignature)[:66])
		}), body, "malformed"},
		"two signatures": {
			with(func(h http.Header) { h.Add(signature.HeaderSignature, h.Get(signature.HeaderSignature)) }), body, "malformed"},
		"body changed by a byte": {good, strings.Replace(body, "X", "Y", 1), "wrong"},
		"unsigned challenge": {http.Header{}, `{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}`,
			"missing"},
		"unsigned and not JSON":   {http.Header{}, `{`, "missing"},
		"unsigned, unknown event": {http.Header{}, `{"event":"nobody.knows"}`, "missing"},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.postWith("/", c.body, c.header)
			if got.status != http.StatusUnauthorized {
				t.Fatalf("%d %s", got.status, got.body)
			}
			if problem := got.problem(t); problem.Type != "urn:numhook:problem:unsigned" {
				t.Errorf("problem %+v", problem)
			}
			texts = append(texts, got.body)
			if last := r.awaitLine(); last["reason"] != c.reason || last["kind"] != "unsigned" {
				t.Errorf("the log does not say %s: %v", c.reason, last)
			}
			if !got.closes {
				t.Errorf("the connection stays: %v", got.header)
			}
		})
	}
	for _, text := range texts {
		if text != texts[0] {
			t.Errorf("the 401s differ: %s and %s", texts[0], text)
		}
	}
	r.nothingKept()
	if got := r.postWith("/", body, r.headers(oldSecret, body)); got.status != 200 {
		t.Errorf("the second secret: %d %s", got.status, got.body)
	}
}

func TestChallenge(t *testing.T) {
	r := newReceiver(t)
	body := func(token string) string {
		return `{"payload":{"plainToken":` + token + `},"event_ts":1654503849680,"event":"endpoint.url_validation"}`
	}
	for _, secret := range []string{newSecret, oldSecret} {
		want, _ := signature.Challenge([]byte(secret), "qgg8vlvZRS6UYooatFL8Aw")
		got := r.postWith("/", body(`"qgg8vlvZRS6UYooatFL8Aw"`), r.headers(secret, body(`"qgg8vlvZRS6UYooatFL8Aw"`)))
		if got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		sameJSON(t, got.body, `{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"`+want+`"}`)
	}
	for _, token := range []string{`"v0:1:{}"`, `"` + strings.Repeat("a", 200) + `"`, `""`, `5`, `null`, `"a b"`,
		`{"a":1}`} {
		got := r.post("/", body(token))
		if got.status != 400 || got.problem(t).Type != "urn:numhook:problem:bad_challenge" ||
			strings.Contains(got.body, "encryptedToken") {
			t.Errorf("token %s: %d %s", token, got.status, got.body)
		}
		if got := r.postWith("/", body(token), http.Header{}); got.status != 401 {
			t.Errorf("unsigned token %s: %d", token, got.status)
		}
	}
	r.nothingKept()
}

func TestBadBodiesAreRefusedAndKept(t *testing.T) {
	good := cnam("1", "X", "+13125550100")
	swap := func(from, to string) string {
		if !strings.Contains(good, from) {
			t.Fatalf("%s is not in the body", from)
		}
		return strings.Replace(good, from, to, 1)
	}
	for name, c := range map[string]struct {
		body    string
		status  int
		reason  event.Kind
		pointer string
	}{
		"empty":            {"", 400, event.Malformed, ""},
		"truncated":        {good[:len(good)-1], 400, event.Malformed, ""},
		"two values":       {good + good, 400, event.Malformed, ""},
		"duplicate member": {swap(`"event_ts":1`, `"event_ts":1,"event_ts":2`), 400, event.Malformed, "/event_ts"},
		"escaped duplicate": {swap(`"event_ts":1`, `"event_ts":1,"event\u005fts":2`), 400, event.Malformed,
			"/event_ts"},
		"another case": {swap(`"payload":`, `"Payload":{"account_id":"evil"},"payload":`), 400, event.Malformed,
			"/payload"},
		"another case after":    {good[:len(good)-1] + `,"Payload":{}}`, 400, event.Malformed, "/*"},
		"invalid UTF-8":         {swap("X", "\xff"), 400, event.Malformed, ""},
		"lone surrogate":        {swap("X", `\ud800`), 400, event.Malformed, ""},
		"depth 10,000":          {strings.Repeat("[", 10000) + strings.Repeat("]", 10000), 400, event.Malformed, ""},
		"not an object":         {`[]`, 400, event.Invalid, ""},
		"carrier_code 2^31":     {swap("3457", "2147483648"), 400, event.Invalid, "/payload/object/carrier_code"},
		"carrier_code 1.5":      {swap("3457", "1.5"), 400, event.Invalid, "/payload/object/carrier_code"},
		"carrier_code a string": {swap("3457", `"3457"`), 400, event.Invalid, "/payload/object/carrier_code"},
		"event_ts 1e400":        {swap(`"event_ts":1`, `"event_ts":1e400`), 400, event.Invalid, "/event_ts"},
		"event_ts 2^63":         {swap(`"event_ts":1`, `"event_ts":9223372036854775808`), 400, event.Invalid, "/event_ts"},
		"numbers of numbers": {swap(`["+13125550100"]`, `[13125550100]`), 400, event.Invalid,
			"/payload/object/phone_numbers/0"},
		"event null":    {swap(`"`+cnamEvent+`"`, "null"), 400, event.Invalid, "/event"},
		"event absent":  {swap(`"event":"`+cnamEvent+`",`, ""), 400, event.Invalid, "/event"},
		"event_ts null": {swap(`"event_ts":1`, `"event_ts":null`), 400, event.Invalid, "/event_ts"},
		"payload null": {`{"event":"` + cnamEvent + `","event_ts":1,"payload":null}`, 400, event.Invalid,
			"/payload"},
		"account_id null": {swap(`"acct"`, "null"), 400, event.Invalid, "/payload/account_id"},
		"object null": {`{"event":"` + cnamEvent + `","event_ts":1,"payload":{"account_id":"a","object":null}}`,
			400, event.Invalid, "/payload/object"},
		"carrier_code null":       {swap("3457", "null"), 400, event.Invalid, "/payload/object/carrier_code"},
		"phone_numbers null":      {swap(`["+13125550100"]`, "null"), 400, event.Invalid, "/payload/object/phone_numbers"},
		"cnam null":               {swap(`"X"`, "null"), 400, event.Invalid, "/payload/object/cnam"},
		"event_ts missing":        {swap(`"event_ts":1,`, ""), 400, event.Invalid, "/event_ts"},
		"payload in other case":   {swap(`"payload":`, `"PAYLOAD":`), 400, event.Invalid, "/payload"},
		"unknown event":           {`{"event":"phone.number_created"}`, 404, event.UnknownEvent, ""},
		"empty event at the root": {swap(cnamEvent, ""), 404, event.UnknownEvent, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t)
			got := r.post("/", c.body)
			if got.status != c.status {
				t.Fatalf("%d %s", got.status, got.body)
			}
			problem := got.problem(t)
			if problem.Type != "urn:numhook:problem:"+string(c.reason) {
				t.Errorf("problem %+v", problem)
			}
			if c.status == 400 && !hasPointer(problem.Violations, c.pointer) {
				t.Errorf("violations %+v, want one at %q", problem.Violations, c.pointer)
			}
			if strings.Contains(got.body, "13125550100") || strings.Contains(got.body, "acct") {
				t.Errorf("the answer holds personal data: %s", got.body)
			}
			entries := r.quarantined()
			if len(entries) != 1 || entries[0].ID != problem.Quarantine || entries[0].Reason != c.reason {
				t.Fatalf("quarantine %+v, problem %+v", entries, problem)
			}
			entry, err := r.store.QuarantineEntry(t.Context(), problem.Quarantine)
			if err != nil || string(entry.Delivery.Body) != c.body || entry.Delivery.Header.RequestID != "req-1" {
				t.Errorf("entry %+v, %v", entry, err)
			}
			if len(r.events()) != 0 {
				t.Error("an event was stored")
			}
		})
	}
}

func hasPointer(violations []violation, pointer string) bool {
	for _, v := range violations {
		if v.Pointer == pointer || pointer == "" {
			return v.Rule != "" && v.Message != ""
		}
	}
	return false
}

func TestAPathAndABodyThatDisagree(t *testing.T) {
	r := newReceiver(t)
	if got := r.post("/"+addressEvent, cnam("1", "X", "+13125550100")); got.status != 400 ||
		!hasPointer(got.problem(t).Violations, "/event") {
		t.Errorf("another event of the contract: %d %s", got.status, got.body)
	}
	if got := r.post("/"+cnamEvent, strings.Replace(cnam("1", "X", "+13125550100"), cnamEvent, "nobody.knows",
		1)); got.status != 200 {
		t.Errorf("no event of the contract: %d %s", got.status, got.body)
	}
	if entries := r.quarantined(); len(entries) != 1 {
		t.Errorf("%d quarantine entries, want 1", len(entries))
	}
}

func TestMethodAndSize(t *testing.T) {
	r := newReceiver(t)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete,
		http.MethodOptions} {
		request, _ := http.NewRequestWithContext(t.Context(), method, r.url+"/", http.NoBody)
		if got := r.do(request); got.status != 405 || got.header.Get("Allow") != "POST" {
			t.Errorf("%s: %d", method, got.status)
		}
	}
	large := cnam("1", strings.Repeat("x", 1<<20), "+13125550100")
	if got := r.post("/", large); got.status != 413 {
		t.Errorf("too large: %d %s", got.status, got.body)
	}
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/",
		struct{ *strings.Reader }{strings.NewReader(large)})
	request.Header = r.headers(newSecret, large) // without a length
	if got := r.do(request); got.status != 413 {
		t.Errorf("too large without a length: %d %s", got.status, got.body)
	}
	r.nothingKept()
	pad := cnam("1", "X", "+13125550100")
	pad += strings.Repeat(" ", 1<<20-len(pad))
	if got := r.post("/", pad); got.status != 200 {
		t.Errorf("just small enough: %d %s", got.status, got.body)
	}
}

// A violation names no member that the sender made up: such a name can be anything.
func TestPointersHideUnknownNames(t *testing.T) {
	r := newReceiver(t)
	body := strings.Replace(cnam("1", "X", "+13125550100"), `"event_ts":1`, `"event_ts":1,"+13125550199":{"a":1,"a":2}`, 1)
	got := r.post("/", body)
	if got.status != 400 || strings.Contains(got.body, "5550199") || !hasPointer(got.problem(t).Violations, "/*/*") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if entry := r.quarantined()[0]; len(entry.Violations) != 1 || entry.Violations[0].Pointer != "/+13125550199/a" {
		t.Errorf("the store does not know the true pointer: %+v", entry.Violations)
	}
}
