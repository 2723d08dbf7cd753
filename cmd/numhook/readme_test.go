package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"numhook/server"
	"numhook/server/certreload"
	"numhook/server/dispatch"
	"numhook/server/listener"
)

// listing is a registerer that only writes down the names.
type listing struct{ names map[string]bool }

func (l listing) Register(c prometheus.Collector) error {
	described := make(chan *prometheus.Desc, 10)
	c.Describe(described)
	close(described)
	for d := range described {
		l.names[regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(d.String())[1]] = true
	}
	return nil
}
func (l listing) MustRegister(...prometheus.Collector) {}
func (l listing) Unregister(prometheus.Collector) bool { return false }

func TestPagesNameEveryMetric(t *testing.T) {
	l := listing{map[string]bool{}}
	if err := server.NewMetrics().Register(l); err != nil || len(l.names) < 5 {
		t.Fatalf("%v: %v", l.names, err)
	}
	sameTexts(t, "metric", firstCells(t, "metric"), l.names)
}

func TestPagesNameEveryMetricOfTheCheckOfTheStore(t *testing.T) {
	l := listing{map[string]bool{}}
	if err := newIntegrity(slog.New(slog.DiscardHandler)).Register(l); err != nil {
		t.Fatal(err)
	}
	sameTexts(t, "metric", firstCells(t, "metric of the store's check"), l.names)
}

func TestPagesNameEveryMetricOfQuarantine(t *testing.T) {
	l := listing{map[string]bool{}}
	if err := new(heldMetrics).Register(l); err != nil {
		t.Fatal(err)
	}
	sameTexts(t, "metric", firstCells(t, "metric of quarantine"), l.names)
}

func TestPagesNameEveryMetricOfTheClock(t *testing.T) {
	l := listing{map[string]bool{}}
	if err := new(clockWatch).Register(l); err != nil {
		t.Fatal(err)
	}
	sameTexts(t, "metric", firstCells(t, "metric of the clock"), l.names)
}

func TestPagesNameEveryMetricOfRenewal(t *testing.T) {
	l := listing{map[string]bool{}}
	if err := certreload.NewReloader(slog.New(slog.DiscardHandler)).Register(l); err != nil {
		t.Fatal(err)
	}
	sameTexts(t, "metric", firstCells(t, "metric of what is renewed"), l.names)
}

func TestPagesNameEveryMetricOfTheWayOut(t *testing.T) {
	l := listing{map[string]bool{}}
	if err := dispatch.NewMetrics().Register(l); err != nil || len(l.names) < 5 {
		t.Fatalf("%v: %v", l.names, err)
	}
	sameTexts(t, "metric", firstCells(t, "metric of the way out"), l.names)
}

func TestPagesNameEveryMetricOfConnectionsAndTheLog(t *testing.T) {
	l, log := listing{map[string]bool{}}, newServeLog("json", io.Discard)
	defer log.lines.Close(0)
	for _, shown := range []metrics{log, listener.NewMetrics(), buildInfo{}} {
		if err := shown.Register(l); err != nil {
			t.Fatal(err)
		}
	}
	sameTexts(t, "metric", firstCells(t, "metric of connections and the log"), l.names)
}

func TestPagesNameEveryLogKey(t *testing.T) {
	for _, line := range []struct{ file, function, end, header string }{
		{"../../server/accesslog.go", "\nfunc (s *Server) logDelivery(", "", "key"},
		{"../../server/dispatch/observation.go", "\nfunc (d *Dispatch) observe(", "\n}\n", "key of `attempt`"},
	} {
		source, err := os.ReadFile(line.file)
		if err != nil {
			t.Fatal(err)
		}
		_, body, _ := strings.Cut(string(source), line.function)
		if line.end != "" {
			body, _, _ = strings.Cut(body, line.end)
		}
		keys := map[string]bool{}
		for _, key := range regexp.MustCompile(`slog\.[A-Z]\w+\("(\w+)"`).FindAllStringSubmatch(body, -1) {
			keys[key[1]] = true
		}
		if len(keys) < 9 {
			t.Fatalf("found only %v", keys)
		}
		sameTexts(t, "log key", firstCells(t, line.header), keys)
	}
}

func TestPagesNameEveryFlagOfServe(t *testing.T) {
	flags := map[string]bool{}
	newServeCommand().Flags().VisitAll(func(f *pflag.Flag) { flags["--"+f.Name] = true })
	sameTexts(t, "flag", firstCells(t, "flag of `serve`"), flags)
}

