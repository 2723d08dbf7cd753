package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxProblems is how many problems are told: somebody who feeds in another file altogether wants no thousand lines.
const maxProblems = 100

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	File   string `json:"-"`
	Line   int    `json:"line"`
	Column int    `json:"column"` // in characters, from 1
	Text   string `json:"text"`   // what is wrong, and after a semicolon what to write instead
}

// String is the problem as compilers and editors have it: FILE:LINE:COLUMN: TEXT.
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
}

// Problems are all that is wrong with a configuration, in the order of the file.
type Problems struct {
	List    []Problem
	Omitted int // beyond the first hundred
}

// Head is what stands above the list.
func (p *Problems) Head() string { return "cannot use the configuration:" }

// Lines are the problems, one a line.
func (p *Problems) Lines() []string {
	lines := make([]string, 0, len(p.List)+1)
	for _, one := range p.List {
		lines = append(lines, one.String())
	}
	if p.Omitted > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", p.Omitted))
	}
	return lines
}

// Error is the head and the lines.
func (p *Problems) Error() string {
	return strings.Join(append([]string{p.Head()}, p.Lines()...), "\n")
}

// result is an error if there is a problem.
func (r *reader) result() error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b Problem) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
	list := r.problems[:min(len(r.problems), maxProblems)]
	return &Problems{List: list, Omitted: len(r.problems) - len(list)}
}

// tell notes what is wrong at a node, and what to write instead.
func (r *reader) tell(n *node, wrong, instead string) { r.tellAt(n.Line, n.Column, wrong, instead) }

func (r *reader) tellAt(line, column int, wrong, instead string) {
	r.problems = append(r.problems, Problem{File: r.file, Line: max(line, 1), Column: max(column, 1), Text: wrong + "; " +
		instead})
}

// warn notes what can be served, and may not be meant.
func (r *reader) warn(n *node, wrong, instead string) {
	if len(r.warnings) < maxProblems {
		r.warnings = append(r.warnings, Problem{File: r.file, Line: max(n.Line, 1), Column: max(n.Column, 1),
			Text: wrong + "; " + instead})
	}
}

// quoted shows a word of the file, shortened, in one line.
func quoted(text string) string {
	const most = 80
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "..."
	}
	return fmt.Sprintf("%q", text)
}

// oneOf lists words: a, b or c.
func oneOf(texts []string) string {
	if len(texts) < 2 {
		return strings.Join(texts, "")
	}
	last := len(texts) - 1
	return strings.Join(texts[:last], ", ") + " or " + texts[last]
}

// nearest is the word that somebody may have meant, or empty.
func nearest(text string, among []string) string {
	best, least := "", max(2, len(text)/3)+1
	for _, candidate := range among {
		d := distance(strings.ToLower(text), candidate, least)
		switch {
		case strings.HasSuffix(candidate, "."+text): // a name without what it begins with
			d = 0
		case len(text) > 4 && strings.HasPrefix(candidate, text[:len(text)-1]): // another ending, or none
			d = min(d, 1)
		}
		if d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance is how many letters must be put in, left out, exchanged or swapped with their neighbours to make b of a;
// limit when it is not less than that.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			substitution := row[j-1]
			if a[i-1] != b[j-1] {
				substitution++
			}
			next[j] = min(row[j]+1, next[j-1]+1, substitution)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row, next = row, next, before
	}
	return min(row[len(b)], limit)
}
