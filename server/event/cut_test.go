package event_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"numhook/server/event"
)

func TestCut(t *testing.T) {
	long, name := strings.Repeat("/a", 200), "number_management.some_event"
	for _, c := range []struct{ path, want string }{
		{"/", "/"}, {"/hooks/", "/hooks/"}, {long[:256], long[:256]}, {"/\xff", "/\ufffd"},
		{long, long[:254] + "/a"},
		{long + "/" + name + "//", long[:256-len(name)-1] + "/" + name},
		{"/" + strings.Repeat("x", 300), "/" + strings.Repeat("x", 255)},
		{strings.Repeat("/", 300), strings.Repeat("/", 256)},
		{"/" + strings.Repeat("\U0001f6a8", 100) + "/end", "/" + strings.Repeat("\U0001f6a8", 62) + "/end"},
	} {
		if got := event.CutPath(c.path); got != c.want || event.CutPath(got) != got {
			t.Errorf("path %q is kept as %q, want %q", c.path, got, c.want)
		}
	}
	if got, want := event.CutText("a\xffb"+strings.Repeat("\u00e9", 200)), "a\ufffdb"+strings.Repeat("\u00e9",
		125); got != want || len(got) > event.LongestKept {
		t.Errorf("a text is kept as %q, want %q", got, want)
	}
}

func FuzzCut(f *testing.F) {
	for _, seed := range []string{"", "/", "/a/b", strings.Repeat("/\xff", 200), strings.Repeat("\u20ac", 90)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, got := range []string{event.CutText(text), event.CutPath(text)} {
			if len(got) > event.LongestKept || !utf8.ValidString(got) ||
				(len(text) <= event.LongestKept && utf8.ValidString(text) && got != text) {
				t.Errorf("%q is kept as %q", text, got)
			}
		}
	})
}