func TestPagesNameEveryDependency(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	direct := map[string]bool{}
	for _, line := range strings.Split(string(mod), "\n") {
		if fields := strings.Fields(line); len(fields) >= 2 && !strings.Contains(line, "// indirect") &&
			strings.Contains(fields[0], ".") {
			direct[fields[0]] = true
		}
	}
	sameTexts(t, "dependency", firstCells(t, "module"), direct)
}

// Every command of the pages that needs no machine of its own is run, in order, beside a receiver that has just been
// started.
func TestCommandsOfPagesRun(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	document, err := os.ReadFile("../../spec/number-management.json")
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write([]byte(cnamBody(1_760_000_000_000, "A", "+12025550143") + "\n")); err != nil ||
		zip.Close() != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{ // what the commands name
		"spec/number-management.json": document, "new.json": document,
		"payloads/today.ndjson.gz": packed.Bytes(), "archive.gz": packed.Bytes(),
	} {
		file := filepath.Join(r.folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, content, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	ran := 0
	for _, block := range commandBlock.FindAllStringSubmatch(documentation(t), -1) {
		for _, line := range strings.Split(strings.TrimSpace(block[1]), "\n") {
			words, ours := strings.CutPrefix(line, "bin/numhook ")
			if !ours || strings.HasPrefix(words, "serve") {
				continue
			}
			words = strings.ReplaceAll(words, "http://127.0.0.1:8080", r.url)
			if got := r.run(strings.Fields(words)...); got.code != exitGood && !strings.Contains(words, "--as-of") {
				t.Errorf("%s: exit code %d: %s", line, got.code, got.stderr)
			}
			ran++
		}
	}
	if ran < 20 {
		t.Errorf("only %d commands were run", ran)
	}
}

func TestTargetsOfPagesExist(t *testing.T) {
	help, err := exec.CommandContext(t.Context(), "make", "-C", "../..", "--no-print-directory", "help").CombinedOutput()
	if err != nil {
		t.Fatalf("make help: %v: %s", err, help)
	}
	for _, target := range regexp.MustCompile("(?m)(?:^ *|`|=[^ `]+ )make ([a-z]+)").FindAllStringSubmatch(
		documentation(t), -1) {
		if !strings.Contains(string(help), "make "+target[1]+" ") {
			t.Errorf("a page says make %s, and the Makefile has no such target", target[1])
		}
	}
}

// The five steps of the page are run as they stand, in a copy of the module beside a store with an event, for a
// document with one more member.
func TestStepsWhenTheDocumentChanges(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds the program anew")
	}
	section := onePage(t, "cmd/numhook/document.md")
	var steps []string
	for _, block := range regexp.MustCompile("(?s)   ```sh\n(.*?)\n   ```").FindAllStringSubmatch(section, -1) {
		steps = append(steps, strings.TrimSpace(block[1]))
	}
	if len(steps) != 5 {
		t.Fatalf("%d steps, want 5: %q", len(steps), steps)
	}
	s := newSite(t)
	r := s.start()
	if got := r.post("/", cnamBody(1, "A", "+13125550100")); got.status != http.StatusOK {
		t.Fatal(got)
	}
	module := t.TempDir()
	copyModule(t, "../..", module)
	document, err := os.ReadFile(filepath.Join(module, "spec", "number-management.json"))
	if err != nil {
		t.Fatal(err)
	}
	const member = `"cnam": {`
	if strings.Count(string(document), member) != 2 {
		t.Fatalf("%s is not twice in the document", member)
	}
	grown := strings.ReplaceAll(string(document), member, `"note": {"type": "string"}, `+member)
	if err := os.WriteFile(filepath.Join(module, "new.json"), []byte(grown), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, step := range append([]string{"make build"}, steps...) {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", step)
		cmd.Dir, cmd.Env = module, append(os.Environ(), "NUMHOOK_STORE=sqlite:"+s.file())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("step %d, %s: %v: %s", i, step, err, out)
		}
	}
	generated, err := os.ReadFile(filepath.Join(module, "gen", "receiver", "receiver.gen.go"))
	if err != nil || !strings.Contains(string(generated), "Note *string `json:\"note,omitempty\"`") {
		t.Errorf("the generated model has no member note: %v", err)
	}
}

func TestPagesNameEveryKindBelowTheHandler(t *testing.T) {
	text := documentation(t)
	for _, kind := range listener.Kinds {
		if !strings.Contains(text, "`"+string(kind)+"`") {
			t.Errorf("no page names %s", kind)
		}
	}
}
