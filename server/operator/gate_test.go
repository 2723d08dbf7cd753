package operator_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"numhook/server/operator"
)

func (f *fixture) with(authorization ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(f.Context(), http.MethodGet, operator.Path+"/numbers", nil)
	r.Header["Authorization"] = authorization
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w
}

func TestWhatIsNoTokenIsRefused(t *testing.T) {
	f := newFixture(t)
	token := f.tokens[operator.Reader]
	for _, header := range [][]string{
		{}, {""}, {"Bearer"}, {"Bearer "}, {"Bearer x"}, {token}, {"Basic " + token}, {"Bearer " + token + "x"},
		{"Bearer " + token[1:]}, {"Bearer " + strings.ToUpper(token)}, {"Bearer " + token, "Bearer " + token},
		{"Bearer reader-1"},
	} {
		w := f.with(header...)
		f.problem(strings.Join(header, "|"), w, http.StatusUnauthorized)
		if w.Header().Get("WWW-Authenticate") == "" || strings.Contains(w.Body.String(), token) {
			t.Errorf("%q: %v %s", header, w.Header(), w.Body)
		}
		f.now = f.now.Add(10 * time.Second)
	}
	for _, header := range []string{"Bearer " + token, "bearer " + token, "BEARER  " + token + " "} {
		if w := f.with(header); w.Code != http.StatusOK {
			t.Errorf("%q: %d %s", header, w.Code, w.Body)
		}
	}
	if strings.Contains(f.log.String(), token[10:]) {
		t.Errorf("the log holds a token: %s", f.log)
	}
}

// Guesses are bounded, and whoever has a token is not held up by those who guess from the same address.
func TestFailedLoginsAreLimited(t *testing.T) {
	f := newFixture(t)
	refused := 0
	for range 50 {
		switch w := f.with("Bearer guess"); w.Code {
		case http.StatusUnauthorized:
			refused++
		default:
			f.problem("a guess", w, http.StatusTooManyRequests)
			if w.Header().Get("Retry-After") != "6" {
				t.Errorf("%v", w.Header())
			}
		}
	}
	if refused != 10 || strings.Count(f.log.String(), "refused") != 10 {
		t.Errorf("%d guesses were looked at, and the log says %s", refused, f.log)
	}
	if w := f.with("Bearer " + f.tokens[operator.Reader]); w.Code != http.StatusOK {
		t.Errorf("a good token: %d", w.Code)
	}
	f.now = f.now.Add(7 * time.Second)
	f.problem("a guess later", f.with("Bearer guess"), http.StatusUnauthorized)
}

// A token counts as the file has it now.
func TestATokenThatWasTakenAway(t *testing.T) {
	f := newFixture(t)
	token, h := operator.NewToken("alice", operator.Reader)
	tokens := operator.Tokens{h}
	handler, err := operator.New(f.config(func() operator.Tokens { return tokens }))
	if err != nil {
		t.Fatal(err)
	}
	f.handler = handler
	if w := f.with("Bearer " + token); w.Code != http.StatusOK {
		t.Errorf("%d", w.Code)
	}
	tokens[0].Role = operator.Viewer
	f.problem("a lower role", f.with("Bearer "+token), http.StatusForbidden)
	tokens = nil
	f.problem("no token", f.with("Bearer "+token), http.StatusUnauthorized)
}

func TestMask(t *testing.T) {
	for number, want := range map[string]string{
		"": "", "+12025550143": "+1202•••0143", "12025550143": "•••0143", "+491701234567": "+4917•••4567", "911": "•••",
		"+1202555014x": "•••", "CANARY": "•••", "+123456789012345": "+1234•••2345", "１２０２５５５０１４３": "•••",
	} {
		if got := operator.Mask(number); got != want {
			t.Errorf("%s: %s, want %s", number, got, want)
		}
	}
}
