package validation_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"numhook/cmd/numhook/validation"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func zipped(text string) string {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return packed.String()
}

const bad = `{"event":7}` // one error, wherever it is

func files(got outcome) string {
	var names []string
	for _, f := range got.findings {
		names = append(names, f.File)
	}
	return strings.Join(names, " ")
}

func TestFoldersAreSearched(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"in/a.json", "in/b.ndjson", "in/c.jsonl", "in/D.JSON", "in/deep/er/e.json",
		"other.txt"} {
		write(t, name, bad)
	}
	for _, name := range []string{"in/f.json.gz", "in/g.ndjson.gz", "in/h.jsonl.gz"} {
		write(t, name, zipped(bad+"\n"))
	}
	for _, name := range []string{"in/no.txt", "in/no.json.bak", "in/.hidden.json", "in/.git/no.json", "in/json"} {
		write(t, name, bad)
	}
	got := run(t, validation.Options{Paths: []string{"in", "./in/a.json", "other.txt", "in/../other.txt"}})
	const want = "in/D.JSON in/a.json in/b.ndjson in/c.jsonl in/deep/er/e.json in/f.json.gz in/g.ndjson.gz " +
		"in/h.jsonl.gz other.txt"
	if files(got) != want || got.err != nil {
		t.Errorf("want %s\n got %s, %v", want, files(got), got.err)
	}
}

func TestLoopsOfLinksEnd(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "in/a/x.json", bad)
	write(t, "elsewhere/y.json", bad)
	for link, target := range map[string]string{"in/a/loop": "..", "in/self": "self", "in/b": "a",
		"in/out": "../elsewhere", "in/z.json": "../elsewhere/y.json"} {
		if err := os.Symlink(target, link); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	got := run(t, validation.Options{Paths: []string{"in"}})
	if files(got) != "in/a/x.json in/out/y.json in/z.json" || got.summary.Unreadable != 0 {
		t.Errorf("got %s, %v", files(got), got.unread)
	}
}

// TestOneUnreadableFileHidesNoOther has a file with a finding before and behind each kind of trouble.
func TestOneUnreadableFileHidesNoOther(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "a.json", bad)
	write(t, "z.json", bad)
	whole := zipped(strings.Repeat(bad+"\n", 1000) + strings.Repeat(line(goodObject)+"\n", 5000))
	damaged := []byte(zipped(bad))
	damaged[len(damaged)-5] ^= 1
	write(t, "no-payloads/readme.txt", "x")
	write(t, "cut.ndjson.gz", whole[:len(whole)-9])
	write(t, "damaged.json.gz", string(damaged))
	write(t, "no.json.gz", line(goodObject))
	write(t, "empty.json.gz", "")
	if err := os.Symlink("gone", "link.json"); err != nil {
		t.Fatal(err)
	}
	write(t, "folder/link.json", "")
	_ = os.Remove("folder/link.json")
	_ = os.Symlink("../gone", "folder/link.json")
	for path, want := range map[string]string{
		"missing.json":    "cannot read missing.json: no such file or directory",
		"no-payloads":     "cannot read no-payloads: it holds no file of payloads (*.json, *.ndjson, *.jsonl, each also .gz)",
		"damaged.json.gz": "cannot read damaged.json.gz: its compressed data is damaged: the checksum is wrong",
		"no.json.gz":      "cannot read no.json.gz: it is not gzip data, or something else follows the gzip data",
		"empty.json.gz":   "cannot read empty.json.gz: its compressed data is cut off",
		"link.json":       "cannot read link.json: no such file or directory",
		"folder":          "cannot read folder/link.json: no such file or directory",
		"":                "cannot read .: no such file or directory",
	} {
		got := run(t, validation.Options{Paths: []string{"a.json", path, "z.json"}})
		if files(got) != "a.json z.json" || strings.Join(got.unread, "\n") != want || got.err != nil ||
			got.summary.Unreadable != 1 {
			t.Errorf("%s: got %s, %q, %v", path, files(got), got.unread, got.err)
		}
	}
	// What could be read of a file before it was cut off counts.
	got := run(t, validation.Options{Paths: []string{"a.json", "cut.ndjson.gz", "z.json"}})
	if got.summary.Errors != 1002 || got.summary.Unreadable != 1 || got.unread[0] != "cannot read cut.ndjson.gz: its "+
		"compressed data is cut off" {
		t.Errorf("got %+v, %q", got.summary, got.unread)
	}
}

