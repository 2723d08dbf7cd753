package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"numhook/server/event"
	"numhook/server/operator"
	"numhook/server/store/postgres/postgrestest"
)

// On a database any receiver shows the whole, and whoever may only read it can look: then it is said that nobody wrote
// that down.
func TestOperatorsOfADatabase(t *testing.T) {
	t.Parallel()
	server := postgrestest.Shared(t)
	database := postgrestest.New(t)
	s := newSite(t)
	s.env = append(s.env, "NUMHOOK_STORE="+database)
	alice := s.newToken("alice", operator.Reader)
	tokens := s.tokenFile(alice.Line)
	one, other := s.start("--operator-tokens", tokens), s.start("--operator-tokens", tokens)
	const number = "+13125550100"
	if got := one.post("/", cnamBody(1, "CANARY", number)); got.status != http.StatusOK {
		t.Fatal(got)
	}
	for _, path := range []string{
		"/numbers/" + number, "/numbers?account=A", "/numbers?prefix=%2B1312", "/events?order=newest&number=" +
			url.QueryEscape(number),
	} {
		if got := other.ask(http.MethodGet, path, alice.Token); got.status != http.StatusOK ||
			!strings.Contains(got.body, `"CANARY"`) && !strings.Contains(path, "account") {
			t.Errorf("%s: %v", path, got)
		}
	}
	if got := one.ask(http.MethodGet, "/accesses?object="+url.QueryEscape(number), alice.Token); got.status !=
		http.StatusOK || strings.Count(got.body, `"who":"alice"`) != 2 {
		t.Errorf("accesses: %v", got)
	}
	if got := other.ask(http.MethodGet, "/status", alice.Token); !strings.Contains(got.body, `"store":"postgres"`) {
		t.Error(got)
	}

	name := postgrestest.Database(database)
	role := "looker_" + name
	statements := strings.ReplaceAll(`CREATE ROLE looker LOGIN PASSWORD 'looker'; GRANT USAGE ON SCHEMA numhook TO looker;
		GRANT SELECT ON ALL TABLES IN SCHEMA numhook TO looker; GRANT SELECT ON ALL SEQUENCES IN SCHEMA numhook TO looker`,
		"looker", role)
	if err := server.Admin(t.Context(), name, statements); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	at.User = url.UserPassword(role, role)
	got := s.run("numbers", "show", number, "--store", at.String())
	if got.code != exitGood || !strings.Contains(got.stdout, "CANARY") ||
		!strings.Contains(got.stderr, "that this was looked at is not written down") {
		t.Errorf("with no right to write: exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
	var list []event.Access
	s.read(&list, "accesses", "list", "--who", "alice")
	if len(list) != 5 {
		t.Errorf("%d accesses of alice: %+v", len(list), list)
	}
}
