package operator_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"numhook/server/event"
	"numhook/server/operator"
)

// rules are who may make which call, by its operation, and what it writes into the accesses. A call of the document
// that is not here fails the test.
var rules = map[string]struct {
	role   operator.Role
	action string // empty where nothing personal is shown
	body   string
}{
	"ListNumbers":         {operator.Reader, "numbers list", ""},
	"ShowNumber":          {operator.Reader, "numbers show", ""},
	"ListHistory":         {operator.Reader, "numbers history", ""},
	"ListEvents":          {operator.Viewer, "events list", ""},
	"ShowEvent":           {operator.Viewer, "events show", ""},
	"ShowEventBody":       {operator.Reader, "events show", ""},
	"ListQuarantine":      {operator.Viewer, "quarantine list", ""},
	"ShowQuarantineEntry": {operator.Viewer, "quarantine show", ""},
	"ShowQuarantineBody":  {operator.Reader, "quarantine show", ""},
	"ListDownstreams":     {operator.Viewer, "", ""},
	"ShowDownstream":      {operator.Viewer, "", ""},
	"ListDeliveries":      {operator.Viewer, "deliveries list", ""},
	"ShowDelivery":        {operator.Viewer, "deliveries show", ""},
	"ShowStatus":          {operator.Viewer, "", ""},
	"ListAccesses":        {operator.Reader, "accesses list", ""},
	"ShowDocument":        {operator.Viewer, "", ""},
	"ListActivity":        {operator.Viewer, "", ""},
	"RedriveEntries":      {operator.Operator, "quarantine redrive", `{"state":"held","dry_run":true}`},
	"DiscardEntries":      {operator.Operator, "quarantine discard", `{"state":"held","dry_run":true}`},
	"RedriveEntry":        {operator.Operator, "quarantine redrive", ""},
	"DiscardEntry":        {operator.Operator, "quarantine discard", ""},
	"PauseDownstream":     {operator.Operator, "downstreams pause", `{"why":"a test"}`},
	"ResumeDownstream":    {operator.Operator, "downstreams resume", ""},
	"RetryDelivery":       {operator.Operator, "deliveries retry", ""},
	"SkipDelivery":        {operator.Operator, "deliveries skip", ""},
	"RetryDeliveries":     {operator.Operator, "deliveries retry", `{"state":"dead"}`},
	"SkipDeliveries":      {operator.Operator, "deliveries skip", `{"state":"dead","dry_run":true}`},
	"Replay":              {operator.Operator, "replay", `{"downstream":"ali"}`},
}

func TestEachCallByEachRole(t *testing.T) {
	f := newFixture(t)
	for _, c := range f.calls() {
		rule, ok := rules[c.operation.OperationID]
		if !ok {
			t.Errorf("nobody has said who may %s", c.operation.OperationID)
			continue
		}
		f.problem(c.String()+" of nobody", f.ask("", c.method, f.target(c), rule.body), http.StatusUnauthorized)
		f.now = f.now.Add(10 * 1e9) // so that no failed login is one too many
		for _, role := range operator.Roles {
			before := len(f.accesses())
			w := f.ask(role, c.method, f.target(c), rule.body)
			what := fmt.Sprintf("%s of a %s", c, role)
			written := f.accesses()
			if !role.May(rule.role) {
				f.problem(what, w, http.StatusForbidden)
				if len(written) != before {
					t.Errorf("%s wrote %+v", what, written[0])
				}
				continue
			}
			if w.Code != http.StatusOK {
				t.Errorf("%s: %d %s", what, w.Code, w.Body)
			}
			f.fits(c, f.target(c), w)
			f.keptFrom(role, what, w)
			f.wrote(role, what, rule.action, written[:len(written)-before])
		}
	}
	if len(rules) != len(f.calls()) {
		t.Errorf("%d rules for %d calls", len(rules), len(f.calls()))
	}
	if text := f.log.String(); strings.Contains(text, canary) || strings.Contains(text, canaryDigits) ||
		strings.Contains(text, "level=ERROR") {
		t.Errorf("the log says %s", text)
	}
}

// keptFrom looks for what a viewer must not see.
func (f *fixture) keptFrom(role operator.Role, what string, w *httptest.ResponseRecorder) {
	f.Helper()
	text := w.Body.String()
	if strings.Contains(what, "openapi.json") {
		return
	}
	for _, word := range []string{canary, canaryDigits, f.tokens[role]} {
		if strings.Contains(text, word) && (role == operator.Viewer || word == f.tokens[role]) {
			f.Errorf("%s shows %s: %s", what, word, text)
		}
	}
	if strings.Contains(text, `"number`) && role == operator.Viewer && strings.Contains(what, "/deliveries") &&
		!strings.Contains(text, "+1202•••7143") {
		f.Errorf("%s shows no masked number: %s", what, text)
	}
}

// wrote holds the accesses of one call to be what they have to be.
func (f *fixture) wrote(role operator.Role, what, action string, written []event.Access) {
	f.Helper()
	if action == "" || role == operator.Viewer {
		if len(written) != 0 {
			f.Errorf("%s wrote %+v", what, written)
		}
		return
	}
	if len(written) != 1 {
		f.Errorf("%s wrote %d accesses", what, len(written))
		return
	}
	a := written[0]
	if a.Who != string(role)+"-1" || a.Role != string(role) || a.From != "192.0.2.1" || a.Action != action ||
		!a.At.Equal(f.now) || a.Result == event.AccessBegun || strings.Contains(a.Object+a.Detail, `"`) {
		f.Errorf("%s wrote %+v", what, a)
	}
}

