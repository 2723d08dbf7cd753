package validation

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"numhook/server/contract"
	"numhook/server/event"
	"numhook/server/signature"
)

// rulePayloadAt is about an envelope that has no payload in it.
var rulePayloadAt = contract.Rule{
	ID: "payload-at", Kind: event.Violation,
	Text: "An envelope holds a payload: where --payload-at says, or in the body of an entry that numhook showed.",
}

// Envelope says where in a value its payload lies. With none given, envelopes that are well known are recognised by
// themselves: a row or a page of the sender's log, and what numhook shows of an event or of a quarantined delivery.
type Envelope struct {
	path  []string
	given bool
}

// At is an envelope with its payload at a pointer (RFC 6901). A "*" stands for every element and every member. The
// empty pointer is the value itself, whatever it looks like.
func At(pointer string) (Envelope, error) {
	if pointer == "" {
		return Envelope{given: true}, nil
	}
	if pointer[0] != '/' {
		return Envelope{}, errors.New(`it must be empty or begin with "/", such as /detail/body or /Records/*/body`)
	}
	path := strings.Split(pointer[1:], "/")
	for i, name := range path {
		path[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
	}
	return Envelope{path: path, given: true}, nil
}

// wrapped is a payload in an envelope.
type wrapped struct {
	contract.Part
	text []byte // of the payload
}

// in reports whether the value is an envelope, and what payloads are in it. text is what the document was parsed from.
func (e Envelope) in(d *contract.Document, text []byte) (list []wrapped, is bool) {
	parts := []contract.Part{}
	switch {
	case e.given && len(e.path) == 0:
		return nil, false
	case e.given:
		parts = d.Parts(e.path...)
		is = len(parts) > 0 || d.Strict() // what is no JSON is told of as such
	case maybeEnvelope(text):
		parts, is = known(d)
	}
	for _, part := range parts {
		one := wrapped{part, text[part.Start:part.End]}
		if part.IsText {
			one.text = []byte(part.Text)
		}
		list = append(list, one)
	}
	return list, is
}

// What well-known envelopes call the payload, and what else they have.
const (
	logBody   = "request_body"
	shownBody = "body"
	rawBody   = "body_base64" // of which body is the same when it is text
)

// maybeEnvelope spares nearly every value the closer look.
func maybeEnvelope(text []byte) bool {
	return bytes.Contains(text, []byte(logBody)) ||
		bytes.Contains(text, []byte(`"door"`)) && bytes.Contains(text, []byte(`"headers"`))
}

// known recognises envelopes. What has a member "payload" is taken for a payload whatever else it has.
func known(d *contract.Document) (parts []contract.Part, is bool) {
	if len(d.Parts("payload")) > 0 {
		return nil, false
	}
	for _, path := range [][]string{{logBody}, {"*", "*", logBody}} { // a row, and a page of them
		for _, part := range d.Parts(path...) {
			if part.IsText {
				parts = append(parts, part)
			}
		}
		if len(parts) > 0 {
			return parts, true
		}
	}
	if len(d.Parts("door")) == 0 || len(d.Parts("headers")) == 0 {
		return nil, false
	}
	if parts = d.Parts(shownBody); len(parts) > 0 && parts[0].IsText {
		return parts[:1], true
	}
	if parts = d.Parts(rawBody); len(parts) > 0 && parts[0].IsText {
		if raw, err := base64.StdEncoding.DecodeString(parts[0].Text); err == nil {
			parts[0].Text = string(raw)
			return parts[:1], true
		}
	}
	return nil, true
}

// isChallenge reports whether the payload is a recorded check of the address, which a receiver answers. It is of no
// event of any document.
func isChallenge(d *contract.Document) bool {
	if name, _ := d.EventName(); name != "endpoint.url_validation" || !d.Strict() {
		return false
	}
	token, _ := d.Text("payload", "plainToken")
	_, err := signature.Challenge(nil, token)
	return err == nil
}

// missing is what is wrong with an envelope without a payload.
func (e Envelope) missing() string {
	if !e.given {
		return "this is an entry of a list, which has no body: show --format json has it"
	}
	return "there is no payload where --payload-at says"
}

// inString says where within a string something is. The finding itself stands at the string.
func inString(f *Finding) string {
	return fmt.Sprintf("%s (line %d, column %d of the string)", f.Message, f.Line, f.Column)
}
