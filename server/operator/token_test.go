package operator

import (
	"errors"
	"strings"
	"testing"

	"numhook/server/event"
)

func TestATokenIsFoundByItsLine(t *testing.T) {
	var lines []string
	tokens := map[string]Holder{}
	for i, name := range []string{"alice", "bob@example.com", "ci-1"} {
		token, h := NewToken(name, Roles[i])
		if !strings.HasPrefix(token, tokenStart) || strings.Contains(h.Line(), token) {
			t.Errorf("token %s, line %s", token, h.Line())
		}
		tokens[token], lines = h, append(lines, h.Line())
	}
	file := "\uFEFF# who may\r\n\r\n" + strings.Join(lines, "\r\n") + "\n"
	all, err := ParseTokens("tokens", []byte(file))
	if err != nil || len(all) != len(tokens) {
		t.Fatal(all, err)
	}
	for token, h := range tokens {
		if found, ok := all.Find(token); !ok || found != h {
			t.Errorf("%s is found as %+v", h.Name, found)
		}
		for _, other := range []string{token + "x", token[:len(token)-1], strings.ToUpper(token), "", h.Line(), h.Name} {
			if found, ok := all.Find(other); ok {
				t.Errorf("%q is found as %s", other, found.Name)
			}
		}
	}
}

func TestAFileOfTokensMayHoldNone(t *testing.T) {
	_, h := NewToken("alice", Reader)
	for _, file := range []string{"", "\n \n", "# " + h.Line()} {
		if all, err := ParseTokens("tokens", []byte(file)); err != nil || len(all) != 0 {
			t.Errorf("%q: %v, %v", file, all, err)
		}
	}
}

func TestAFileOfTokensThatIsWrong(t *testing.T) {
	token, h := NewToken("alice", Reader)
	other, second := NewToken("alice", Viewer)
	renamed := strings.Replace(h.Line(), "alice", "bob", 1)
	for _, c := range []struct{ file, says string }{
		{"\xff\xfe", "tokens is not UTF-8 text"},
		{token, "tokens:1: the line has 1 words, not 3"},
		{"\nalice reader " + token, "tokens:2: the line holds a token, and not its SHA-256"},
		{h.Line() + " #", "tokens:1: the line has 4 words, not 3"},
		{h.Line()[:len(h.Line())-1], "tokens:1: the line has no SHA-256 of 64 hexadecimal digits"},
		{h.Line() + "0", "tokens:1: the line has no SHA-256 of 64 hexadecimal digits"},
		{strings.Replace(h.Line(), " reader ", " root ", 1), "tokens:1: the line has a role that is not viewer, reader or " +
			"operator"},
		{strings.Replace(h.Line(), "alice", "-a", 1), "tokens:1: the line has a name that is not " + NameForm},
		{h.Line() + "\n" + second.Line(), "tokens:2: the line has a name that a line above has"},
		{h.Line() + "\n" + renamed, "tokens:2: the line has the token of a line above"},
	} {
		_, err := ParseTokens("tokens", []byte(c.file))
		var told *event.Error
		if !errors.As(err, &told) || told.Kind != event.Invalid || told.Hint == "" ||
			told.Error() != "cannot read the operators' tokens: "+c.says {
			t.Errorf("%q: %v, want %s", c.file, err, c.says)
			continue
		}
		if text := told.Error() + told.Hint; strings.Contains(text, token) || strings.Contains(text, other) {
			t.Errorf("the error quotes a token: %s", text)
		}
	}
}

func TestEachRoleMayWhatTheOneBeforeMay(t *testing.T) {
	for i, role := range Roles {
		for j, needed := range Roles {
			if got := role.May(needed); got != (i >= j) {
				t.Errorf("%s may what a %s may: %v", role, needed, got)
			}
		}
		if Role("").May(role) || Role("root").May(role) || role.May("") || role.May("root") {
			t.Errorf("no role, or for no role, beside %s", role)
		}
	}
}
