package diff

import (
	"strings"

	"numhook/spec/eventsdoc"
)

// said is something without a meaning, as both published forms of a document name it: by the event and the way from
// there.
type said struct{ event, way, text string }

// meaningless is what the document says without a meaning.
func (d *Document) meaningless() map[said]eventsdoc.Warning {
	found := map[said]eventsdoc.Warning{}
	for _, w := range d.warnings {
		if w.Weight == eventsdoc.Reading {
			continue // it is compared as what it is read as
		}
		s := said{way: w.Pointer, text: w.Text}
		for _, e := range d.named {
			if rest, within := strings.CutPrefix(w.Pointer, e.Pointer+"/"); within {
				s.event, s.way = e.Name, strings.ToLower(rest)
			}
		}
		found[s] = w
	}
	return found
}

// compareMeaningless reports what came to say nothing, and what no longer does. The documents are compared as if it
// were not there; but it may have been meant to ask for something, and then nobody can tell what comes.
func compareMeaningless(old, new *Document) []Change {
	var changes []Change
	before, after := old.meaningless(), new.meaningless()
	report := func(s said, w eventsdoc.Warning, id string, a, b cursor) {
		what := w.Text
		if w.Weight == eventsdoc.Words {
			id, what = "annotation-changed", lastToken(w.Pointer)
		}
		c := newComparer(old, new, s.event)
		c.report(scope{}, id, a, b, what)
		changes = append(changes, c.changes...)
	}
	for s, w := range after {
		if _, known := before[s]; !known {
			report(s, w, "meaningless-added", old.root.nothing(), formerPlace(w))
		}
	}
	for s, w := range before {
		if _, known := after[s]; !known {
			report(s, w, "meaningless-removed", formerPlace(w), new.root.nothing())
		}
	}
	return changes
}

// formerPlace is where something stood that was taken out of the document.
func formerPlace(w eventsdoc.Warning) cursor {
	return cursor{node: &node{kind: null}, pointer: w.Pointer, at: position{w.Line, w.Column}}
}
