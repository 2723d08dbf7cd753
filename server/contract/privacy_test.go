package contract

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// No message quotes a value of the body, or the name of a member that the contract does not know, whatever is wrong
// with it.
func TestMessagesTellNoValue(t *testing.T) {
	const secret, digits = "Sentinel", "987654321"
	var doc struct{ Schema, Components json.RawMessage }
	raw, err := os.ReadFile("testdata/rich/keywords.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	rich, err := New(document(t, string(doc.Schema), string(doc.Components)))
	if err != nil {
		t.Fatal(err)
	}
	_, c := receiver(t)
	messages := 0
	look := func(about string, r Result) {
		for _, f := range append(append(r.Violations, r.Drift...), r.Lint...) {
			messages++
			if text := strings.ToLower(f.Message); strings.Contains(text, strings.ToLower(secret)) ||
				strings.Contains(text, digits) {
				t.Errorf("%s: %s", about, f.Message)
			}
		}
	}
	bodies := []string{
		`{"event":"SENTINEL","event_ts":987654321,"Sentinel":987654321,"payload":{"account_id":987654321,` +
			`"Sentinel":"Sentinel","object":{"carrier_code":987654321987654321,` +
			`"phone_numbers":["Sentinel","Sentinel",987654321],"cnam":"Sentinel Sentinel Sentinel\u00e9",` +
			`"emergency_address":{"address_line1":"","country":"Sentinel","Sentinel":0}}}}`,
		`{"kind":"Sentinel","fixed":"Sentinel","pair":[987654321,"Sentinel",1],"tree":{"v":"Sentinel","Sentinel":1},` +
			`"either":"Sentinel","both":{"a":"Sentinel"},"never":"Sentinel",` +
			`"data":"Sentinel!","price":987654321.001,"code":987654321987,"n_x":987654321,"x_list":["Sentinel","Sentinel"],` +
			`"Sentinel":987654321,"SENTINEL":[]}`,
	}
	for _, body := range bodies {
		for cut := range len(body) {
			text := []byte(body[:cut])
			look(body[:cut], Result{Violations: Parse(text).Malformed()})
			text = append(append(append([]byte(nil), body[:cut]...), 0xff), body[cut:]...)
			look(string(text), Result{Violations: Parse(text).Malformed()})
		}
		d := Parse([]byte(body))
		look(body, rich.Check("thing", d, 0))
		for _, name := range c.Events() {
			look(body, c.Check(name, d, 0))
		}
	}
	if messages < 1000 {
		t.Errorf("only %d messages were looked at", messages)
	}
}
