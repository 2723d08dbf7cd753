package eventsdoc

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Warning is told of something in the document that says nothing, or says less than it seems to.
type Warning struct {
	Pointer string // RFC 6901, in the document as it was sent
	Line    int    // from 1
	Column  int    // from 1, in UTF-16 code units
	Text    string // a sentence without its point
	Weight  Weight
}

// Weight is what a warning may matter to a receiver.
type Weight int

// The weights, from the lightest.
const (
	Reading Weight = iota // nothing is lost: it is read as something else, or there is nothing to read
	Words                 // what says nothing is for people
	Demand                // what says nothing may have been meant to ask something of a value
)

// String is the warning as it follows the name of a file and a colon.
func (w Warning) String() string {
	return fmt.Sprintf("%d:%d: warning: %s (at %s)", w.Line, w.Column, w.Text, w.Pointer)
}

// warn takes a warning down. The place is the key of a member, or an element.
func (c *cleaner) warn(weight Weight, position *yaml.Node, pointer, format string, args ...any) {
	c.warnings = append(c.warnings, Warning{
		Pointer: pointer, Line: position.Line, Column: position.Column, Text: fmt.Sprintf(format, args...), Weight: weight,
	})
}

func sorted(warnings []Warning) []Warning {
	slices.SortStableFunc(warnings, func(a, b Warning) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Pointer, b.Pointer),
			cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(warnings)
}

// intended is the known word that somebody may have meant by an unknown one, or nothing.
func intended(word string, known map[string]want) string {
	if hint := meant[word]; hint != "" {
		return hint
	}
	best, least := "", 3
	for name := range known {
		apart := distance(strings.ToLower(word), strings.ToLower(name))
		if apart < least || apart == least && best != "" && name < best {
			best, least = name, apart
		}
	}
	if best == "" || least > len(word)/3 {
		return ""
	}
	return best
}

// distance is how many letters must be added, taken out or changed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
