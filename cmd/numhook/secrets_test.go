package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// replaceFile puts a file in the place of another one, as a careful program does.
func replaceFile(t testing.TB, path, text string) {
	t.Helper()
	fresh := path + ".new"
	if err := os.WriteFile(fresh, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, path); err != nil {
		t.Fatal(err)
	}
}

// What stands in a secret file beside secrets signs nothing.
func TestOnlySecretsSign(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	secrets := filepath.Join(s.folder, "secrets")
	replaceFile(t, secrets, "\uFEFF# the-comment-of-the-file\r\n\r\n\"the-quoted-secret\"\r\n  'the-other-secret' \r\n")
	r := s.start("--secret-file", secrets)
	for secret, want := range map[string]int{
		"the-quoted-secret": 200, "the-other-secret": 200, testSecret: 200, // which is the environment's
		"# the-comment-of-the-file": 401, "the-comment-of-the-file": 401, "\uFEFF# the-comment-of-the-file": 401,
		"\"the-quoted-secret\"": 401,
		"the-quoted-secret\r":   401, "": 401,
	} {
		body := cnamBody(1, "A", "+12025550100")
		if got := r.postWith("/", body, signed(secret, body)); got.status != want {
			t.Errorf("signed with %q: %v, want %d", secret, got, want)
		}
	}
}

// signers deliver under each of the secrets, over and over, and count what is not answered 200.
type signers struct {
	*receiver
	sent, refused atomic.Int64
	stop          chan struct{}
	ended         sync.WaitGroup
}

// begin has one more sender deliver under a secret.
func (s *signers) begin(secret string) {
	s.ended.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-s.stop:
				return
			default:
			}
			body := cnamBody(int64(i+1), secret, "+12025550100")
			got, err := s.deliver("/", body, signed(secret, body))
			if s.sent.Add(1); err != nil || got.status != http.StatusOK {
				s.refused.Add(1)
				s.Logf("signed with %s: %v %v", secret, got, err)
			}
		}
	})
}

// more waits until so many deliveries more were answered.
func (s *signers) more(many int64) {
	s.Helper()
	from := s.sent.Load()
	eventually(s, endTime, fmt.Sprintf("%d deliveries were answered", many),
		func() bool { return s.sent.Load() >= from+many })
}

// end lets all senders end.
func (s *signers) end() {
	close(s.stop)
	s.ended.Wait()
}

// The file is replaced under load: what is signed with a secret that stands in it is accepted from the first moment on,
// in whatever way it is replaced.
func TestSecretsAreRotatedUnderLoad(t *testing.T) {
	t.Parallel()
	const older, newer, newest = "the-older-secret-1", "the-newer-secret-2", "the-newest-secret-3"
	for name, replace := range map[string]func(t testing.TB, path, text string){
		"by rename": replaceFile,
		"in place": func(t testing.TB, path, text string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"by a symlink": func(t testing.TB, path, text string) {
			t.Helper()
			folder, err := os.MkdirTemp(filepath.Dir(path), "..data")
			if err != nil {
				t.Fatal(err)
			}
			held := filepath.Join(folder, "secrets")
			replaceFile(t, held, text)
			if err := os.Symlink(held, path+".link"); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(path+".link", path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.env = slices.DeleteFunc(s.env, func(v string) bool { return strings.HasPrefix(v, secretsVariable) })
			secrets := filepath.Join(s.folder, "secrets")
			replace(t, secrets, older+"\n")
			load := &signers{receiver: s.start("--secret-file", secrets), stop: make(chan struct{})}
			load.begin(older)
			load.more(20)
			replace(t, secrets, newer+"\n"+older+"\n")
			load.begin(newer)
			load.more(100)
			replace(t, secrets, newest+"\n"+newer+"\n"+older+"\n")
			load.begin(newest)
			load.more(100)
			load.end()
			if refused := load.refused.Load(); refused != 0 {
				t.Errorf("%d of %d deliveries were refused", refused, load.sent.Load())
			}
			replace(t, secrets, newest+"\n")
			body := cnamBody(1, "A", "+12025550100")
			eventually(t, startTime, "the older secret signs no more", func() bool {
				return load.postWith("/", body, signed(older, body)).status == http.StatusUnauthorized
			})
			if got := load.postWith("/", body, signed(newest, body)); got.status != http.StatusOK {
				t.Errorf("signed with the newest: %v", got)
			}
		})
	}
}

// SIGHUP reads the files again, and ends nothing: not while the receiver starts, not under load, not while it drains.
func TestHangupEndsNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.launch()
	eventually(t, startTime, "the receiver says something", func() bool { return r.log.has("secrets are read") })
	r.signal(syscall.SIGHUP)
	r.awaitReady()
	load := &signers{receiver: r, stop: make(chan struct{})}
	load.begin(testSecret)
	load.begin(testSecret)
	for range 20 {
		r.signal(syscall.SIGHUP)
		load.more(10)
	}
	load.end()
	if refused := load.refused.Load(); refused != 0 {
		t.Errorf("%d of %d deliveries were refused", refused, load.sent.Load())
	}
	eventually(t, endTime, "the log speaks of the signal", func() bool {
		return r.log.has("files were read again because of a signal")
	})
	r.signal(syscall.SIGTERM)
	r.signal(syscall.SIGHUP)
	if code := r.awaitEnd(endTime); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
}

