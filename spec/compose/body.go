package compose

import (
	"gopkg.in/yaml.v3"

	"numhook/spec/eventsdoc"
)

// claim takes the operation's name for the type of the event's body, before anything nested can have it.
func (w *webhook) claim(h *hoister, id string) {
	w.id, w.body = id, id
	w.schema = member(w.json(), "schema")
	w.content = canonical(w.schema)
	if w.named = deservesName(w.schema); w.named {
		w.body, _ = h.names.claim(id, w.content)
	}
}

// hoist makes one type of the event's body. A response that repeats the request's schema is of the same type, any other
// has one of its own.
func (w *webhook) hoist(h *hoister) {
	if w.named {
		h.move(w.schema, w.body)
	} else {
		h.hoistBelow(w.schema, w.body)
	}
	w.hoistContent(h, w.request, w.body+"Body")
	for status, response := range members(w.responses) {
		want := w.body + "ResponseBody"
		if status != "200" {
			want = w.body + goName(status) + "ResponseBody"
		}
		content := member(response, "content")
		w.hoistContent(h, content, want)
		for name, mediaType := range members(content) {
			if eventsdoc.IsJSON(name) {
				h.answerable(mediaType)
			}
		}
	}
}

func (w *webhook) hoistContent(h *hoister, content *yaml.Node, want string) {
	for _, mediaType := range members(content) {
		schema := member(mediaType, "schema")
		switch {
		case schema == nil || schema == w.schema:
		case canonical(schema) == w.content:
			*schema = *copyOf(w.schema)
		default:
			h.hoist(schema, want)
		}
	}
}
