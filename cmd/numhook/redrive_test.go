package main

import (
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"numhook/server/event"
)

// noteEvent is an event that only the mended document knows.
const noteEvent = "number_management.peering_number_note_updated"

// A document that was too strict and lacked an event, the deliveries that it cost, and what a rebuilt program makes of
// them: the real way, from the vendored document over the generator and the compiler to a redrive beside the running
// receiver.
func TestRedriveAfterTheDocumentWasMended(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds the program anew")
	}
	s := newSite(t)
	r := s.start()
	const number = "+13125550100"                // the traffic beside it has others
	bare := func(ts int64, city string) string { // an address without its required first line
		return strings.Replace(addressBody(ts, city, number), "address_line1", "city", 1)
	}
	note := strings.ReplaceAll(strings.Replace(cnamBody(4000, "N", number), cnamEvent, noteEvent, 1), `"cnam"`, `"note"`)
	if got := r.post("/", addressBody(2000, "A", number)); got.status != http.StatusOK {
		t.Fatal(got)
	}
	hold := func(path, body string, status int, kind event.Kind) string {
		return strconv.FormatInt(r.post(path, body).problem(t, status, string(kind)).Quarantine, 10)
	}
	late := hold("/", bare(1000, "LATE"), http.StatusBadRequest, event.Invalid)
	newer := hold("/"+addressEvent, bare(3000, "NEWER"), http.StatusBadRequest, event.Invalid)
	unknown := hold("/", note, http.StatusNotFound, event.UnknownEvent)
	hopeless := hold("/", `{`, http.StatusBadRequest, event.Malformed)

	// Before anything is mended a redrive changes nothing.
	for _, args := range [][]string{{"--dry-run"}, {}, {late, newer}} {
		got := redriveResults(t,
			s.finish(s.command(t.Context(), append([]string{"quarantine", "redrive", "--format", "json"}, args...)...)), exitNo)
		for _, result := range got {
			if result.Result != "refused" {
				t.Errorf("%v: %+v", args, result)
			}
		}
	}
	if l := readSnapshot(t, s.file()); len(l.events) != 1 {
		t.Fatalf("%d events after redrives of what does not fit", len(l.events))
	}

	mended := buildMended(t)
	run := func(code int, args ...string) string {
		t.Helper()
		cmd := s.command(t.Context(), append([]string{"quarantine", "redrive", "--format", "json"}, args...)...)
		cmd.Path = mended
		var text []string
		for _, result := range redriveResults(t, s.finish(cmd), code) {
			// the traffic has its own
			if id := strconv.FormatInt(result.ID, 10); slices.Contains([]string{late, newer, unknown, hopeless}, id) {
				text = append(text, id+" "+result.Result)
			}
		}
		return strings.Join(text, ", ")
	}
	expect := func(want string, code int, args ...string) {
		t.Helper()
		if got := run(code, args...); got != want {
			t.Errorf("redrive %v: %s, want %s", args, got, want)
		}
	}
	stop := loadBeside(t, r)
	expect(late+" fits, "+newer+" fits, "+unknown+" fits, "+hopeless+" refused", exitNo, "--dry-run")
	expect(late+" accepted", exitGood, late)
	expect(late+" duplicate", exitGood, late)
	expect(newer+" accepted, "+unknown+" accepted, "+hopeless+" refused", exitNo)
	expect(hopeless+" refused", exitNo)
	expect(late+" duplicate, "+newer+" duplicate", exitGood, late, newer)
	if got := s.run("quarantine", "redrive", "999"); got.code != exitNo || got.stdout != "" ||
		!strings.Contains(got.stderr, "999") {
		t.Errorf("an entry that is not there: %+v", got)
	}
	stop()
	checkRedriven(t, s, number, map[string]string{late: bare(1000, "LATE"), newer: bare(3000, "NEWER"), unknown: note})

	// The mended receiver takes over, and the sender's own copy of a redriven event is one that it has.
	if code := r.stop(); code != exitGood {
		t.Errorf("exit code %d", code)
	}
	r = s.launchProgram(mended)
	r.awaitReady()
	for _, body := range []string{bare(3000, "NEWER"), note} {
		if got := r.post("/", body); got.status != http.StatusOK {
			t.Errorf("delivered again: %v", got)
		}
	}
	r.delivered(2)
	if count := r.countKind("duplicate"); count != 2 {
		t.Errorf("%d duplicates, want 2", count)
	}
	readSnapshot(t, s.file()).check(t)
}

// loadBeside has the running receiver take deliveries until the function that it returns is called.
func loadBeside(t *testing.T, r *receiver) (stop func()) {
	t.Helper()
	load := newTraffic(t, uint64(time.Now().UnixNano()))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { load.run(ctx, r, 0, 2) })
	return func() {
		cancel()
		wg.Wait()
		if load.accepted() == 0 || load.answered(http.StatusServiceUnavailable) > 0 {
			t.Errorf("deliveries beside the redrives were answered %v", load.answers)
		}
	}
}