// A parameter with which a viewer could guess what is hidden is not for viewers.
func TestParametersHaveRoles(t *testing.T) {
	f := newFixture(t)
	for target, want := range map[string]int{
		"/deliveries?number=" + url.QueryEscape(canaryNumber): http.StatusForbidden,
		"/events?number=" + url.QueryEscape(canaryNumber):     http.StatusForbidden,
		"/events?account=x":                                   http.StatusForbidden,
		"/deliveries?state=dead&limit=5":                      http.StatusOK,
		"/events?event=x&received_since=2026-01-01T00:00:00Z": http.StatusOK,
	} {
		if w := f.ask(operator.Viewer, http.MethodGet, operator.Path+target, ""); w.Code != want {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}

// What the store cannot write down is not shown.
func TestNothingIsShownThatIsNotWrittenDown(t *testing.T) {
	f := newFixture(t)
	f.store.Break(errors.New("the disk is full"))
	for _, c := range f.calls() {
		w := f.ask(operator.Operator, c.method, f.target(c), rules[c.operation.OperationID].body)
		if rules[c.operation.OperationID].action == "" {
			if w.Code != http.StatusOK {
				t.Errorf("%s: %d", c, w.Code)
			}
			continue
		}
		f.problem(c.String(), w, http.StatusServiceUnavailable)
		if w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), canary) {
			t.Errorf("%s: %v %s", c, w.Header(), w.Body)
		}
	}
}

// nasty are values that somebody may send for a parameter, besides those that a test makes up.
var nasty = []string{
	"", " ", "0", "-1", "1.5", "1e9", "0x1", "9999999999999999999999", "9223372036854775808", "-9223372036854775808",
	"null", "true", "[]", "{}", "[1]", `"`, "'", "' OR 1=1 --", "%", "%00", "\x00", "\xff\xfe", "\u202e", "../..", "a/b",
	".", "..", "//", "a,b", "a;b", "a&b", "NaN", "2026-13-45T99:99:99Z", "2026-11-28", "+1202", "•••",
	strings.Repeat("9", 5000),
}

// Whatever somebody sends for a parameter, the answer is the call's or a problem, and never a failure of ours.
func TestBadParametersAreTold(t *testing.T) {
	f := newFixture(t)
	random := rand.New(rand.NewPCG(1, 2))
	values := nasty
	for range 300 {
		b := make([]byte, random.IntN(12))
		for i := range b {
			b[i] = byte(random.UintN(256))
		}
		values = append(values, string(b))
	}
	for _, c := range f.calls() {
		for _, p := range c.operation.Parameters {
			for _, value := range values {
				target := f.target(c)
				if p.Value.In == openapi3.ParameterInQuery {
					target += "?" + p.Value.Name + "=" + url.QueryEscape(value)
				} else {
					target = operator.Path + strings.ReplaceAll(c.path, "{"+p.Value.Name+"}", url.PathEscape(value))
				}
				f.told(fmt.Sprintf("%s %s=%q", c, p.Value.Name, value), c.method, target, rules[c.operation.OperationID].body)
			}
		}
		for _, query := range []string{"?x=1", "?%zz", "?limit=1&limit=2", "?;", "?%00=1"} {
			f.problem(c.String()+query, f.ask(operator.Operator, c.method, f.target(c)+query, ""), http.StatusBadRequest)
		}
	}
	if text := f.log.String(); strings.Contains(text, "panic") {
		t.Errorf("the log says %s", text)
	}
}

func (f *fixture) told(what, method, target, body string) {
	f.Helper()
	w := f.ask(operator.Operator, method, target, body)
	switch {
	case w.Code == http.StatusOK:
	case w.Code == http.StatusBadRequest, w.Code == http.StatusNotFound, w.Code == http.StatusConflict:
		f.problem(what, w, w.Code)
	default:
		f.Errorf("%s: %d %s", what, w.Code, w.Body)
	}
}

// What the document bounds is refused beyond its bounds.
func TestBoundsOfTheDocument(t *testing.T) {
	f := newFixture(t)
	for _, target := range []string{
		"/events?limit=0", "/events?limit=1001", "/events?limit=x", "/events?after=-1", "/events?after=x", "/events?after=",
		"/events?received_since=yesterday", "/events?event_ts_since=1.5", "/events/" + strings.Repeat("a", 63),
		"/events/" + strings.ToUpper(f.eventID), "/quarantine?state=lost", "/quarantine/0", "/quarantine/-1", "/quarantine/x",
		"/deliveries?state=owed", "/deliveries?number=", "/numbers?prefix=", "/numbers/" + canary + "?as_of=x",
		"/numbers/" + strings.Repeat("9", 257),
	} {
		f.problem(target, f.ask(operator.Reader, http.MethodGet, operator.Path+target, ""), http.StatusBadRequest)
	}
	for _, target := range []string{
		"/events/" + strings.Repeat("0", 64), "/quarantine/99", "/deliveries/99", "/downstreams/none", "/numbers/+1",
		"/numbers/+1/history", "/numbers/" + url.PathEscape(canaryNumber) + "?as_of=1", "/", "/nothing", "/numbers/a/b",
	} {
		f.problem(target, f.ask(operator.Reader, http.MethodGet, operator.Path+target, ""), http.StatusNotFound)
	}
	f.problem("DELETE", f.ask(operator.Reader, http.MethodDelete, operator.Path+"/numbers", ""),
		http.StatusMethodNotAllowed)
}
