package compose

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"numhook/spec/eventsdoc"
)

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

// servable are the events of the document that can be served, and a warning for each of the others, and for each
// operation that is none of POST.
func servable(read *eventsdoc.Document) (served []string, warnings []eventsdoc.Warning) {
	for _, e := range read.Events {
		warn := func(format string, args ...any) {
			warnings = append(warnings, eventsdoc.Warning{
				Pointer: e.Pointer, Line: e.Key.Line, Column: e.Key.Column, Text: fmt.Sprintf(format, args...),
			})
		}
		if err := pathSegment(e.Name); err != nil {
			warn("%q cannot be served as a path: %s", e.Name, err)
			continue
		}
		operations := read.Operations(e.Item)
		if operations[http.MethodPost] == nil {
			warn("%q is not served: it has no operation POST", e.Name)
			continue
		}
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			if method != http.MethodPost {
				warn("%s of %q is not served: an event is served as POST, and nothing else", method, e.Name)
			}
		}
		served = append(served, e.Name)
	}
	return served, warnings
}

// pathSegment tells whether an event's name can be one segment of a URL's path, for every router, as it stands.
func pathSegment(event string) error {
	if event == "" || event == "." || event == ".." {
		return errors.New("it is not a name")
	}
	for _, r := range event {
		if strings.ContainsRune(`/?#{}:*%\`, r) || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return fmt.Errorf("its name has the character %q", r)
		}
	}
	return nil
}

// webhooks makes an operation of every event that is served.
func webhooks(doc *yaml.Node, served []string) ([]*webhook, error) {
	var found []*webhook
	for event, item := range members(member(doc, "webhooks")) {
		if !slices.Contains(served, event) {
			continue
		}
		w := &webhook{event: event, item: item, operation: member(item, "post")}
		if !isMapping(w.operation) {
			return nil, fmt.Errorf("%s has no operation \"post\"", pointerTo("/webhooks", event))
		}
		for name := range members(item) {
			if name != "post" && name != "summary" && name != "description" && name != "parameters" &&
				!strings.HasPrefix(name, "x-") {
				drop(item, name)
			}
		}
		w.request = member(member(w.operation, "requestBody"), "content")
		w.responses = member(w.operation, "responses")
		found = append(found, w)
	}
	if len(found) == 0 {
		return nil, errors.New("it has no webhooks")
	}
	return found, nil
}

// json is the first media type of the request's content that is JSON.
func (w *webhook) json() *yaml.Node {
	for name, mediaType := range members(w.request) {
		if eventsdoc.IsJSON(name) && isMapping(mediaType) {
			return mediaType
		}
	}
	return nil
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
