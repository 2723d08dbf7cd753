package contract

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"numhook/server/event"
)

const (
	cnamEvent    = "number_management.peering_number_cnam_updated"
	addressEvent = "number_management.peering_number_emergency_address_updated"
)

// receiver is the contract of the product, as the program uses it.
func receiver(t testing.TB) (*openapi3.T, *Contract) {
	t.Helper()
	raw, err := os.ReadFile("../../spec/receiver.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(doc)
	if err != nil {
		t.Fatal(err)
	}
	return doc, c
}

func example(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile("../../spec/examples/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func cnamBody(object string) string {
	return `{"event":"` + cnamEvent + `","event_ts":1739927164902,"payload":{"account_id":"a","object":` + object + `}}`
}

func addressBody(address string) string {
	return `{"event":"` + addressEvent + `","event_ts":1739927164902,"payload":{"account_id":"a",` +
		`"object":{"carrier_code":1,"phone_numbers":["+12025550143"],"emergency_address":` + address + `}}}`
}

func TestExamplesAreClean(t *testing.T) {
	_, c := receiver(t)
	for _, name := range c.Events() {
		d := Parse(example(t, name))
		if r := c.Check(name, d, 0); all(r) != nil || r.Omitted != 0 {
			t.Errorf("%s: %q", name, all(r))
		}
		if !c.Clean(name, d) {
			t.Errorf("%s is not clean", name)
		}
	}
}

func TestLint(t *testing.T) {
	_, c := receiver(t)
	many := make([]string, 40)
	for i := range many {
		many[i] = fmt.Sprintf(`"+1202555%04d"`, i)
	}
	many[30], many[35] = `"\u002b12025550007"`, many[20]
	for _, one := range []struct {
		operation, body string
		want            []string
	}{
		{cnamEvent, cnamBody(`{"carrier_code":1,"phone_numbers":["+12025550143","12025550143","+02025550143","+1","+12",` +
			`"+123456789012345","+1234567890123456","+1 2",""],"cnam":"A"}`),
			[]string{"number-not-e164 /payload/object/phone_numbers/1", "number-not-e164 /payload/object/phone_numbers/2",
				"number-not-e164 /payload/object/phone_numbers/3",
				"number-not-e164 /payload/object/phone_numbers/6", "number-not-e164 /payload/object/phone_numbers/7",
				"number-not-e164 /payload/object/phone_numbers/8"}},
		{cnamEvent, cnamBody(`{"carrier_code":1,"phone_numbers":[],"cnam":""}`),
			[]string{"numbers-empty /payload/object/phone_numbers"}},
		{cnamEvent, cnamBody(`{"carrier_code":1,"phone_numbers":["+123","+124","+\u0031\u0032\u0033","+124"],"cnam":"A"}`),
			[]string{"number-repeated /payload/object/phone_numbers/2", "number-repeated /payload/object/phone_numbers/3"}},
		{cnamEvent, cnamBody(`{"carrier_code":1,"phone_numbers":[` + strings.Join(many, ",") + `],"cnam":"A"}`),
			[]string{"number-repeated /payload/object/phone_numbers/30", "number-repeated /payload/object/phone_numbers/35"}},
		{cnamEvent, cnamBody(`{"carrier_code":1,"phone_numbers":["+123"],"cnam":"ABCDEFGHIJKLMNO"}`), nil},
		{cnamEvent, cnamBody(`{"carrier_code":1,"phone_numbers":["+123"],"cnam":"ABCDEFGHIJKLMNOP"}`),
			[]string{"cnam-too-long /payload/object/cnam"}},
		{cnamEvent, cnamBody(`{"carrier_code":1,"phone_numbers":["+123"],"cnam":"ÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉ"}`),
			[]string{"cnam-not-ascii /payload/object/cnam"}},
		{cnamEvent, cnamBody(`{"carrier_code":1,"phone_numbers":["+123"],"cnam":"ABCDEFGHIJKLMN\u007f"}`),
			[]string{"cnam-not-ascii /payload/object/cnam"}},
		{cnamEvent, cnamBody(`{"carrier_code":1,"phone_numbers":["+123"],"cnam":"ABCDEFGHIJKLMNOPQRSTUVWX\u0009"}`),
			[]string{"cnam-not-ascii /payload/object/cnam", "cnam-too-long /payload/object/cnam"}},
		{cnamEvent, cnamBody(`{"carrier_code":1,"phone_numbers":["+123"]}`), []string{"value-absent /payload/object/cnam"}},
		{addressEvent, strings.ReplaceAll(cnamBody(`{"carrier_code":1,"phone_numbers":["+123"]}`), cnamEvent, addressEvent),
			[]string{"value-absent /payload/object/emergency_address"}},
		{addressEvent, addressBody(`{"address_line1":"","country":"us"}`),
			[]string{"address-line1-empty /payload/object/emergency_address/address_line1",
				"country-not-alpha2 /payload/object/emergency_address/country"}},
		{addressEvent, addressBody(`{"address_line1":"1","country":""}`), nil},
		{addressEvent, addressBody(`{"address_line1":"1","country":"UK"}`), nil},
		{addressEvent, addressBody(`{"address_line1":"1","country":"USA"}`),
			[]string{"country-not-alpha2 /payload/object/emergency_address/country"}},
		{addressEvent, addressBody(`{"address_line1":"1","country":"É"}`),
			[]string{"country-not-alpha2 /payload/object/emergency_address/country"}},
		{addressEvent, strings.Replace(addressBody(`{"address_line1":"1"}`), "1739927164902", "1739927164", 1),
			[]string{"event-ts-implausible /event_ts"}},
		{addressEvent, strings.Replace(addressBody(`{"address_line1":"1"}`), "1739927164902", "1262303999999", 1),
			[]string{"event-ts-implausible /event_ts"}},
		{addressEvent, strings.Replace(addressBody(`{"address_line1":"1"}`), "1739927164902", "1262304000000", 1), nil},
		{addressEvent, strings.Replace(addressBody(`{"address_line1":"1"}`), "1739927164902", "4133980799999", 1), nil},
		{addressEvent, strings.Replace(addressBody(`{"address_line1":"1"}`), "1739927164902", "41339808e5", 1),
			[]string{"event-ts-implausible /event_ts"}},
		{addressEvent, strings.Replace(addressBody(`{"address_line1":"1"}`), "1739927164902", "-1", 1),
			[]string{"event-ts-implausible /event_ts"}},
		{addressEvent, strings.Replace(addressBody(`{"address_line1":"1"}`), `"account_id":"a"`, `"account_id":""`, 1),
			[]string{"account-id-empty /payload/account_id"}},
		{addressEvent, "\xef\xbb\xbf" + addressBody(`{"address_line1":"1"}`), []string{"byte-order-mark"}},
	} {
		d := Parse([]byte(one.body))
		r := c.Check(one.operation, d, 0)
		if got := sorted(all(Result{Lint: r.Lint})); !slices.Equal(got, one.want) || len(r.Violations)+len(r.Drift) > 0 {
			t.Errorf("%s: %q, want %q", one.body, sorted(all(r)), one.want)
		}
		if clean := c.Clean(one.operation, d); clean != (one.want == nil) {
			t.Errorf("%s: clean is %v", one.body, clean)
		}
	}
}

// An event that is dated a day or more after its receipt is pointed out, where the receipt is known.
func TestLintOfWhatIsAhead(t *testing.T) {
	_, c := receiver(t)
	received := time.UnixMilli(1739927164902)
	ahead, implausible := "event-ts-ahead /event_ts", "event-ts-implausible /event_ts"
	for ts, want := range map[string][]string{
		"1739927164902":       nil,
		"1740013564901":       nil, // a day less a millisecond
		"1740013564902":       {ahead},
		"1740013564901.0":     nil,
		"1740013564902.0":     {ahead},
		"17400135649020e-1":   {ahead},
		"4133980799999":       {ahead},
		"1739927164902000":    {ahead, implausible}, // microseconds
		"9223372036854775807": {ahead, implausible},
		"1739927164":          {implausible}, // seconds
		"-1":                  {implausible},
	} {
		body := strings.Replace(addressBody(`{"address_line1":"1"}`), "1739927164902", ts, 1)
		v := c.Judge("/", received, Parse([]byte(body)), 0)
		if got := sorted(all(Result{Lint: v.Lint})); !slices.Equal(got, want) || v.Refused != "" {
			t.Errorf("%s: %q %s, want %q", ts, got, v.Refused, want)
		}
		d := Parse([]byte(body))
		c.Judge("/", received, d, 0)
		v = c.Judge("/", time.Time{}, d, 0) // the same document, held against the contract a second time
		if got := all(Result{Lint: v.Lint}); slices.Contains(got, ahead) {
			t.Errorf("%s, without a time of receipt: %q", ts, got)
		}
	}
}

// The event of a path is its last segment that is not empty, where the contract has that; segments are taken as they
// stand.
func TestEventOf(t *testing.T) {
	_, c := receiver(t)
	for path, want := range map[string]string{
		"": "", "/": "", "//": "", "/a": "", "/a/": "", cnamEvent: cnamEvent, "/" + cnamEvent: cnamEvent, "/" + cnamEvent +
			"//": cnamEvent,
		"//a//" + cnamEvent: cnamEvent, "/" + addressEvent + "/" + cnamEvent: cnamEvent, "/" + cnamEvent + "/..": "",
		"/" + cnamEvent + "/.": "",
		"/" + cnamEvent + "x":  "", "/x" + cnamEvent: "", "/" + cnamEvent + " ": "", "/" + strings.ToUpper(cnamEvent): "",
		"/" + cnamEvent + "/a": "",
	} {
		if got := c.EventOf(path); got != want {
			t.Errorf("EventOf(%q) is %q, want %q", path, got, want)
		}
	}
}

// The seed's own example, as the document prints it, is valid; all that can be said of it is lint.
func TestSeedExample(t *testing.T) {
	_, c := receiver(t)
	raw := `{"event":"","event_ts":1,"payload":{"account_id":"","object":{"emergency_address":{"country":"",` +
		`"address_line1":"","address_line2":"","city":"","zip":"","state_code":""},` +
		`"carrier_code":1,"phone_numbers":[]}}}`
	r := c.Check(addressEvent, Parse([]byte(raw)), 0)
	want := []string{"event-unknown /event", "event-ts-implausible /event_ts", "account-id-empty /payload/account_id",
		"address-line1-empty /payload/object/emergency_address/address_line1", "numbers-empty /payload/object/phone_numbers"}
	if got := all(r); !slices.Equal(got, want) || len(r.Lint) != len(want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, f := range r.Lint {
		if f.Kind != event.Lint || f.Line != 1 || f.Message == "" || f.Spec != "" {
			t.Errorf("finding %+v", f)
		}
	}
}

// Lint looks at no body but this product's, and at no member of another type.
func TestLintStaysAway(t *testing.T) {
	c := compiled(t, `true`)
	for _, raw := range []string{`[]`, `"x"`, `{}`, `{"payload":[]}`,
		`{"payload":{"object":[{"cnam":"ÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉ"}],"account_id":0}}`,
		`{"event":1,"event_ts":"1","payload":{"object":{"phone_numbers":{},"cnam":[],"emergency_address":"US"}}}`,
		`{"payload":{"object":{"phone_numbers":[1,1,null,null],"emergency_address":{"country":1,"address_line1":null}}}}`,
		`{"Payload":{"account_id":""},"EVENT_TS":1}`} {
		if got := all(c.Check("thing", Parse([]byte(raw)), 0)); got != nil {
			t.Errorf("%s: %q", raw, got)
		}
	}
}
