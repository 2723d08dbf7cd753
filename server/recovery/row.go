package recovery

import (
	"encoding/json"
	"net/url"
	"strings"

	"numhook/gen/senderlog"
	"numhook/server/event"
)

// row is what a delivery needs of a row of the log.
type row struct {
	event    string
	delivery event.Delivery
}

// readRow reads a row, and is false for what is none. One member that is not what the document says costs no other. The
// body is the text as it stands: whether it is what was sent, byte for byte, nobody says, and its event's identity does
// not depend on it.
func readRow(raw []byte) (row, bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || members == nil {
		return row{}, false
	}
	var r senderlog.Row
	for name, into := range map[string]any{
		"event": &r.Event, "status": &r.Status, "endpoint": &r.Endpoint, "request_body": &r.RequestBody,
		"request_id": &r.RequestId,
	} {
		_ = json.Unmarshal(members[name], into) // what is not as documented is not there
	}
	body := []byte(valueOf(r.RequestBody))
	if object := members["request_body"]; len(object) > 0 && object[0] == '{' {
		body = object
	}
	name := valueOf(r.Event)
	if name == "" {
		name = named(body)
	}
	return row{event: name, delivery: event.Delivery{
		Path: pathOf(valueOf(r.Endpoint)), Body: body,
		Header: event.Header{
			RequestID: valueOf(r.RequestId), Origin: event.Origin{From: event.FromSenderLog, Status: valueOf(r.Status)},
		},
	}}, true
}

func valueOf[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// named is the event that a body names itself.
func named(body []byte) string {
	var sent struct {
		Event string `json:"event"`
	}
	_ = json.Unmarshal(body, &sent)
	return sent.Event
}

// pathOf is the path that a delivery was posted to.
func pathOf(endpoint string) string {
	if at, err := url.Parse(endpoint); err == nil && strings.HasPrefix(at.Path, "/") {
		return at.Path
	}
	return "/"
}

// cleaned is an identifier as a log may show it; anything else is left out.
func cleaned(id string) string {
	const longest = 128
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_.:", c)
	}
	if len(id) > longest || strings.TrimFunc(id, plain) != "" {
		return ""
	}
	return id
}
