package main

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"numhook/server/operator"
)

// What a stranger may write into a name: a browser must run, follow, turn and hide nothing of it.
const (
	hostileName  = "<script>alert(1)</script>\u202e\u200b\u0085&amp;"
	hostileShown = `<script>alert(1)</script>\u202e\u200b\u0085&amp;`
	pageNumber   = "+13125550100"
)

// pageSite is a receiver that keeps something for each screen, and the tokens of two who may look at it.
func pageSite(t *testing.T) (r *receiver, operatorToken, viewerToken string) {
	t.Helper()
	s := newSite(t)
	ann, vic := s.newToken("ann", operator.Operator), s.newToken("vic", operator.Viewer)
	file := filepath.Join(s.folder, "numhook.yaml")
	config := "downstreams:\n  - name: ali\n    url: file:" + filepath.Join(s.folder, "out.ndjson") + "\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	r = s.start("--operator-tokens", s.tokenFile(ann.Line, vic.Line), "--config", file)
	for i, body := range []string{
		cnamBody(1_795_000_002_000, "ACME DENTAL", pageNumber), cnamBody(1_795_000_001_000, "ACME LATE", pageNumber),
		cnamBody(1_795_000_003_000, hostileName, pageNumber, "+13125550101"),
		addressBody(1_795_000_004_000, "1 Main St", pageNumber),
	} {
		if got := r.post("/", body); got.status != http.StatusOK {
			t.Fatal(i, got)
		}
	}
	broken := `{"event":"` + cnamEvent + `","payload":{"object":{"cnam":"` + "\u202e<b>" + `","phone_numbers":"+13125550100"}}}`
	if got := r.post("/", broken); got.status != http.StatusBadRequest {
		t.Fatal(got)
	}
	eventually(t, startTime, "everything is handed on", func() bool {
		got := r.ask(http.MethodGet, "/status", ann.Token)
		return strings.Contains(got.body, `"owed":0`)
	})
	return r, ann.Token, vic.Token
}

// An operator walks through the page in a real browser, on a telephone and on a wide screen, by the keyboard alone.
func TestAnOperatorWalksThroughThePage(t *testing.T) {
	t.Parallel()
	for _, width := range []int{360, 1440} {
		t.Run(strconv.Itoa(width), func(t *testing.T) {
			t.Parallel()
			chromium(t)
			r, token, _ := pageSite(t)
			b := newBrowser(t, r.operator, width)
			b.dark(width == 360)
			b.walk(r, token)
		})
	}
}

func (b *browser) walk(r *receiver, token string) {
	b.open("/")
	b.shows("Log in")
	b.look("login")
	b.expect("401")
	b.fill("#token", "no token")
	b.press("form.login button")
	b.shows("This token is not known.")
	b.expect("")
	b.fill("#token", token)
	b.press("form.login button")
	b.shows("What needs a person", "1 delivery in quarantine", "ali", "ann")
	b.look("overview")
	b.press(`nav a[href="/numbers"]`)
	b.fill("#q", "(312) 555-")
	b.open("/numbers?q=" + url.QueryEscape("1 312 555-0100"))
	b.shows(pageNumber, hostileShown, "1 Main St")
	b.look("numbers")
	b.press(`td a[href^="/number?"]`)
	b.shows("Timeline", hostileShown, "ACME DENTAL", "ACME LATE", "superseded", "ali confirmed", "local")
	b.look("number")
	b.fill("#as_of", "2026-11-18 11:06:42")
	b.press(`form[action="/number"] button`)
	b.look("number-then")
	b.press(".who button")
	b.shows("Log in")
	b.open("/numbers")
	b.shows("Log in")
}
