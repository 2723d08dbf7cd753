package diff

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// anEvent is what a document says about one event.
type anEvent struct {
	name       string
	document   *Document
	at         cursor
	operations map[string]cursor // by method, in upper case
	beside     map[string]cursor // what else the path item holds
}

var methods = set("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")

// events are the document's events by name, wherever they stand.
func (d *Document) events() map[string]*anEvent {
	all := map[string]*anEvent{}
	for _, e := range d.named {
		at := d.root
		for token := range tokens(e.Pointer) {
			at = at.step(token)
		}
		d.addEvent(all, e.Name, at)
	}
	return all
}

// home is where an event would stand that the document does not have.
func (d *Document) home() cursor {
	if webhooks := d.root.member("webhooks"); webhooks.exists() {
		return webhooks.nothing()
	}
	return d.root.member("paths").nothing()
}

func (d *Document) addEvent(all map[string]*anEvent, name string, at cursor) {
	e := &anEvent{name: name, document: d, at: at, operations: map[string]cursor{}, beside: map[string]cursor{}}
	for keyword, value := range d.fields(at) {
		if methods[strings.ToLower(keyword)] {
			e.operations[strings.ToUpper(keyword)] = value
		} else {
			e.beside[keyword] = value
		}
	}
	if len(e.operations) > 0 {
		all[name] = e
	}
}

// body is the operation's request body as it is compared: its JSON schema.
func (e *anEvent) body() cursor {
	for _, method := range union(e.operations, e.operations) {
		operation := e.document.fields(e.operations[method])
		content := e.document.fields(operation["requestBody"])["content"]
		media := mediaTypes(e.document, content)[jsonMediaType]
		if schema := e.document.fields(media)["schema"]; schema.exists() {
			return schema
		}
	}
	return cursor{}
}

// examples are the bodies that the document shows.
func (e *anEvent) examples() []any {
	var all []any
	for _, method := range union(e.operations, e.operations) {
		operation := e.document.fields(e.operations[method])
		content := e.document.fields(operation["requestBody"])["content"]
		media := e.document.fields(mediaTypes(e.document, content)[jsonMediaType])
		if example := media["example"]; example.exists() {
			all = append(all, plainValue(example.node))
		}
		for _, at := range e.document.fields(media["examples"]) {
			if value := e.document.fields(at)["value"]; value.exists() {
				all = append(all, plainValue(value.node))
			}
		}
	}
	return all
}

// compareEvents finds which events came, went and changed.
func compareEvents(old, new *Document, v *validators) []Change {
	before, after := old.events(), new.events()
	var changes []Change
	var gone, come []*anEvent
	for _, name := range union(before, after) {
		a, b := before[name], after[name]
		switch {
		case b == nil:
			gone = append(gone, a)
		case a == nil:
			come = append(come, b)
		default:
			c := newComparer(old, new, name)
			c.compareEvent(a, b)
			c.seek(v, a.body(), b.body(), append(a.examples(), b.examples()...))
			changes = append(changes, c.changes...)
		}
	}
	renames := possibleRenames(gone, come)
	for _, e := range gone {
		c := newComparer(old, new, e.name)
		c.reportEvent("event-removed", e.at, new.home(), renames[e], "It may have become %s, whose body is the same.")
		changes = append(changes, c.changes...)
	}
	for _, e := range come {
		c := newComparer(old, new, e.name)
		c.reportEvent("event-added", old.home(), e.at, renames[e], "It may be %s under another name: the body is the same.")
		changes = append(changes, c.changes...)
	}
	return changes
}

func (c *comparer) reportEvent(id string, old, new cursor, counterpart *anEvent, hint string) {
	rule := ruleByID[id]
	message := rule.Means
	if counterpart != nil {
		message += " " + fmt.Sprintf(hint, quote(counterpart.name))
	}
	change := c.add(rule, old, new, message)
	if counterpart != nil {
		change.PossibleRename = counterpart.name
	}
}

// possibleRenames pairs events that vanished with events that came and have an equal body.
func possibleRenames(gone, come []*anEvent) map[*anEvent]*anEvent {
	counterparts := map[*anEvent]*anEvent{}
	if len(gone) == 0 || len(come) == 0 {
		return counterparts
	}
	waiting := map[string][]*anEvent{}
	for _, e := range come {
		if look := e.document.fingerprint(e.body(), e.name); look != "" {
			waiting[look] = append(waiting[look], e)
		}
	}
	for _, e := range gone {
		look := e.document.fingerprint(e.body(), e.name)
		if counterpart := waiting[look]; len(counterpart) > 0 {
			counterparts[e], counterparts[counterpart[0]] = counterpart[0], e
			waiting[look] = counterpart[1:]
		}
	}
	return counterparts
}

