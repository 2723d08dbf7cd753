package operator_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"numhook/server/event"
	"numhook/server/operator"
)

// do makes a call as an operator, and returns the status and the answer.
func (f *fixture) do(method, path, body string) (int, map[string]any) {
	f.Helper()
	w := f.ask(operator.Operator, method, operator.Path+path, body)
	var answer map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		f.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Code, answer
}

// step is one action, what it answers, and what the newest access says of it.
type step struct {
	path, body string
	status     int
	answer     string // member=value
	access     string // action|object|detail|result
}

func (f *fixture) steps(steps []step) {
	f.Helper()
	for _, s := range steps {
		status, answer := f.do(http.MethodPost, s.path, s.body)
		name, want, _ := strings.Cut(s.answer, "=")
		if status != s.status || s.answer != "" && fmt.Sprint(answer[name]) != want {
			f.Errorf("%s %s: %d %v, want %d %s", s.path, s.body, status, answer, s.status, s.answer)
		}
		a := f.accesses()[0]
		if got := fmt.Sprintf("%s|%s|%s|%s", a.Action, a.Object, a.Detail, a.Result); s.access != "" && got != s.access {
			f.Errorf("%s %s wrote %s, want %s", s.path, s.body, got, s.access)
		}
	}
}

// Each action may be asked for twice, and comes to the same.
func TestActionsAreIdempotent(t *testing.T) {
	f := newFixture(t)
	pause := "downstreams pause|downstream ali|why=noon|done"
	f.steps([]step{
		{"/downstreams/ali/pause", `{"why":"noon"}`, 200, "state=paused", pause},
		{"/downstreams/ali/pause", `{"why":"noon"}`, 200, "paused_why=noon", pause},
		{"/downstreams/ali/resume", "", 200, "state=active", "downstreams resume|downstream ali||done"},
		{"/downstreams/ali/resume", "", 200, "state=active", "downstreams resume|downstream ali||done"},
		{"/downstreams/none/resume", "", 404, "", "downstreams resume|downstream none||none"},
		{"/quarantine/1/discard", "", 200, "state=discarded", "quarantine discard|quarantine entry 1||done"},
		{"/quarantine/1/discard", "", 200, "state=discarded", "quarantine discard|quarantine entry 1||done"},
		{"/quarantine/9/discard", "", 404, "", "quarantine discard|quarantine entry 9||none"},
		{"/deliveries/1/retry", "", 200, "state=waiting", "deliveries retry|delivery 1|again=false|done"},
		{"/deliveries/1/retry", "", 200, "state=waiting", "deliveries retry|delivery 1|again=false|done"},
		{"/deliveries/1/skip", "", 200, "state=skipped", "deliveries skip|delivery 1||done"},
		{"/deliveries/1/skip", "", 200, "state=skipped", "deliveries skip|delivery 1||done"},
		{"/deliveries/9/skip", "", 404, "", "deliveries skip|delivery 9||none"},
	})
}

// What is delivered already is sent again only when that is asked for, and is written down as a repetition.
func TestARepetitionIsAskedFor(t *testing.T) {
	f := newFixture(t)
	attempts, _, err := f.store.Claim(t.Context(), "ali", 1)
	if err != nil || len(attempts) != 1 {
		t.Fatal(attempts, err)
	}
	o := attempts[0]
	f.steps([]step{
		{fmt.Sprintf("/deliveries/%d/retry", o.Row), "", 409, "",
			fmt.Sprintf("deliveries retry|delivery %d|again=false|refused", o.Row)},
		{fmt.Sprintf("/deliveries/%d/skip", o.Row), "", 409, "", ""},
	})
	if _, err := f.store.Record(t.Context(), event.Result{Row: o.Row, Claim: o.Claim, Seq: o.Seq,
		Verdict: event.Confirmed}); err != nil {
		t.Fatal(err)
	}
	f.steps([]step{
		{fmt.Sprintf("/deliveries/%d/skip", o.Row), "", 409, "", ""},
		{fmt.Sprintf("/deliveries/%d/retry", o.Row), "", 409, "", ""},
		{fmt.Sprintf("/deliveries/%d/retry?again=true", o.Row), "", 200, "state=waiting",
			fmt.Sprintf("deliveries retry|delivery %d|again=true|done", o.Row)},
	})
}

func TestActionsOverAllThatAFilterFinds(t *testing.T) {
	f := newFixture(t) // one row is dead, two wait
	f.steps([]step{
		{"/deliveries/retry", `{"state":"dead","dry_run":true}`, 200, "rows=1",
			"deliveries retry||dry_run=true of=state=dead|shown"},
		{"/deliveries/retry", `{"state":"dead","dry_run":true}`, 200, "changed=0", ""},
		{"/deliveries/retry", `{"state":"dead","expected":2}`, 409, "", "deliveries retry||state=dead|refused"},
		{"/deliveries/retry", `{"state":"dead","downstream":"other"}`, 200, "rows=0", ""},
		{"/deliveries/retry", `{"state":"dead","expected":1}`, 200, "changed=1", "deliveries retry||state=dead|done"},
		{"/deliveries/retry", `{"state":"dead"}`, 200, "rows=0", ""},
		{"/deliveries/skip", `{"state":"waiting","number":"` + canary + `"}`, 200, "changed=1",
			"deliveries skip|" + canary + "|state=waiting|done"},
		{"/deliveries/skip", `{"state":"waiting","downstream":"ali","expected":2}`, 200, "changed=2", ""},
		{"/deliveries/skip", `{"state":"waiting"}`, 200, "rows=0", ""},
		{"/deliveries/skip", `{"state":"delivered"}`, 400, "", ""},
		{"/deliveries/skip", `{}`, 400, "", ""},
	})
}

