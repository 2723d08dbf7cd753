package page

import (
	"net/http"
	"slices"
)

// screens are those that need a session, by their pattern.
var screens = map[string]func(v *visit) error{
	"GET /{$}":     (*visit).overview,
	"GET /numbers": (*visit).numbers,
	"GET /number":  (*visit).number,
	"/":            (*visit).none,
}

// none is what is no screen.
func (v *visit) none() error {
	return &refusal{status: http.StatusNotFound, detail: "There is no such screen."}
}

// place is one of the menu.
type place struct {
	Path, Title string
	screens     []string
	personal    bool // is for those who may see personal data
}

// Is reports whether the screen belongs to the place.
func (p place) Is(screen string) bool { return slices.Contains(p.screens, screen) }

// menu are the places for whoever may see personal data, or may not.
func menu(reads bool) (shown []place) {
	for _, p := range []place{
		{"/", "Overview", []string{"overview"}, false},
		{"/numbers", "Numbers", []string{"numbers", "number"}, true},
	} {
		if reads || !p.personal {
			shown = append(shown, p)
		}
	}
	return shown
}
