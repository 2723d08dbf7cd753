package main

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"numhook/server/event"
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
	broken := `{"event":"` + cnamEvent + `","payload":{"object":{"cnam":"` + "\u202e<b>" +
		`","phone_numbers":"+13125550100"}}}`
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
	b.shows("What needs a person", "1 delivery held in quarantine", "ali", "ann")
	b.look("overview")
	b.press(`nav a[href="/numbers"]`)
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

// visitor is a browser without scripts: it keeps cookies, sends forms and says where they come from.
type visitor struct {
	*receiver
	cookie string
}

// send sends a form, or asks for a screen where there is none; header is what else the request says.
func (v *visitor) send(method, path string, form url.Values, header http.Header) (answer, http.Header) {
	v.Helper()
	request, err := http.NewRequestWithContext(v.Context(), method, v.operator+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if v.cookie != "" {
		request.Header.Set("Cookie", v.cookie)
	}
	got, err := v.client.Transport.RoundTrip(request)
	if err != nil {
		v.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		v.Fatal(err)
	}
	return answer{status: got.StatusCode, body: string(body)}, got.Header
}

var ours = http.Header{"Sec-Fetch-Site": {"same-origin"}}

// login begins a session, and returns the cookie as it was set.
func (v *visitor) login(token string) string {
	v.Helper()
	got, header := v.send(http.MethodPost, "/login", url.Values{"token": {token}}, ours)
	set := header.Get("Set-Cookie")
	if got.status != http.StatusSeeOther || header.Get("Location") != "/" || set == "" {
		v.Fatalf("login: %v %v", got, header)
	}
	v.cookie, _, _ = strings.Cut(set, ";")
	return set
}

// A session is what its cookie, its token and its end say, and no site but ours has a browser act in it.
func TestSessionsOfThePage(t *testing.T) {
	t.Parallel()
	r, token, viewer := pageSite(t)
	v := &visitor{receiver: r}
	if got, header := v.send(http.MethodGet, "/", nil, nil); got.status != http.StatusSeeOther ||
		header.Get("Location") != "/login" {
		t.Errorf("without a session: %v", got)
	}
	set := v.login(token)
	for _, part := range []string{"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=28800"} {
		if !strings.Contains(set, part) {
			t.Errorf("the cookie is %s, without %s", set, part)
		}
	}
	if got, header := v.send(http.MethodGet, "/", nil, nil); got.status != http.StatusOK ||
		!strings.Contains(got.body, "What needs a person") || header.Get("Cache-Control") != "no-store" ||
		!strings.HasPrefix(header.Get("Content-Security-Policy"), "default-src 'none';") {
		t.Errorf("the overview: %v %v", got.status, header)
	}
	for name, forged := range map[string]http.Header{
		"another site":   {"Sec-Fetch-Site": {"cross-site"}},
		"another origin": {"Origin": {"https://evil.example"}},
		"no origin":      {"Origin": {"null"}},
		"nothing said":   {},
	} {
		if got, _ := v.send(http.MethodPost, "/logout", nil, forged); got.status != http.StatusForbidden {
			t.Errorf("%s: %v", name, got.status)
		}
	}
	got, _ := v.send(http.MethodGet, "/number?n="+url.QueryEscape(pageNumber), nil, nil)
	if got.status != http.StatusOK || strings.Contains(got.body, "<script>alert") ||
		!strings.Contains(got.body, `&lt;script&gt;alert(1)&lt;/script&gt;\u202e\u200b\u0085`) {
		t.Errorf("a hostile value: %v", got)
	}
	if got, _ := v.send(http.MethodGet, "/numbers?csv=numbers", nil, nil); got.status != http.StatusOK ||
		!strings.HasPrefix(got.body, "Number,CNAM,Emergency address,Changed\r\n"+pageNumber+",") {
		t.Errorf("CSV: %v", got)
	}
	var list []event.Access
	r.read(&list, "accesses", "list", "--object", pageNumber)
	if len(list) != 2 || list[0].Who != "ann" || list[0].From != "127.0.0.1" {
		t.Errorf("accesses %+v", list)
	}
	stolen := v.cookie
	if got, _ := v.send(http.MethodPost, "/logout", nil, ours); got.status != http.StatusSeeOther {
		t.Errorf("logout: %v", got)
	}
	v.cookie = stolen
	if got, _ := v.send(http.MethodGet, "/numbers", nil, nil); got.status != http.StatusSeeOther {
		t.Errorf("after the logout: %v", got)
	}
	v.login(viewer)
	if got, _ := v.send(http.MethodGet, "/numbers", nil, nil); got.status != http.StatusForbidden ||
		strings.Contains(got.body, "555") {
		t.Errorf("a viewer: %v", got)
	}
	r.tokenFile("# nobody")
	eventually(t, startTime, "the session ends with its token", func() bool {
		got, _ := v.send(http.MethodGet, "/", nil, nil)
		return got.status == http.StatusSeeOther
	})
}

// Tokens that are not known are counted, as those of the API are.
func TestLoginsThatFailAreLimited(t *testing.T) {
	t.Parallel()
	r, _, _ := pageSite(t)
	v := &visitor{receiver: r}
	eventually(t, startTime, "guesses are refused", func() bool {
		got, header := v.send(http.MethodPost, "/login", url.Values{"token": {"guess"}}, ours)
		if got.status != http.StatusUnauthorized && got.status != http.StatusTooManyRequests {
			t.Fatal(got)
		}
		return got.status == http.StatusTooManyRequests && header.Get("Retry-After") != ""
	})
	if strings.Contains(r.log.String(), "guess") {
		t.Error("the log holds what was guessed")
	}
}