// checkRedriven looks at what became of the entries, and of the number in them.
func checkRedriven(t *testing.T, s *site, number string, bodies map[string]string) {
	t.Helper()
	readSnapshot(t, s.file()).check(t)
	for id, body := range bodies {
		var entry quarantineShown
		s.read(&entry, "quarantine", "show", id)
		if entry.State != event.Redriven || entry.RedrivenAs == nil || entry.RedrivenAs.String() != identity(t, body) {
			t.Errorf("entry %s: %+v", id, entry)
			continue
		}
		var stored eventShown
		s.read(&stored, "events", "show", entry.RedrivenAs.String())
		if stored.Body != body || strconv.FormatInt(stored.Quarantine, 10) != id || !stored.Received.Equal(entry.Received) ||
			stored.Header != entry.Header {
			t.Errorf("entry %s became %+v", id, stored)
		}
	}
	var history shownNumber
	s.read(&history, "numbers", "show", number, "--history")
	var text []string
	for _, c := range history.History {
		text = append(text, strconv.FormatInt(c.TS, 10)+" "+string(c.State))
	}
	if got, want := strings.Join(text, ", "), "1000 superseded, 2000 replaced, 3000 current"; got != want {
		t.Errorf("the number's history is %s, want %s", got, want)
	}
	if len(history.Values) != 1 || !sameJSON(history.Values[0].Value, []byte(`{"city":"NEWER"}`)) {
		t.Errorf("the number's values are %+v", history.Values)
	}
}

func redriveResults(t *testing.T, got ending, code int) (results []redriven) {
	t.Helper()
	if got.code != code || got.stderr != "" {
		t.Errorf("redrive: exit code %d, want %d: %s", got.code, code, got.stderr)
	}
	if err := json.Unmarshal([]byte(got.stdout), &results); err != nil {
		t.Errorf("redrive: not one JSON array: %v: %s", err, got.stdout)
	}
	return results
}

// buildMended builds the program from a copy of the module, with another document.
func buildMended(t *testing.T) string {
	t.Helper()
	module := t.TempDir()
	copyModule(t, "../..", module)
	mendDocument(t, filepath.Join(module, "spec", "number-management.json"))
	goTool(t, module, "generate", "./gen/receiver")
	program := filepath.Join(module, "bin", "numhook")

	// The compiler asks for what is left to write, and then has it.
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/numhook")
	cmd.Dir = module
	if out, err := cmd.CombinedOutput(); err == nil ||
		!strings.Contains(string(out), "missing method PeeringNumberNoteUpdated") {
		t.Fatalf("the compiler does not ask for the new event's method: %v: %s", err, out)
	}
	method := `package server

import (
	"context"
	"net/http"

	gen "numhook/gen/receiver"
)

func (s *Server) PeeringNumberNoteUpdated(
	_ context.Context, request gen.PeeringNumberNoteUpdatedRequestObject,
) (gen.PeeringNumberNoteUpdatedResponseObject, error) {
	payload := request.Body.Payload
	return reading{
		ts: request.Body.EventTs, accountID: payload.AccountId, carrierCode: payload.Object.CarrierCode,
		numbers: payload.Object.PhoneNumbers,
	}, nil
}

func (r reading) VisitPeeringNumberNoteUpdatedResponse(w http.ResponseWriter) error { return r.answer(w) }
`
	if err := os.WriteFile(filepath.Join(module, "server", "receive_note.go"), []byte(method), 0o600); err != nil {
		t.Fatal(err)
	}
	goTool(t, module, "build", "-o", program, "./cmd/numhook")
	return program
}

// mendDocument makes the address's first line optional, and adds an event.
func mendDocument(t *testing.T, path string) {
	t.Helper()
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var tree struct {
		OpenAPI  string                     `json:"openapi"`
		Info     json.RawMessage            `json:"info"`
		Webhooks map[string]json.RawMessage `json:"webhooks"`
	}
	if err := json.Unmarshal(document, &tree); err != nil {
		t.Fatal(err)
	}
	replace := func(of, old, new string, times int) json.RawMessage {
		var compact strings.Builder
		encoder := json.NewEncoder(&compact)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(tree.Webhooks[of]); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(compact.String(), old); got != times {
			t.Fatalf("%s is %d times in the document, want %d", old, got, times)
		}
		return json.RawMessage(strings.ReplaceAll(compact.String(), old, new))
	}
	tree.Webhooks[addressEvent] = replace(addressEvent, `"required":["address_line1"],`, "", 2)
	tree.Webhooks[noteEvent] = replace(cnamEvent, `"cnam":{`, `"note":{`, 2)
	tree.Webhooks[noteEvent] = replace(noteEvent, cnamEvent, noteEvent, 1)
	if document, err = json.Marshal(tree); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, document, 0o600); err != nil {
		t.Fatal(err)
	}
}

// copyModule copies what the program is built from.
func copyModule(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != from && (strings.HasPrefix(name, ".") || name == "bin" || name == "testdata" || name == dataFolder) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, ".test") || !entry.Type().IsRegular() {
			return nil
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func goTool(t *testing.T, folder string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %v: %v: %s", args, err, out)
	}
}
