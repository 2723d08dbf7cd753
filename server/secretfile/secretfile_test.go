package secretfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"numhook/server/event"
)

const good = "zoomwebhooksecret"

func texts(secrets []Secret) string {
	var all []string
	for _, s := range secrets {
		all = append(all, fmt.Sprintf("%d %s", s.Line, s.Text))
	}
	return strings.Join(all, "|")
}

func TestWhatIsNoPartOfASecret(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "",
		"# a comment of many words\n\n  \t\n": "",
		good:                                  "1 " + good,
		"\uFEFF" + good + "\r\n":              "1 " + good,
		"\uFEFF# " + good + "\r\n\"" + good + "\"\r\n  'another-good-secret' \r\n": "2 " + good + "|3 another-good-secret",
		"  #" + good + "\n":                            "",
		"'#a-secret-with-a-mark'":                      "1 #a-secret-with-a-mark",
		"\u00a0" + good + "\u00a0\n":                   "1 " + good,
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw":       "1 whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==":   "1 whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=": "1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"+/=0123456789:;<>?@{}~":                       "1 +/=0123456789:;<>?@{}~",
	} {
		got, err := Parse("f", []byte(text))
		if err != nil || texts(got) != want {
			t.Errorf("%q: %s (%v), want %s", text, texts(got), err, want)
		}
	}
}

// utf16le is what a shell of Windows writes.
func utf16le(text string) string {
	var out strings.Builder
	for _, c := range []byte(text) {
		out.Write([]byte{c, 0})
	}
	return out.String()
}

func TestLinesThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"canary-secret with blank":             "f:1: the line holds white space",
		"# good\ncanary\tsecret-with-a-tab":    "f:2: the line holds white space",
		"canary-secret-\u00a0-no-break":        "f:1: the line holds white space",
		"canary-secret # the old one":          "f:1: the line holds white space",
		"canary-secret-a\rcanary-secret-b\r":   "f:1: the line holds white space",
		"\" canary-secret-quoted \"":           "f:1: the line holds white space",
		"canary-123456789":                     "",
		"canary-12345678":                      "f:1: the line is shorter than 16 characters",
		"\"canary-12345678\"":                  "f:1: the line is shorter than 16 characters",
		"ä-canary-äöüß-":                       "f:1: the line is shorter than 16 characters",
		"\n\nZOOM_TOKEN=canary-secret":         "f:3: the line has the form KEY=value",
		"export ZOOM_TOKEN=canary-secret":      "f:1: the line has the form KEY=value",
		"zoom.token = \"canary-secret\"":       "f:1: the line has the form KEY=value",
		"NUMHOOK_SECRETS=":                     "f:1: the line has the form KEY=value",
		"ZOOM_TOKEN_CANARY_SECRET==":           "f:1: the line has the form KEY=value",
		"\"canary-secret-cut-off":              "f:1: the line holds a quotation mark",
		"\"\"canary-secret-twice\"\"":          "f:1: the line holds a quotation mark",
		"\u201ccanary-secret-by-a-word\u201d":  "f:1: the line holds a quotation mark",
		"canary-secret-one,canary-secret-two":  "f:1: the line holds a comma",
		"canary-secret\x00-with-nul-in-it":     "f:1: the line holds a control character",
		"canary-secret\x1b[31m-with-colour":    "f:1: the line holds a control character",
		"canary-secret\u200b-no-width":         "f:1: the line holds a character that cannot be seen",
		"canary-secret-\uFEFF-a-mark":          "f:1: the line holds a character that cannot be seen",
		"canary-secret-\xff-not-text":          "f is not UTF-8 text",
		"\xff\xfe" + utf16le("canary-secret1"): "f is UTF-16",
		"\xfe\xff\x00c\x00a\x00n":              "f is UTF-16",
		utf16le("canary-secret-without-mark"):  "f is UTF-16",
	} {
		_, err := Parse("f", []byte(text))
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		e, _ := errors.AsType[*event.Error](err)
		if e == nil || e.Err.Error() != want || e.Hint == "" || e.Kind != event.Invalid {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
		for _, shown := range []string{fmt.Sprintf("%v", err), fmt.Sprintf("%+v", e)} {
			if strings.Contains(shown, "canary") {
				t.Errorf("%q: the error quotes it: %s", text, shown)
			}
		}
	}
}

func TestVariables(t *testing.T) {
	for value, want := range map[string]string{
		"":                                    "",
		" , ,":                                "",
		good + ", another-good-one":           "1 " + good + "|2 another-good-one",
		"\"" + good + ",another-good-one\"":   "1 " + good + "|2 another-good-one",
		"\"" + good + "\",'another-good-one'": "1 " + good + "|2 another-good-one",
		"# old, " + good + "\nanother-good-one\r\n": "1 another-good-one",
		good + ",#another-good-one":                 "1 " + good,
		"\uFEFF" + good:                             "1 " + good,
		good + ",canary": "V holds a secret (number 2) that is shorter than 16 " +
			"characters",
		"\"canary-secret-one,canary-secret-two":                   "V holds a secret (number 1) that holds a quotation mark",
		"KEY=canary-secret-one":                                   "V holds a secret (number 1) that has the form KEY=value",
		"canary-secret-of-one canary-secret-of-two, another-one!": "V holds a secret (number 1) that holds white space",
	} {
		got, err := ParseVariable("V", value)
		shown := texts(got)
		if e, ok := errors.AsType[*Fault](err); ok {
			shown = e.Error()
		}
		if shown != want {
			t.Errorf("%q: %s, want %s", value, shown, want)
		}
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(at(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("good", good, 0o400)
	write("group", good, 0o640)
	write("others", good, 0o604)
	write("large", strings.Repeat("#\n", MaxFile), 0o600)
	if err := syscall.Mkfifo(at("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("good", at("link")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"good": "", "link": "",
		"group":  " can be read by others (mode 0640)",
		"others": " can be read by others (mode 0604)",
		"large":  " has more than 16 KiB",
		"fifo":   " is not a file",
		"":       " is not a file",
		"none":   " cannot be read: no such file or directory",
	} {
		ended := make(chan error, 1)
		go func() {
			_, err := Read(at(name))
			ended <- err
		}()
		select {
		case err := <-ended:
			if e, ok := errors.AsType[*Fault](err); (want == "") != (err == nil) || ok && (e.Error() != at(name)+want ||
				e.Remedy == "") {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: reading it waits", name)
		}
	}
}

func TestASecretDoesNotShowItself(t *testing.T) {
	secret := Secret{Line: 7, Text: "canary"}
	for _, shown := range []string{fmt.Sprint(secret), fmt.Sprintf("%v %+v %#v %s", secret, secret, secret, &secret),
		fmt.Sprint([]Secret{secret})} {
		if strings.Contains(shown, "canary") {
			t.Error(shown)
		}
	}
}
