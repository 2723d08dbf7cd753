package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"numhook/server/event"
)

// What a program that fails prints is for whoever looks at the row, escaped, and in no log. It sees none of numhook's
// own environment.
func TestWhatAProgramPrintsIsShownWithItsRow(t *testing.T) {
	t.Parallel() // it mostly waits
	t.Helper()
	s := newSite(t)
	script := "#!/bin/sh\nprintf 'no table \\033[31mcnam\\n' >&2\nenv | sort | cut -d= -f1 | tr '\\n' ' ' >&2\nexit 65\n"
	for name, file := range map[string]struct {
		text string
		mode os.FileMode
	}{
		"load": {script, 0o700}, "numhook.yaml": {"downstreams:\n  - {name: loader, url: \"exec:load\"}\n", 0o600},
	} {
		if err := os.WriteFile(filepath.Join(s.folder, name), []byte(file.text), file.mode); err != nil {
			t.Fatal(err)
		}
	}
	r := s.start("--config", filepath.Join(s.folder, "numhook.yaml"))
	if got := r.post("/", cnamBody(1000, "A", "+12025550143")); got.status != http.StatusOK {
		t.Fatal(got)
	}
	s.awaitStatus(startTime, "loader", "has a dead row", func(d event.DownstreamStatus) bool { return d.Dead == 1 })
	var rows []deliveryRow
	s.read(&rows, "deliveries", "list", "--state", "dead")
	if len(rows) != 1 || rows[0].Output != "" {
		t.Fatalf("the rows are %+v", rows)
	}
	var row deliveryRow
	id := strconv.FormatInt(rows[0].ID, 10)
	s.read(&row, "deliveries", "show", id)
	const want = `no table \u001b[31mcnam` + "\nLANG NUMHOOK_ID PATH PWD"
	if got := strings.Replace(row.Output, "OLDPWD ", "", 1); row.Reason != "exit 65" || got != want {
		t.Errorf("the row has %q, %q; want %q", row.Reason, got, want)
	}
	got := s.run("deliveries", "show", id)
	if !strings.Contains(got.stdout, "\n  printed       no table \\u001b[31mcnam\n                LANG NUMHOOK_ID "+
		"PATH PWD\n") {
		t.Errorf("it is shown as %s", got.stdout)
	}
	if code := r.stop(); code != exitGood {
		t.Errorf("exit code %d", code)
	}
	if log := r.out.String() + r.log.String(); strings.Contains(log, "no table") {
		t.Errorf("it is in the log: %s", log)
	}
}
