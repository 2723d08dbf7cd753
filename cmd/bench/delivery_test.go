package bench

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"numhook/server/contract"
	"numhook/server/event"
	"numhook/server/signature"
	"numhook/spec"
)

const secret = "numhook-bench-secret"

// numbers is how many phone numbers the events speak of.
const numbers = 10_000

// deliveries is the stream that every competitor gets: the contract's example bodies in turn, each with an event_ts of
// its own and with numbers out of the 10,000. No two are equal in one run.
type deliveries struct {
	templates []template
	firstTS   int64
	next      atomic.Int64
}

// template is the example of one event, and where in it the digits stand that differ from delivery to delivery.
type template struct {
	name      string
	body      []byte
	ts        int // of the digits of event_ts
	numbers   []int
	attribute event.Attribute
	value     []byte // canonical
}

const (
	digitsOfTS     = 13
	digitsOfNumber = 4
)

var (
	tsPattern     = regexp.MustCompile(`"event_ts":(\d{13})[,}]`)
	numberPattern = regexp.MustCompile(`"\+1202555(\d{4})"`)
)

func newDeliveries(t testing.TB) *deliveries {
	d, err := makeDeliveries(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// makeDeliveries is a stream whose first delivery bears the time given, and each further one a millisecond more.
func makeDeliveries(first time.Time) (*deliveries, error) {
	d := &deliveries{firstTS: first.UnixMilli()}
	for _, name := range spec.Examples() {
		example, _ := spec.Example(name)
		var body bytes.Buffer
		if err := json.Compact(&body, example); err != nil {
			return nil, err
		}
		made := template{name: name, body: body.Bytes()}
		ts := tsPattern.FindSubmatchIndex(made.body)
		if ts == nil {
			return nil, fmt.Errorf("the example of %s has no event_ts of %d digits", name, digitsOfTS)
		}
		made.ts = ts[2]
		for _, number := range numberPattern.FindAllSubmatchIndex(made.body, -1) {
			made.numbers = append(made.numbers, number[2])
		}
		for _, attribute := range []event.Attribute{event.CNAM, event.EmergencyAddress} {
			if value, ok := contract.Parse(made.body).Canonical("payload", "object", string(attribute)); ok {
				made.attribute, made.value = attribute, value
			}
		}
		if len(made.numbers) == 0 || made.attribute == "" {
			return nil, fmt.Errorf("the example of %s changes no number", name)
		}
		d.templates = append(d.templates, made)
	}
	return d, nil
}

// fill writes the digits of the n-th delivery over those in a copy of the template's body.
func (d *deliveries) fill(body []byte, from *template, n int64) {
	digits(body[from.ts:from.ts+digitsOfTS], d.firstTS+n)
	const stride = 7919 // a prime, so that neighbors in time are no neighbors in the tables
	for i, at := range from.numbers {
		digits(body[at:at+digitsOfNumber], (n*stride+int64(i))%numbers)
	}
}

// digits writes v over the whole of into, with leading zeros.
func digits(into []byte, v int64) {
	for i := len(into) - 1; i >= 0; i-- {
		into[i] = byte('0' + v%10)
		v /= 10
	}
}

func (d *deliveries) template(n int64) *template { return &d.templates[n%int64(len(d.templates))] }

// event is the n-th delivery as the server would give it to a store.
func (d *deliveries) event(n int64) event.Event {
	from := d.template(n)
	body := bytes.Clone(from.body)
	d.fill(body, from, n)
	canonical, _ := contract.Parse(body).Canonical() // who hands on holds the identity against the body
	e := event.Event{
		ID: event.Identify(canonical), Name: from.name, TS: d.firstTS + n, AccountID: "Fq7cXl2sT5-nEJc3bVzP1w",
		CarrierCode: 3457,
		Attribute:   from.attribute, Value: from.value,
		Delivery: event.Delivery{Received: time.Now(), Path: "/" + from.name, Body: body, Header: event.Header{
			RequestID:  "b2a9e8f4-1d8c-4f6e-9f43-6a1d3f2c7b10",
			TrackingID: "v=2.0;clid=aw1;rid=WEB_4bf92f3577b34da6a3ce929d0e0e4736", Timestamp: "1764000000",
			Signature:   "v0=4bf1f053cae139d997322576b850785a7c5ba263d9c0dc582d505283b04e95d5",
			ContentType: "application/json; charset=utf-8", UserAgent: "Zoom Marketplace/1.0a",
			Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		}},
	}
	for _, at := range from.numbers {
		e.Numbers = append(e.Numbers, "+1202555"+string(body[at:at+digitsOfNumber]))
	}
	return e
}

var listPattern = regexp.MustCompile(`"phone_numbers":\[[^\]]*\]`)

// eventAbout is the n-th delivery as the server would give it to a store, had it been about these numbers.
func (d *deliveries) eventAbout(n int64, numbers []string) event.Event {
	e := d.event(n)
	e.Numbers = numbers
	e.Delivery.Body = listPattern.ReplaceAll(e.Delivery.Body, []byte(`"phone_numbers":["`+strings.Join(numbers, `","`)+
		`"]`))
	canonical, _ := contract.Parse(e.Delivery.Body).Canonical()
	e.ID = event.Identify(canonical)
	return e
}

// What is signed is the start, the timestamp, a colon and the body.
var signedStart, signedColon = []byte("v0:"), []byte(":")

// sender writes signed requests, each over the one before, without allocating. It belongs to one goroutine.
type sender struct {
	from     *deliveries
	requests []request // one for each template
	mac      hash.Hash
	sum      []byte
}

// request is a whole HTTP request, and where the parts stand that differ.
type request struct {
	raw                            []byte
	timestamp, sign, identity, rid []byte // within raw
	body                           []byte // the same
}

const head = "POST /%s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Zoom Marketplace/1.0a\r\nContent-Type: " +
	"application/json; charset=utf-8\r\n" +
	"X-Zm-Request-Timestamp: tttttttttt\r\nX-Zm-Signature: v0=%s\r\nX-Zm-Request-Id: " +
	"00000000-0000-4000-8000-iiiiiiiiiiii\r\n" +
	"X-Zm-Trackingid: v=2.0;clid=aw1;rid=WEB_00000000000000000000rrrrrrrrrrrr\r\n" +
	"Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nClientid: bench\r\nContent-Length: %d\r\n\r\n"

func newSender(from *deliveries) *sender {
	s := &sender{from: from, mac: hmac.New(sha256.New, []byte(secret)), sum: make([]byte, 0, sha256.Size)}
	for _, t := range from.templates {
		sign := bytes.Repeat([]byte("s"), hex.EncodedLen(sha256.Size))
		raw := fmt.Appendf(nil, head, t.name, sign, len(t.body))
		r := request{raw: append(raw, t.body...)}
		part := func(mark []byte) []byte {
			at := bytes.Index(r.raw, mark)
			return r.raw[at : at+len(mark)]
		}
		r.timestamp, r.sign = part([]byte("tttttttttt")), part(sign)
		r.identity, r.rid = part([]byte("iiiiiiiiiiii")), part([]byte("rrrrrrrrrrrr"))
		r.body = r.raw[len(raw):]
		s.requests = append(s.requests, r)
	}
	return s
}

// write makes the n-th delivery, signed at the time given. What it returns is valid until the next call.
func (s *sender) write(n int64, at time.Time) *request {
	r := &s.requests[n%int64(len(s.requests))]
	s.from.fill(r.body, s.from.template(n), n)
	digits(r.timestamp, at.Unix())
	digits(r.identity, n)
	digits(r.rid, n)
	s.mac.Reset()
	s.mac.Write(signedStart)
	s.mac.Write(r.timestamp)
	s.mac.Write(signedColon)
	s.mac.Write(r.body)
	s.sum = s.mac.Sum(s.sum[:0])
	hex.Encode(r.sign, s.sum)
	return r
}

func TestSenderSignsAsTheSenderDoes(t *testing.T) {
	d := newDeliveries(t)
	s := newSender(d)
	now := time.Now()
	seen := map[event.ID]bool{}
	for n := range int64(20) {
		r := s.write(n, now)
		if want := signature.Sign([]byte(secret), strconv.FormatInt(now.Unix(), 10), r.body); "v0="+string(r.sign) != want {
			t.Fatalf("delivery %d is signed %s, not %s", n, r.sign, want)
		}
		if made := d.event(n); !bytes.Equal(made.Delivery.Body, r.body) || made.TS != d.firstTS+n {
			t.Fatalf("delivery %d and event %d differ", n, n)
		}
		if err := contract.Agrees(d.event(n)); err != nil {
			t.Fatalf("event %d does not agree with its body: %v", n, err)
		}
		if err := contract.Agrees(d.eventAbout(n, []string{"+13120000000", "+13120000001"})); err != nil {
			t.Fatalf("event %d about other numbers does not agree with its body: %v", n, err)
		}
		seen[event.Identify(r.body)] = true
	}
	if len(seen) != 20 {
		t.Fatalf("%d different deliveries of 20", len(seen))
	}
	if allocs := testing.AllocsPerRun(100, func() { s.write(7, now) }); allocs != 0 {
		t.Errorf("%v allocations for a request", allocs)
	}
}
