package event

import (
	"bytes"
	"encoding/json"
)

// Country is the country that a value names: the text of the member "country" of an emergency address. It is empty
// where none is named.
func Country(attribute Attribute, value json.RawMessage) string {
	if attribute != EmergencyAddress {
		return ""
	}
	if country, ok := plainCountry(value); ok {
		return country
	}
	var members map[string]json.RawMessage // a struct would take a member COUNTRY, too
	var country string
	if json.Unmarshal(value, &members) != nil || json.Unmarshal(members["country"], &country) != nil {
		return ""
	}
	return country
}

// plainCountry is Country for what nearly every address is: an object of texts in printable ASCII, without escapes and
// without white space. It reports false for anything else. Every event passes here, and a decoder would cost as much as
// all the rest of its way to the store.
func plainCountry(value []byte) (country string, ok bool) {
	rest, ok := bytes.CutPrefix(value, []byte("{"))
	for ok {
		var name, text []byte
		if name, rest, ok = plainText(rest); !ok {
			return "", false
		}
		if rest, ok = bytes.CutPrefix(rest, []byte(":")); !ok {
			return "", false
		}
		if text, rest, ok = plainText(rest); !ok {
			return "", false
		}
		if string(name) == "country" {
			country = string(text) // of several the last, as for a decoder
		}
		if string(rest) == "}" {
			return country, true
		}
		rest, ok = bytes.CutPrefix(rest, []byte(","))
	}
	return "", false
}

// plainText takes a text in quotation marks off what is given.
func plainText(from []byte) (text, rest []byte, ok bool) {
	if len(from) == 0 || from[0] != '"' {
		return nil, nil, false
	}
	for i, b := range from[1:] {
		switch {
		case b == '"':
			return from[1 : 1+i], from[2+i:], true
		case b < ' ' || b > '~' || b == '\\':
			return nil, nil, false
		}
	}
	return nil, nil, false
}
