package event

import "strings"

// NumbersLookedAt is how many numbers a search looks at for one page, at most.
const NumbersLookedAt = 1_000

// NumberFilter narrows a list of numbers; zero values let everything pass.
type NumberFilter struct {
	Prefix      string    // it begins with this
	Attribute   Attribute // it has a value of this attribute
	Account     string    // an event of this account set one of its values
	Unconfirmed bool      // a downstream is still to confirm something about it: waiting, attempting or dead
}

// Begin is what a page begins after: the number given, or where that is lower than those with the prefix, what lies
// between the two. No number, which is UTF-8, holds the byte 0xff.
func (f NumberFilter) Begin(after string) string {
	last := len(f.Prefix) - 1
	if last < 0 || after >= f.Prefix {
		return after
	}
	if f.Prefix[last] == 0 {
		return f.Prefix[:last]
	}
	return f.Prefix[:last] + string([]byte{f.Prefix[last] - 1, 0xff})
}

// NumberSearch gathers one page of the numbers that pass, from those that are looked at in their order.
type NumberSearch struct {
	Filter NumberFilter
	Limit  int

	numbers []string
	last    string // that was looked at
	looked  int
	ended   bool // the numbers with the prefix are over
}

// Look takes a number, and whether it passes but for the prefix. It reports whether more are wanted.
func (s *NumberSearch) Look(number string, passes bool) (more bool) {
	if s.ended || len(s.numbers) >= s.Limit {
		return false
	}
	s.looked++
	if s.last = number; !strings.HasPrefix(number, s.Filter.Prefix) {
		s.ended = true
		return false
	}
	if passes {
		s.numbers = append(s.numbers, number)
	}
	return len(s.numbers) < s.Limit
}

// Page is what was found, and what the next page begins after: empty where nothing is left to be looked at.
func (s *NumberSearch) Page() (numbers []string, next string) {
	if s.ended || s.Limit <= 0 || len(s.numbers) < s.Limit && s.looked < NumbersLookedAt {
		return s.numbers, ""
	}
	return s.numbers, s.last
}
