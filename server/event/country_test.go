package event

import (
	"encoding/json"
	"testing"
)

// FuzzPlainCountry: where the short way gives an answer, it is that of a decoder.
func FuzzPlainCountry(f *testing.F) {
	for _, seed := range []string{
		`{"address_line1":"1","country":"US","zip":"95113"}`, `{"country":"US"}`, `{"country":"US","country":"CA"}`,
		`{"a":"b"}`, `{}`, `{"country":"US"`,
		`{"country":"US"}}`, `{"country":"US",}`, `{"country":"US"} `, `{"country": "US"}`, `{"country":"\u0055S"}`,
		`{"countr\u0079":"US"}`, `{"country":"U\xff"}`,
		`{"country":"U\x01"}`, `{"a":1,"country":"US"}`, `{"a":{"country":"US"}}`, `{"country":null}`, `{"country":""}`,
		`{,"country":"US"}`, `{"":"","country":"US"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		country, ok := plainCountry(value)
		if !ok {
			return
		}
		var members map[string]string
		if err := json.Unmarshal(value, &members); err != nil {
			t.Fatalf("the short way takes %q, which is no object of texts: %v", value, err)
		}
		if country != members["country"] {
			t.Errorf("country of %q: %q, want %q", value, country, members["country"])
		}
	})
}

func TestPlainCountry(t *testing.T) {
	if country, ok := plainCountry([]byte(`{"address_line1":"1","country":"US","zip":"95113"}`)); country != "US" || !ok {
		t.Errorf("an ordinary address does not go the short way: %q, %v", country, ok)
	}
}
