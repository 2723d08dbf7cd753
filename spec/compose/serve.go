package compose

import (
	"fmt"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// methods are the members of a path item that are operations.
var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// webhook is one event of the document on its way to an operation of the receiver.
type webhook struct {
	event     string
	item      *yaml.Node
	operation *yaml.Node
	request   *yaml.Node // content of the request body
	responses *yaml.Node

	id      string     // the operation's, also the name of its method
	schema  *yaml.Node // of the body, where the request has it
	content string     // the schema's canonical JSON before anything was hoisted out of it
	named   bool       // whether it becomes a type of its own
	body    string     // the name of that type, and the beginning of the names of all within
}

func (w *webhook) pointer(names ...string) string {
	return pointerTo("/webhooks", append([]string{w.event}, names...)...)
}

// webhooks reads every entry of the document's webhooks and refuses what cannot be served.
func webhooks(doc *yaml.Node) ([]*webhook, error) {
	var found []*webhook
	for event, item := range members(member(doc, "webhooks")) {
		if strings.HasPrefix(event, "x-") {
			continue
		}
		w := &webhook{event: event, item: item}
		if err := w.read(); err != nil {
			return nil, err
		}
		found = append(found, w)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("it has no webhooks")
	}
	return found, nil
}

func (w *webhook) read() error {
	if err := servable(w.event); err != nil {
		return fmt.Errorf("cannot serve %s as a path: %w", w.pointer(), err)
	}
	for _, method := range methods {
		if method != "post" && member(w.item, method) != nil {
			return fmt.Errorf("cannot serve %s: a webhook is served as POST, and nothing else", w.pointer(method))
		}
	}
	w.operation = member(w.item, "post")
	if !isMapping(w.operation) {
		return fmt.Errorf("cannot serve %s: it has no operation \"post\"", w.pointer())
	}
	if err := w.readRequest(); err != nil {
		return err
	}
	return w.readResponses()
}

// servable tells whether an event's name can be one segment of a URL's path, for every router, as it stands.
func servable(event string) error {
	if event == "" || event == "." || event == ".." {
		return fmt.Errorf("%q is not a name", event)
	}
	for _, r := range event {
		if strings.ContainsRune(`/?#{}:*%\`, r) || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return fmt.Errorf("its name has the character %q", r)
		}
	}
	return nil
}

// readRequest finds the body's content; it may be missing.
func (w *webhook) readRequest() error {
	body := member(w.operation, "requestBody")
	w.request = member(body, "content")
	switch {
	case body != nil && !isMapping(body):
		return w.notAnObject("requestBody")
	case w.request == nil || isMapping(w.request) && len(w.request.Content) == 0:
		return nil
	case !isMapping(w.request):
		return w.notAnObject("requestBody", "content")
	case w.json() == nil:
		return fmt.Errorf("cannot serve %s: none of its content types is JSON", w.pointer("post", "requestBody", "content"))
	}
	return nil
}

func (w *webhook) readResponses() error {
	w.responses = member(w.operation, "responses")
	if w.responses != nil && !isMapping(w.responses) {
		return w.notAnObject("responses")
	}
	for status, response := range members(w.responses) {
		if !isMapping(response) && !strings.HasPrefix(status, "x-") {
			return w.notAnObject("responses", status)
		}
	}
	return nil
}

func (w *webhook) notAnObject(names ...string) error {
	return fmt.Errorf("cannot read %s: it is not an object", w.pointer(append([]string{"post"}, names...)...))
}

// json is the first media type of the request's content that is JSON.
func (w *webhook) json() *yaml.Node {
	for name, mediaType := range members(w.request) {
		if isJSON(name) && isMapping(mediaType) {
			return mediaType
		}
	}
	return nil
}

func isJSON(mediaType string) bool {
	base, _, _ := strings.Cut(mediaType, ";") // the parameters may be malformed, and are no matter here
	base = strings.ToLower(strings.TrimSpace(base))
	return base == "application/json" || strings.HasSuffix(base, "+json")
}

// fill adds what OpenAPI demands and neither the sender nor the overlay gave, and takes away what is settled outside
// the document: how the sender proves who it is, and where it posts to.
func (w *webhook) fill() {
	drop(w.item, "servers")
	drop(w.operation, "security", "servers", "callbacks")
	if w.json() == nil { // an event whose body is not described may be any JSON
		body := member(w.operation, "requestBody")
		if body == nil {
			body = mapping("required", scalar("!!bool", "true"))
			set(w.operation, "requestBody", body)
		}
		w.request = mapping("application/json", mapping("schema", mapping()))
		set(body, "content", w.request)
	}
	if member(w.json(), "schema") == nil {
		set(w.json(), "schema", mapping())
	}
	if w.responses == nil || len(w.responses.Content) == 0 {
		w.responses = mapping("200", mapping())
		set(w.operation, "responses", w.responses)
	}
	for status, response := range members(w.responses) {
		if strings.HasPrefix(status, "x-") {
			continue
		}
		if member(response, "description") == nil {
			set(response, "description", text("The event is stored."))
		}
		drop(response, "links")
	}
}