func TestActionsOverAllEntries(t *testing.T) {
	f := newFixture(t) // two are held
	f.steps([]step{
		{"/quarantine/redrive", `{"state":"held","dry_run":true}`, 200, "fits=2",
			"quarantine redrive||dry_run=true of=state=held|shown"},
		{"/quarantine/redrive", `{"state":"held","dry_run":true}`, 200, "oldest=2026-11-28T17:00:00Z", ""},
		{"/quarantine/redrive", `{"state":"held","expected":1}`, 409, "", "quarantine redrive||state=held|refused"},
		{"/quarantine/discard", `{"state":"held","dry_run":true}`, 200, "rows=2", ""},
		{"/quarantine/discard", `{"state":"held","expected":2}`, 200, "changed=2", "quarantine discard||state=held|done"},
		{"/quarantine/discard", `{"state":"held"}`, 200, "rows=0", ""},
		{"/quarantine/redrive", `{"state":"discarded"}`, 200, "changed=2", "quarantine redrive||state=discarded|done"},
		{"/quarantine/redrive", `{"state":"redriven"}`, 400, "", ""},
	})
	f.redriven = operator.Redriven{Result: "refused"}
	f.steps([]step{{"/quarantine/redrive", `{"state":"discarded"}`, 200, "refused=2", ""}})
}

// An action that is cut off stays begun: it may have taken effect.
func TestAnActionThatIsCutOffStaysBegun(t *testing.T) {
	f := newFixture(t)
	f.replayFails = &event.Error{Kind: event.Unavailable, Text: "cannot owe"}
	f.duringReplay = func() { f.store.Break(errors.New("the disk is full")) }
	f.steps([]step{{"/replay", `{"downstream":"ali"}`, 503, "", "replay||downstream=ali|begun"}})
}

func TestReplayHasTheCount(t *testing.T) {
	f := newFixture(t)
	f.replays = 7
	f.steps([]step{
		{"/replay", `{"downstream":"ali","dry_run":true}`, 200, "rows=7", "replay||dry_run=true of=downstream=ali|shown"},
		{"/replay", `{"downstream":"ali","expected":6}`, 409, "", "replay||downstream=ali|refused"},
		{"/replay", `{"downstream":"none"}`, 404, "", "replay||downstream=none|none"},
		{"/replay", `{"downstream":"ali","since":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z"}`, 400, "", ""},
	})
	for _, filter := range f.replayed {
		if !filter.DryRun {
			t.Errorf("it was replayed: %+v", filter)
		}
	}
	f.steps([]step{
		{"/replay", `{"downstream":"ali","expected":7,"number":"+1","event":"x"}`, 200, "rows=7",
			"replay|+1|downstream=ali event=x|done"},
	})
	if last := f.replayed[len(f.replayed)-1]; last != (operator.ReplayFilter{Number: "+1", Event: "x"}) {
		t.Errorf("replayed %+v", last)
	}
	f.replayFails = &event.Error{Kind: event.Unavailable, Text: "cannot owe"}
	f.steps([]step{{"/replay", `{"downstream":"ali"}`, 503, "", "replay||downstream=ali|failed"}})
}

func TestARedriveThatIsStillRefused(t *testing.T) {
	f := newFixture(t)
	f.redriven = operator.Redriven{Result: "refused", Reason: event.Invalid}
	f.steps([]step{
		{"/quarantine/1/redrive?dry_run=true", "", 200, "result=refused",
			"quarantine redrive|quarantine entry 1|dry_run=true|shown"},
		{"/quarantine/1/redrive", "", 200, "result=refused", "quarantine redrive|quarantine entry 1||refused"},
		{"/quarantine/9/redrive", "", 404, "", "quarantine redrive|quarantine entry 9||none"},
	})
	f.redriven = operator.Redriven{Result: "accepted", EventID: event.Identify([]byte("x"))}
	f.steps([]step{{"/quarantine/1/redrive", "", 200, "event_id=" + event.Identify([]byte("x")).String(),
		"quarantine redrive|quarantine entry 1||done"}})
}

// A body that is not as the document has it is told, and nothing is done.
func TestBadBodies(t *testing.T) {
	f := newFixture(t)
	before := len(f.accesses())
	for _, path := range []string{"/downstreams/ali/pause", "/deliveries/retry", "/deliveries/skip", "/replay",
		"/quarantine/redrive", "/quarantine/discard"} {
		for _, body := range []string{
			"{", "[]", "null", `""`, "{}", `{"x":1}`, `{"why":""}`, `{"why":"  "}`, `{"why":1}`, `{"WHY":"x"}`,
			`{"state":"dead","x":1}`, `{"state":"lost"}`, `{"state":"dead","expected":-1}`, `{"state":"dead","expected":"1"}`,
			`{"state":"dead","dry_run":1}`,
			`{"downstream":""}`, `{"downstream":"ali","since":1}`, `{"downstream":"ali","dry_run":"yes"}`, "\xff",
			`{"why":"` + strings.Repeat("x", 300) + `"}`, `{"why":"` + strings.Repeat("x", 100_000) + `"}`,
			strings.Repeat("[", 5_000),
		} {
			what := path + " " + body[:min(len(body), 40)]
			f.problem(what, f.ask(operator.Operator, http.MethodPost, operator.Path+path, body), http.StatusBadRequest)
		}
		f.problem(path, f.ask(operator.Operator, http.MethodPost, operator.Path+path, ""), http.StatusBadRequest)
	}
	f.problem("a body that is not asked for", f.ask(operator.Operator, http.MethodPost,
		operator.Path+"/downstreams/ali/resume", "{}"), http.StatusBadRequest)
	if after := len(f.accesses()); after != before {
		t.Errorf("%d accesses were written", after-before)
	}
}
