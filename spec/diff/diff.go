// Package diff says what a changed events document means for a receiver: for somebody who was built from OLD, validates
// by OLD, and is about to get the bodies that are made by NEW. Seen from there the direction turns: a new required
// member is harmless, while a member that becomes optional, a wider type, a looser bound or one more enum value is what
// breaks. The levels are one table, Rules.
//
// It guarantees that no change to what can come goes unreported, that documents which say the same are found equal
// wherever their schemas stand (inline, behind a $ref, under webhooks or under paths, with members in any order) and in
// whichever of several words they say it, that each change names the locations in both documents, and that references
// which lead in circles, or multiply, end the comparison neither in a loop nor in silence.
//
// Where the rules cannot tell which way a change goes, bodies are tried: one that NEW lets through and OLD refuses
// proves a breaking change, and is shown. What is not proved stays risky. A few bodies are tried below the rules that
// are sure, too.
//
// It walks the documents as they are written, without a library that compares OpenAPI documents and without a Go model
// of them. oasdiff, tried with each body laid into a response to turn the direction, is a list of checks, and what no
// check looks for stays unreported: elements that lose their schema, an additionalProperties that opens, a keyword that
// it does not know. The model of kin-openapi, which it builds on, cannot tell "minLength": 0 from none, rounds bounds
// to float64, refuses a document for one keyword of the wrong kind, and knows the position of some values only. The
// tree of the document has everything that stands in it, with its location.
package diff

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Location is where something stands in a document.
type Location struct {
	File    string `json:"file"`    // as it was asked for: a path, or REV:path
	Pointer string `json:"pointer"` // RFC 6901; into a component, where a $ref leads there
	Line    int    `json:"line"`    // from 1
	Column  int    `json:"column"`  // from 1, in UTF-16 code units
}

// Change is one difference between two documents, and what it means for a receiver. Old and New are where the member
// concerned stands; one of them is nil when it does not exist on that side.
type Change struct {
	ID        string    `json:"id"`        // stable, one of Rules
	Level     Level     `json:"level"`     // breaking, risky or safe
	Operation string    `json:"operation"` // the event's name; empty for what concerns the document as a whole
	Old       *Location `json:"old"`
	New       *Location `json:"new"`
	Message   string    `json:"message"` // one sentence, for the receiver
	// of an event that vanished or appeared: the event of the other document with an equal body
	PossibleRename string `json:"possible_rename,omitempty"`
	// a body that NEW lets through and OLD refuses, where one was searched for
	Witness json.RawMessage `json:"witness,omitempty"`
	near    Location        // where New is, or would be; its file is the path in the workspace
}

// Compare finds what changed from old to new: the worst level first, then by event, then by where it stands in new.
// Equal documents give an empty list.
func Compare(old, new *Document) []Change {
	return compare(old, new, &validators{old: old, new: new, compilers: map[validatorKey]*jsonschema.Compiler{}})
}

// compare is Compare, with what the rules leave open looked into by the validators; without them it stays open.
func compare(old, new *Document, v *validators) []Change {
	whole := newComparer(old, new, "")
	whole.compareDocuments()
	changes := whole.changes
	changes = append(changes, compareEvents(old, new, v)...)
	changes = append(changes, compareMeaningless(old, new)...)
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(
			cmp.Compare(b.Level.rank(), a.Level.rank()),
			strings.Compare(a.Operation, b.Operation),
			cmp.Compare(a.near.Line, b.near.Line),
			cmp.Compare(a.near.Column, b.near.Column),
			strings.Compare(a.ID, b.ID),
			strings.Compare(a.Message, b.Message),
			strings.Compare(a.near.Pointer, b.near.Pointer),
		)
	})
	return changes
}

// Worst is the worst level among the changes; false, when there is none.
func Worst(changes []Change) (Level, bool) {
	worst := Safe
	for _, change := range changes {
		if change.Level.AtLeast(worst) {
			worst = change.Level
		}
	}
	return worst, len(changes) > 0
}
