package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A downstream that names a file that numhook lives on is refused, by serve and by config check, and the file stays as
// it was.
func TestOwnFilesAreNoTargets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	folder := filepath.Dir(s.file())
	secrets, configFile := filepath.Join(folder, "secrets"), filepath.Join(folder, "numhook.yaml")
	turned := filepath.Join(folder, "a.20260131T140405Z-1")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{secrets, turned} {
		replaceFile(t, name, "the-secret-of-the-sender\n")
	}
	if err := os.Symlink(folder, filepath.Join(s.folder, "other")); err != nil {
		t.Fatal(err)
	}
	s.env = append(s.env, "NUMHOOK_STORE=sqlite:"+s.file())
	for _, c := range []struct{ target, secrets, own string }{
		{s.file(), secrets, s.file()},
		{filepath.Join(s.folder, "other", filepath.Base(s.file())), secrets, s.file()},
		{s.file() + "-wal", secrets, s.file() + "-wal"},
		{s.file() + "-shm", secrets, s.file() + "-shm"},
		{s.file() + ".lock", secrets, s.file() + ".lock"},
		{configFile, secrets, configFile},
		{secrets, secrets, secrets},
		{filepath.Join(folder, "a"), turned, turned},
	} {
		text := "downstreams:\n  - name: journal\n    url: file:" + c.target + "\n    rotate: 1MiB\n    keep: 1\n"
		replaceFile(t, configFile, text)
		args := []string{"--config", configFile}
		checked := append([]string{"config", "check"}, args...)
		s.env = append(s.env, "NUMHOOK_SECRET_FILE="+c.secrets)
		served := append([]string{"serve", "--listen", "127.0.0.1:0", "--operator-listen", ""}, args...)
		want := fmt.Sprintf("%s:2:1: downstream journal would write to %s, which is ", configFile, c.own)
		got := s.run(served...)
		if got.code != exitUse || !strings.Contains(got.stderr, want) {
			t.Errorf("serve with %s: exit code %d, %s", c.target, got.code, got.stderr)
		}
		got = s.run(checked...)
		if got.code != exitNo || !strings.Contains(got.stdout, want) {
			t.Errorf("config check with %s: exit code %d, %s", c.target, got.code, got.stdout+got.stderr)
		}
		if now, err := os.ReadFile(configFile); err != nil || string(now) != text {
			t.Errorf("the configuration is now %q, %v", now, err)
		}
	}
}

// What became of a downstream's file keeps no delivery out: serve warns, and config check refuses.
func TestAFileThatCannotBeWrittenToIsAWarning(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	configFile, target := filepath.Join(s.folder, "numhook.yaml"), filepath.Join(s.folder, "gone", "changes.ndjson")
	replaceFile(t, configFile, "downstreams:\n  - name: journal\n    url: file:"+target+"\n")
	if got := s.run("config", "check", "--config", configFile); got.code != exitNo ||
		!strings.Contains(got.stdout, "is not there; make it") {
		t.Errorf("config check: exit code %d, %s", got.code, got.stdout+got.stderr)
	}
	r := s.start("--config", configFile)
	if !r.log.has("the configuration is served, and may not be meant") {
		t.Errorf("the log is %s", r.log)
	}
	body := cnamBody(1, "A", "+12025550100")
	if got := r.postWith("/", body, signed(testSecret, body)); got.status != 200 {
		t.Errorf("the answer is %v", got)
	}
	if err := os.Mkdir(filepath.Dir(target), 0o700); err != nil {
		t.Fatal(err)
	}
	eventually(t, endTime, "the change is written", func() bool {
		text, _ := os.ReadFile(target)
		return strings.Count(string(text), "\n") == 1
	})
}
