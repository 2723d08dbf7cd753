package diff

import (
	"fmt"
	"slices"
)

// scope is what the way to a schema does to the meaning of a change there.
type scope struct {
	opaque    bool // below not and the like: nobody can tell which way a change goes
	exclusive bool // below oneOf: a narrowing can let more through
	closed    bool // another schema that has to fit, too, refuses members that it does not name
}

// pair is two schemas held against each other.
type pair struct {
	old, new *node
	scope    scope
}

// maxPairs bounds the comparison of one operation. References can make two small documents mean a great many pairs.
const maxPairs = 20_000

// comparer finds the changes of one operation.
type comparer struct {
	old, new    *Document
	operation   string
	changes     []Change
	known       map[string]bool  // the changes, so that a schema which is used twice is reported once
	otherWords  bool             // a body is written in other words
	found       int              // how often a change was found, counting those that were known
	pairs       map[pair]bool    // compared, or being compared
	outside     *comparer        // of a trial: the comparison that it is made for
	verdicts    map[pair]verdict // of trials
	left        *int             // how many pairs may still be compared
	definitions [][2]cursor      // the $defs of both sides, to be looked at last
	groups      []group
	views       map[viewKey]view
	prints      map[*node]string // fingerprints
}

// viewKey names one look at a schema.
type viewKey struct {
	schema *node
	how    folds
	apart  bool
}

func newComparer(old, new *Document, operation string) *comparer {
	left := maxPairs
	return &comparer{
		old: old, new: new, operation: operation, left: &left, groups: groups(),
		known: map[string]bool{}, pairs: map[pair]bool{}, verdicts: map[pair]verdict{}, views: map[viewKey]view{},
		prints: map[*node]string{},
	}
}

// begin reports whether the pair is still to be compared. A pair that is being compared counts as equal: that is how a
// schema which refers to itself ends.
func (c *comparer) begin(p pair) bool {
	for at := c; at != nil; at = at.outside {
		if at.pairs[p] {
			return false
		}
	}
	c.pairs[p] = true
	return true
}

// look gives the view of a schema. Looking once is enough.
func (c *comparer) look(d *Document, at cursor) view {
	return c.lookAt(d, at, foldExactly, false)
}

func (c *comparer) lookAt(d *Document, at cursor, how folds, apart bool) view {
	key := viewKey{at.node, how, apart}
	v, known := c.views[key]
	if !known || !at.exists() {
		v = d.look(at, how, apart)
		c.views[key] = v
	}
	return v
}

// report takes down a change of the kind id between two locations. The arguments are those of the rule's sentence.
func (c *comparer) report(sc scope, id string, old, new cursor, args ...any) {
	rule := ruleByID[id]
	switch {
	case rule.effect == silent:
	case sc.opaque && id != "schema-changed":
		rule, args = ruleByID["schema-changed"], []any{subject(old, new)}
	case sc.exclusive && rule.effect == narrows:
		rule, args = ruleByID["one-of-narrowed"], nil
	}
	c.add(rule, old, new, fmt.Sprintf(rule.Means, args...))
}

// restated takes down that something is said in other words, which is no change.
func (c *comparer) restated() {
	c.found++
	c.otherWords = true
}

// subject is what a change is about: the last part of the pointer.
func subject(old, new cursor) string {
	if new.exists() {
		return quote(lastToken(new.pointer))
	}
	return quote(lastToken(old.pointer))
}

func (c *comparer) add(rule Rule, old, new cursor, message string) *Change {
	c.found++
	key := fmt.Sprint(rule.ID, "\n", old.exists(), old.pointer, "\n", new.exists(), new.pointer, "\n", message)
	if c.known[key] {
		return nil
	}
	c.known[key] = true
	c.changes = append(c.changes, Change{
		ID: rule.ID, Level: rule.Level, Operation: c.operation, Message: message,
		Old: locationIn(c.old.name, old), New: locationIn(c.new.name, new),
		near: Location{c.new.file, new.pointer, new.at.line, new.at.column},
	})
	return &c.changes[len(c.changes)-1]
}

func locationIn(file string, c cursor) *Location {
	if !c.exists() {
		return nil
	}
	return &Location{file, c.pointer, c.at.line, c.at.column}
}

// trial holds a schema against another one that it takes the location of, and says how bad that would be, without
// reporting it: false, when the two mean the same.
func (c *comparer) trial(sc scope, old, new cursor) (Level, bool) {
	return c.trialBetween(c.old, c.new, sc, old, new)
}

// trialBack is a trial in which the schema of the new document is the one that was there before: for what stands under
// a negation, where more becomes less.
func (c *comparer) trialBack(sc scope, old, new cursor) (Level, bool) {
	return c.trialBetween(c.new, c.old, sc, new, old)
}

// verdict is the result of a trial.
type verdict struct {
	level  Level
	change bool
}

func (c *comparer) trialBetween(before, after *Document, sc scope, old, new cursor) (Level, bool) {
	key := pair{old.node, new.node, sc}
	if known, ok := c.verdicts[key]; ok {
		return known.level, known.change
	}
	inner := &comparer{
		old: before, new: after, outside: c, left: c.left, verdicts: c.verdicts, groups: c.groups, views: c.views,
		prints: c.prints, known: map[string]bool{}, pairs: map[pair]bool{},
	}
	inner.compareSchemas(sc, old, new)
	changes := slices.DeleteFunc(inner.changes, func(change Change) bool { return ruleByID[change.ID].effect == silent })
	var v verdict
	v.level, v.change = Worst(changes)
	c.verdicts[key] = v
	return v.level, v.change
}
