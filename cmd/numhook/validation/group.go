package validation

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
)

// maxGroups is how many groups are told apart. Pointers hold names that are the sender's, of which there may be any
// number; what comes when there are so many is put together by its rule alone.
const maxGroups = 10_000

// grouped puts findings of one rule at one pointer over many payloads together and passes each group on as one finding,
// at the place of its first: errors first, and then what occurs most. Memory grows with the groups, not with what is in
// them.
type grouped struct {
	to     Report
	byFile bool // a group ends with its file
	groups map[groupKey]*group
	order  []*group
}

type groupKey struct {
	rule, event, pointer, message string
	level                         Level
	known                         bool
}

type group struct {
	first    Finding
	text     []byte // around the first one
	at       int
	count    int
	payloads int
	file     string // the last payload that was counted
	payload  int
}

// Grouped is a report that has groups of findings instead of each of them.
func Grouped(format string, to Report) Report {
	return &grouped{to: to, byFile: format == "junit", groups: map[groupKey]*group{}}
}

// indexes are the parts of a pointer that count elements: which one breaks a rule makes no group of its own.
var indexes = regexp.MustCompile(`/[0-9]+(/|$)`)

func keyOf(f *Finding) groupKey {
	pointer := f.Pointer
	for last := ""; pointer != last; { // two elements in a row share a slash
		last, pointer = pointer, indexes.ReplaceAllString(pointer, "/*$1")
	}
	return groupKey{f.Rule, f.Event, pointer, f.Message, f.Level, f.Known}
}

func (g *grouped) Finding(f *Finding, where excerpt) {
	key := keyOf(f)
	one := g.groups[key]
	if one == nil && len(g.order) >= maxGroups {
		key.pointer, key.message = "", "at many places"
		one = g.groups[key]
	}
	if one == nil {
		from, to := max(0, where.at-excerptSize), min(len(where.text), where.at+excerptSize)
		one = &group{first: *f, text: bytes.Clone(where.text[from:to]), at: where.at - from}
		one.first.Fingerprint = key.fingerprint()
		g.groups[key] = one
		g.order = append(g.order, one)
	}
	one.count++
	if f.File != one.file || f.Payload != one.payload {
		one.payloads++
		one.file, one.payload = f.File, f.Payload
	}
}

// fingerprint is what stays the same about a group whatever payloads are in it.
func (k groupKey) fingerprint() string {
	hash := sha256.New()
	for _, part := range []string{"group 1", k.rule, k.event, k.pointer, k.message} {
		hash.Write(append([]byte(part), 0))
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// pass passes on what has been put together.
func (g *grouped) pass() {
	slices.SortStableFunc(g.order, func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.first.Level, b.first.Level), cmp.Compare(b.count, a.count)) // "error" is before "warning"
	})
	for _, one := range g.order {
		f := &one.first
		f.Count, f.Payloads = one.count, one.payloads
		if one.count > 1 {
			f.Message += fmt.Sprintf(" [%s times in %s, here first]", thousands(one.count), amount(one.payloads, "payload"))
		}
		g.to.Finding(f, excerpt{one.text, one.at})
	}
	clear(g.groups)
	g.order = g.order[:0]
}

func (g *grouped) Unreadable(file string, err error) {
	if g.byFile {
		g.pass()
	}
	g.to.Unreadable(file, err)
}

func (g *grouped) File(name string, payloads int) {
	if g.byFile {
		g.pass()
	}
	g.to.File(name, payloads)
}

func (g *grouped) Flush() error { return nil } // nothing can be said before the end

func (g *grouped) End(s Summary) error {
	g.pass()
	return g.to.End(s)
}