// compareEvent holds the operations of one event against each other.
func (c *comparer) compareEvent(a, b *anEvent) {
	for _, method := range union(a.operations, b.operations) {
		if old, new := a.operations[method], b.operations[method]; old.exists() && new.exists() {
			c.compareOperations(a, b, old, new)
		}
	}
	c.compareMethods(a, b)
	c.compareFields(a.beside, b.beside, a.at, b.at, func(keyword string, old, new cursor) bool {
		if keyword == "servers" {
			c.reportDifference("annotation-changed", old, new, keyword)
		}
		return keyword == "servers" || keyword == "parameters" // those are looked at with each operation's own
	})
}

// compareMethods reports methods that came and went. The receiver serves POST.
func (c *comparer) compareMethods(a, b *anEvent) {
	gone, come := without(a.operations, b.operations), without(b.operations, a.operations)
	if slices.Contains(gone, http.MethodPost) && len(come) > 0 {
		old, new := a.operations[http.MethodPost], b.operations[come[0]]
		c.report(scope{}, "method-changed", old, new, come[0])
		c.compareOperations(a, b, old, new)
		gone, come = slices.DeleteFunc(gone, func(method string) bool { return method == http.MethodPost }), come[1:]
	}
	for _, method := range gone {
		id := "method-removed"
		if method == http.MethodPost {
			id = "post-removed"
		}
		c.report(scope{}, id, a.operations[method], b.at.nothing(), method)
	}
	for _, method := range come {
		id := "method-added"
		if method == http.MethodPost {
			id = "post-added"
		}
		c.report(scope{}, id, a.at.nothing(), b.operations[method], method)
	}
}

// without is the methods that a has and b has not.
func without(a, b map[string]cursor) []string {
	return slices.DeleteFunc(union(a, a), func(method string) bool { return b[method].exists() })
}

// compareOperations holds two operations against each other.
func (c *comparer) compareOperations(a, b *anEvent, old, new cursor) {
	before, after := c.old.fields(old), c.new.fields(new)
	c.compareBodies(field(before, "requestBody", old), field(after, "requestBody", new))
	c.compareParameters(a, b, before["parameters"], after["parameters"], old, new)
	c.compareFields(before, after, old, new, func(keyword string, old, new cursor) bool {
		switch keyword {
		case "requestBody", "parameters":
		case "responses":
			c.compareResponses(old, new)
		case "operationId":
			c.reportDifference("operation-id-changed", old, new)
		case "deprecated":
			if old.node.isBool(true) != new.node.isBool(true) {
				c.report(scope{}, "deprecation-changed", old, new, show(old), show(new))
			}
		case "servers":
			c.reportDifference("annotation-changed", old, new, keyword)
		default:
			return false
		}
		return true
	})
}

// field is a member among fields, or nothing near the object that they are of.
func field(fields map[string]cursor, name string, of cursor) cursor {
	if at, known := fields[name]; known {
		return at
	}
	return of.nothing()
}

// compareFields goes through the members of two objects that are no schemas. What the rule does not take is an
// annotation, or has no rule.
func (c *comparer) compareFields(
	before, after map[string]cursor, old, new cursor, rule func(keyword string, old, new cursor) (taken bool),
) {
	for _, keyword := range union(before, after) {
		a, b := field(before, keyword, old), field(after, keyword, new)
		switch {
		case rule(keyword, a, b):
		case isAnnotation(keyword):
			c.reportDifference("annotation-changed", a, b, keyword)
		default:
			c.reportDifference("operation-changed", a, b, quote(keyword))
		}
	}
}

// compareResponses reports one change for each status.
func (c *comparer) compareResponses(old, new cursor) {
	before, after := c.old.fields(old), c.new.fields(new)
	for _, status := range union(before, after) {
		c.reportDifference("response-changed", field(before, status, old), field(after, status, new))
	}
}

// compareParameters matches the parameters by where they stand in a request and by name; those of the path item count
// for its operations.
func (c *comparer) compareParameters(a, b *anEvent, oldOwn, newOwn, old, new cursor) {
	before := parametersOf(c.old, a.beside["parameters"], oldOwn)
	after := parametersOf(c.new, b.beside["parameters"], newOwn)
	for _, key := range union(before, after) {
		c.reportDifference("parameter-changed", field(before, key, old), field(after, key, new), quote(key))
	}
}

func parametersOf(d *Document, lists ...cursor) map[string]cursor {
	all := map[string]cursor{}
	for _, list := range lists {
		for _, at := range list.items() {
			fields := d.fields(at)
			all[strings.Trim(show(fields["in"]), `"`)+" "+strings.Trim(show(fields["name"]), `"`)] = at
		}
	}
	return all
}