func TestNamedPipes(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := syscall.Mkfifo("pipe.ndjson", 0o600); err != nil {
		t.Skipf("no named pipes here: %v", err)
	}
	// In a folder it is told of, and not waited for.
	got := run(t, validation.Options{Paths: []string{"."}})
	if len(got.unread) != 1 || got.unread[0] != "cannot read pipe.ndjson: it is a named pipe; name it itself to "+
		"have it read" {
		t.Errorf("got %q", got.unread)
	}
	go func() {
		pipe, err := os.OpenFile("pipe.ndjson", os.O_WRONLY, 0)
		if err == nil {
			_, _ = io.WriteString(pipe, bad+"\n"+bad)
			_ = pipe.Close()
		}
	}()
	if got := run(t, validation.Options{Paths: []string{"pipe.ndjson"}}); positions(got.findings) != "1:10 type /"+
		"event\n2:10 type /event\n" {
		t.Errorf("got %s%v", positions(got.findings), got.unread)
	}
}

func TestNothingToValidate(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "empty.ndjson", "")
	write(t, "blank.jsonl", "\n \r\n\t\n")
	write(t, "array.json", " [ ] ")
	for _, name := range []string{"empty.ndjson", "blank.jsonl", "array.json"} {
		got := run(t, validation.Options{Paths: []string{name}})
		if !errors.Is(got.err, validation.ErrNoPayload) || got.summary.Files != 1 {
			t.Errorf("%s: got %+v, %v", name, got.summary, got.err)
		}
	}
	write(t, "good.json", line(goodObject))
	if got := run(t, validation.Options{Paths: []string{"."}}); got.err != nil || got.summary.Payloads != 1 ||
		got.summary.Files != 4 {
		t.Errorf("got %+v, %v", got.summary, got.err)
	}
}

// TestStandardInputIsGuessed has the layouts of standard input, each read in one piece and byte by byte.
func TestStandardInputIsGuessed(t *testing.T) {
	good := line(goodObject)
	pretty := strings.Replace(example(t, cnamEvent), "3457", "1.5", 1)
	for _, one := range []struct{ name, text, want string }{
		{"nothing", "", "1:1 empty \n"},
		{"one", bad, "1:10 type /event\n"},
		{"one line", bad + "\n", "1:10 type /event\n"},
		{"lines", good + "\n" + bad + "\n" + bad, "2:10 type /event\n3:10 type /event\n"},
		{"lines, the first malformed", "{\"event\":}\n" + bad, "1:10 syntax /event\n2:10 type /event\n"},
		{"pretty", pretty, "7:23 type /payload/object/carrier_code\n"},
		{"pretty, bom", "\ufeff" + strings.Replace(pretty, "1.5", "1", 1), "1:1 byte-order-mark \n"},
		{"array", "\n[" + good + ",\n" + bad + "]", "3:10 type /event\n"},
		{"array, bom", "\ufeff[" + bad + "]", "1:11 type /event\n"},
		{"lines, bom", "\ufeff\n" + good + "\n" + bad, "3:10 type /event\n"},
		{"cut", "{\n", "2:1 syntax \n"},
		{"numbers", "1\n2\n", "1:1 type \n2:1 type \n"},
	} {
		for how, in := range map[string]io.Reader{"whole": strings.NewReader(one.text),
			"bytes": iotest.OneByteReader(strings.NewReader(one.text))} {
			got := run(t, validation.Options{Paths: []string{"-"}, Stdin: in})
			if positions(got.findings) != one.want || got.err != nil {
				t.Errorf("%s, %s: want\n%sgot\n%s%v", one.name, how, one.want, positions(got.findings), got.err)
			}
			if len(got.findings) > 0 && got.findings[0].File != "-" {
				t.Errorf("the file is named %q", got.findings[0].File)
			}
		}
	}
	fails := iotest.ErrReader(errors.New("the line is dead"))
	got := run(t, validation.Options{Paths: []string{"-"},
		Stdin: io.MultiReader(strings.NewReader(good+"\n"+bad+"\n{\"event"), fails)})
	if positions(got.findings) != "2:10 type /event\n" || strings.Join(got.unread, "") != "cannot read -: the "+
		"line is dead" {
		t.Errorf("got %s%q", positions(got.findings), got.unread)
	}
}