// A file that has become wrong, or that cannot be read, leaves the secrets as they were, and that is told: once in the
// log, in a metric, in /readyz.
func TestWrongSecretsChangeNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	secrets := filepath.Join(s.folder, "secrets")
	replaceFile(t, secrets, "the-first-secret\n")
	r := s.start("--secret-file", secrets)
	failures := func() (lines []string) {
		for _, entry := range r.log.entries() {
			if entry["msg"] == "cannot renew: what was read before stays in use" {
				lines = append(lines, fmt.Sprintf("%v|%v|%v", entry["level"], entry["file"], entry["error"]))
			}
		}
		return lines
	}
	body := cnamBody(1, "A", "+12025550100")
	seen := 0
	for _, wrong := range []struct {
		how   func()
		error string
	}{
		{func() { replaceFile(t, secrets, "# both\nthe first canary\n") }, secrets + ":2: the line holds white space"},
		{func() { replaceFile(t, secrets, "# none\n") }, secrets + " holds none"},
		{func() { _ = os.Remove(secrets) }, secrets + " cannot be read: no such file or directory"},
		{func() { replaceFile(t, secrets, "the-first-secret\n"); _ = os.Chmod(secrets, 0o644) },
			secrets + " can be read by others (mode 0644)"},
	} {
		wrong.how()
		eventually(t, startTime, "the log says "+wrong.error, func() bool { return len(failures()) > seen })
		if got := failures(); len(got) != seen+1 || got[seen] != "ERROR|secrets|cannot read the secrets: "+wrong.error {
			t.Errorf("the log says %q, want one line more: %s", got[min(seen, len(got)):], wrong.error)
		}
		seen = len(failures())
		if got := r.postWith("/", body, signed("the-first-secret", body)); got.status != http.StatusOK {
			t.Errorf("%s: %v", wrong.error, got)
		}
		if metric(t, r, `numhook_reload_failed{file="secrets"}`) != "1" {
			t.Errorf("%s: the metric does not tell", wrong.error)
		}
		var ready readiness
		if err := json.Unmarshal([]byte(r.ready().body), &ready); err != nil || !ready.Ready ||
			!strings.Contains(ready.Warnings["renewal"], wrong.error) {
			t.Errorf("%s: /readyz says %+v (%v)", wrong.error, ready, err)
		}
	}
	replaceFile(t, secrets, "the-second-secret\n")
	if got := r.postWith("/", body, signed("the-second-secret", body)); got.status != http.StatusOK {
		t.Errorf("mended: %v", got)
	}
	if metric(t, r, `numhook_reload_failed{file="secrets"}`) != "0" ||
		metric(t, r, `numhook_reloads_total{file="secrets",outcome="renewed"}`) != "1" {
		t.Error("mended: the metrics do not tell")
	}
	if got := r.ready(); strings.Contains(got.body, "renewal") || strings.Contains(r.log.String(), "canary") {
		t.Errorf("mended: /readyz says %s, or the log quotes the file", got)
	}
	if len(failures()) != seen {
		t.Errorf("the log says %q", failures())
	}
}

// metric is the value of one sample of /metrics, as text.
func metric(t testing.TB, r *receiver, sample string) string {
	t.Helper()
	got, err := r.get("/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(got.body) {
		if value, ok := strings.CutPrefix(line, sample+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// A variable that nobody reads is named, without what it holds.
func TestStrayVariablesAreNamed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.env = append(s.env, "NUMHOOK_SECRET=canary-secret-of-no-use", "NUMHOOK_MAXBODY=1", "NUMHOOK_SERVICE_HOST=10.0.0.1",
		"NUMHOOK_PORT=tcp://10.0.0.1:80")
	r := s.start()
	var named []string
	for _, entry := range r.log.entries() {
		if name, ok := entry["variable"].(string); ok {
			named = append(named, fmt.Sprint(entry["level"], " ", name))
		}
	}
	if want := []string{"WARN NUMHOOK_MAXBODY", "WARN NUMHOOK_SECRET"}; !slices.Equal(named, want) ||
		strings.Contains(r.log.String(), "canary") {
		t.Errorf("the log names %v, want %v, and nothing of their values", named, want)
	}
}

func TestVariablesOfEveryVerbAreKnown(t *testing.T) {
	var all []string
	var visit func(*cobra.Command)
	root := newRootCommand()
	visit = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { all = append(all, variableOf(f)+"=x") })
		for _, verb := range cmd.Commands() {
			visit(verb)
		}
	}
	visit(root)
	all = append(all, "NUMHOOK_SECRETS=x", "NUMHOOK_PORT=8080", "numhook_listen=x", "PATH=x", "NUMHOOKS=x")
	if got, want := strayVariables(root, all), []string{"NUMHOOK_PORT", "numhook_listen"}; len(all) < 30 ||
		!slices.Equal(got, want) {
		t.Errorf("of %d variables %v are not known, want %v", len(all), got, want)
	}
}
