package validation

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"numhook/spec/eventsdoc"
)

// origins leads back from positions in a composed document to positions in the document that it was made of. Composing
// moves nested schemas among the components and gives them names; here the way to a component is gone from the event's
// body on, and that way exists in the sender's document, too.
type origins struct {
	sent, composed any
	posts          map[string]string // event -> its operation in the sender's document
	// event -> component -> the way to it from the event's body, without references
	ways  map[string]map[string]string
	found map[[2]string]string
}

const componentPrefix = "/components/schemas/"

func newOrigins(sent *eventsdoc.Document, composed []byte) *origins {
	o := &origins{sent: eventsdoc.Value(sent.Root), posts: map[string]string{}, ways: map[string]map[string]string{},
		found: map[[2]string]string{}}
	if json.Unmarshal(composed, &o.composed) != nil {
		return nil // it has been read as JSON before
	}
	for _, e := range sent.Events {
		o.posts[e.Name] = sent.PostOf(e)
	}
	return o
}

// of is the position in the sender's document, or the innermost one around it that there is: what the repairs added the
// sender does not have.
func (o *origins) of(event, pointer string) string {
	key := [2]string{event, pointer}
	if position, ok := o.found[key]; ok {
		return position
	}
	position := o.trace(event, pointer)
	o.found[key] = position
	return position
}

func (o *origins) trace(event, pointer string) string {
	body := "/paths/" + escapeToken("/"+event) + "/post"
	if rest, ok := strings.CutPrefix(pointer, body); ok {
		return deepest(o.sent, o.posts[event]+rest)
	}
	rest, ok := strings.CutPrefix(pointer, componentPrefix)
	if !ok {
		return pointer
	}
	component, rest, _ := strings.Cut(rest, "/")
	way, ok := o.waysOf(event)[component]
	if !ok {
		return deepest(o.sent, pointer)
	}
	return deepest(o.sent, o.posts[event]+strings.TrimSuffix(way+"/"+rest, "/"))
}

// waysOf finds the shortest way from the event's operation to each component that its request body leads to.
func (o *origins) waysOf(event string) map[string]string {
	if ways, ok := o.ways[event]; ok {
		return ways
	}
	ways := map[string]string{}
	o.ways[event] = ways
	type step struct {
		node any
		way  string
	}
	body, _ := child(o.composed, "paths", "/"+event, "post", "requestBody")
	queue := []step{{body, "/requestBody"}}
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		switch node := next.node.(type) {
		case map[string]any:
			if component, ok := componentOf(node); ok {
				if _, been := ways[component]; !been {
					ways[component] = next.way
					schema, _ := child(o.composed, "components", "schemas", component)
					queue = append(queue, step{schema, next.way})
				}
			}
			for _, name := range slices.Sorted(maps.Keys(node)) {
				queue = append(queue, step{node[name], next.way + "/" + escapeToken(name)})
			}
		case []any:
			for i, element := range node {
				queue = append(queue, step{element, next.way + "/" + strconv.Itoa(i)})
			}
		}
	}
	return ways
}

func componentOf(node map[string]any) (string, bool) {
	reference, _ := node["$ref"].(string)
	component, ok := strings.CutPrefix(reference, "#"+componentPrefix)
	return unescapeToken(component), ok
}

// child follows member names.
func child(node any, names ...string) (any, bool) {
	for _, name := range names {
		object, ok := node.(map[string]any)
		if !ok {
			return nil, false
		}
		if node, ok = object[name]; !ok {
			return nil, false
		}
	}
	return node, true
}

// maxReferences is how many references a way may follow, should they go round in a circle.
const maxReferences = 100

// deepest follows the pointer through the document, and references on its way, as far as they lead.
func deepest(document any, pointer string) string {
	tokens := strings.Split(pointer, "/")[1:]
	node, position := document, ""
	for references := 0; ; {
		object, isObject := node.(map[string]any)
		if reference, ok := object["$ref"].(string); ok && strings.HasPrefix(reference, "#/") && references < maxReferences {
			references++
			if target, ok := child(document, unescapeAll(reference[2:])...); ok {
				node, position = target, reference[1:]
				continue
			}
		}
		if len(tokens) == 0 {
			return position
		}
		var ok bool
		if elements, isArray := node.([]any); isArray {
			index, err := strconv.Atoi(tokens[0])
			if ok = err == nil && index >= 0 && index < len(elements); ok {
				node = elements[index]
			}
		} else if isObject {
			node, ok = object[unescapeToken(tokens[0])]
		}
		if !ok {
			return position
		}
		position += "/" + tokens[0]
		tokens = tokens[1:]
	}
}

func unescapeAll(pointer string) []string {
	tokens := strings.Split(pointer, "/")
	for i := range tokens {
		tokens[i] = unescapeToken(tokens[i])
	}
	return tokens
}

func escapeToken(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }

func unescapeToken(token string) string {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
}