// endless is a text without end, as far as a test goes.
type endless struct {
	begin string
	fill  string
	left  int64
}

func (e *endless) Read(to []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := copy(to, e.begin)
	e.begin = e.begin[n:]
	for len(e.begin) == 0 && n < len(to) {
		n += copy(to[n:], e.fill)
	}
	e.left -= int64(n)
	return n, nil
}

// TestLargePayloads has 64 MiB in one line, in every layout: a finding, in little memory.
func TestLargePayloads(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 768 MiB")
	}
	const size = 64 << 20
	for name, in := range map[string]io.Reader{
		"one string": &endless{begin: `{"event":"`, fill: "xxxxxxxxxxxxxxxx", left: size},
		"brackets":   &endless{begin: "", fill: "[[[[[[[[[[[[[[[[", left: size},
		"elements":   &endless{begin: `{"event":[1`, fill: ",1,1,1,1,1,1,1,1", left: size},
		"space":      &endless{begin: "{", fill: "                ", left: size},
	} {
		for _, before := range []string{"", line(goodObject) + "\n", "[" + line(goodObject) + ",\n"} {
			var began, ended runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&began)
			got := run(t, validation.Options{Paths: []string{"-"}, Stdin: io.MultiReader(strings.NewReader(before), in)})
			runtime.ReadMemStats(&ended)
			if len(got.findings) == 0 {
				t.Fatalf("%s after %q: nothing was found", name, before)
			}
			found := got.findings[len(got.findings)-1]
			if found.Rule != "payload-size" && found.Rule != "nesting" && found.Rule != "syntax" || got.summary.Errors != 1 ||
				got.err != nil {
				t.Errorf("%s after %q: got %s%v", name, before, positions(got.findings), got.err)
			}
			if grown := int64(ended.Sys) - int64(began.Sys); grown > 200<<20 {
				t.Errorf("%s after %q took %d MiB", name, before, grown>>20)
			}
			in = &endless{begin: in.(*endless).begin, fill: in.(*endless).fill, left: size}
		}
	}
}

func TestLineBehindALargeOne(t *testing.T) {
	large := `{"event":"` + strings.Repeat("é\r", validation.MaxPayload/3) + strings.Repeat("é", 1<<20) + `"}`
	text := bad + "\n" + large + "\r\n" + bad + "\n" + large + "\n" + line(goodObject) + "\n" + bad
	got := run(t, validation.Options{Paths: []string{"-"}, Stdin: strings.NewReader(text)})
	second := strings.Count(large, "\r") + 3
	want := fmt.Sprintf("1:10 type /event\n2:1 payload-size \n%d:10 type /event\n%d:1 payload-size \n%d:10 type /event\n",
		second, second+1, 2*second)
	if positions(got.findings) != want || got.summary.Payloads != 6 || got.findings[4].Payload != 6 {
		t.Errorf("want\n%sgot\n%s%+v", want, positions(got.findings), got.summary)
	}
}

func TestDeepNesting(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 100_000)
	for name, text := range map[string]string{"x.json": deep, "x.ndjson": deep + "\n", "y.json": "[" + deep + "]",
		"z.json": strings.Repeat("[", 100_000)} {
		got := run(t, validation.Options{Paths: []string{file(t, name, text)}})
		if len(got.findings) != 1 || got.findings[0].Rule != "nesting" {
			t.Errorf("%s: got %s%v", name, positions(got.findings), got.err)
		}
	}
}
