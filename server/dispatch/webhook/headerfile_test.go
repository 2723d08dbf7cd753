package webhook

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"numhook/server/certreload"
	"numhook/server/event"
)

func headersFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadHeaders(t *testing.T) {
	got, err := ReadHeaders(headersFile(t, "\ufeff# of billing\r\n\r\nAuthorization: Bearer a:b${x}\r\n  X-Key:\"q\"  "+
		"\n#X-Other: y"))
	if err != nil || len(got) != 2 || got["Authorization"] != "Bearer a:b${x}" || got["X-Key"] != `"q"` {
		t.Errorf("%q, %v", got, err)
	}
	for text, want := range map[string]string{
		"X-Key: a\nhunter2":  "line 2 is no header",
		"X Key: hunter2":     "line 1 is no header",
		": hunter2":          "line 1 is no header",
		"X-Key:":             "line 1: its value is empty, or begins or ends with white space",
		"a: hunter2\n\nA: b": "line 3 has the header of line 1 again",
		"a: hunter2\x00": "line 1: its value holds a line end, another control character, or a " +
			"character that is not ASCII",
		"a: hunter2\rx: y": "line 1: its value holds a line end, another control character, or a " +
			"character that is not ASCII",
		"a: hünter2": "line 1: its value holds a line end, another control character, or a " +
			"character that is not ASCII",
		"webhook-signature: hunter2":        "line 1: numhook sets it by itself",
		"content-length: 5":                 "line 1: numhook sets it by itself",
		"Host: a":                           "line 1: numhook sets it by itself",
		"connection: a":                     "line 1: numhook sets it by itself",
		"Transfer-Encoding: a":              "line 1: numhook sets it by itself",
		"Proxy-Authorization: a":            "line 1: numhook sets it by itself",
		"a: " + strings.Repeat("x", 16<<10): "it cannot be read, or has more than 16 KiB",
	} {
		path := headersFile(t, text)
		_, err := ReadHeaders(path)
		if err == nil || err.Error() != "cannot use the headers file "+path+": "+want ||
			strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	path := headersFile(t, "a: b")
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadHeaders(path); err == nil || !strings.HasSuffix(err.Error(), "others can read it (mode 0640)") {
		t.Errorf("%v", err)
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "none"), t.TempDir(), "/dev/null"} {
		if _, err := ReadHeaders(path); event.KindOf(err) != event.Invalid {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A file that changes is read again before the next attempt; one that became wrong leaves what it held.
func TestTheHeadersFileIsReadAgainWhenItChanges(t *testing.T) {
	var got []string
	d := newDownstream(t, func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization")+" "+r.Header.Get("X-Fixed")+" "+r.Header.Get("User-Agent"))
	})
	path := headersFile(t, "Authorization: one")
	var source certreload.Watched
	s := newSender(t, Config{URL: d.URL, AllowPrivate: true, Headers: map[string]string{"X-Fixed": "f"}, HeadersFile: path,
		Watch: func(w certreload.Watched) { source = w }})
	at := time.Now()
	write := func(text string, mode os.FileMode) {
		t.Helper()
		at = at.Add(time.Second)
		if err := os.WriteFile(path+".new", []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path+".new", at, at); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		change func()
		want   string
		renews bool
	}{
		{func() {}, "one f numhook", false},
		{func() { write("Authorization: two", 0o600) }, "two f numhook", true},
		{func() {}, "two f numhook", false},
		{func() { write("broken", 0o600) }, "two f numhook", false},
		{func() { write("Authorization: open", 0o644) }, "two f numhook", false},
		{func() { write("x-fixed: twice", 0o600) }, "two f numhook", false},
		{func() { _ = os.Remove(path) }, "two f numhook", false},
		{func() { write("Authorization: three\nUser-Agent: ours", 0o600) }, "three f ours", true},
	} {
		step.change()
		if renewed := source.Renew(true); renewed != step.renews {
			t.Errorf("before %s: it was renewed: %v", step.want, renewed)
		}
		wantOutcome(t, s.Send(t.Context(), change), confirmed)
		if last := got[len(got)-1]; last != step.want {
			t.Errorf("it sent %q, want %q", last, step.want)
		}
	}
	if _, err := New(Config{URL: d.URL, AllowPrivate: true, Headers: map[string]string{"authorization": "x"},
		HeadersFile: path}); event.KindOf(err) != event.Invalid {
		t.Errorf("twice: %v", err)
	}
}
