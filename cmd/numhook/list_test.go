package main

import (
	"strings"
	"testing"
)

// writes counts what is written to it.
type writes struct {
	strings.Builder
	count int
}

func (w *writes) Write(b []byte) (int, error) {
	w.count++
	return w.Builder.Write(b)
}

// A page of a table is written in few pieces, and when it is complete.
func TestTableIsWrittenInLargePieces(t *testing.T) {
	out := &writes{}
	l := newList(out, "text", "NUMBER", "WHY")
	row := func() {
		for range 100 {
			l.entry(nil, []string{"+12025550143", "it is not what the event that it comes from says"})
		}
	}
	calls := 0
	err := l.pages(0, func(want int) (int, error) {
		if calls++; calls > 1 {
			if lines := strings.Count(out.String(), "\n"); lines != 101 {
				t.Errorf("%d lines are there before the second page, want 101", lines)
			}
			row()
			return want - 1, nil
		}
		row()
		return want, nil
	})
	if lines := strings.Count(out.String(), "\n"); err != nil || lines != 201 || out.count != 2 {
		t.Errorf("%d lines in %d pieces, %v; want 201 in 2", lines, out.count, err)
	}
}
