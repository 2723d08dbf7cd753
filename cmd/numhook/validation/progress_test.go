package validation_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"numhook/cmd/numhook/validation"
)

func TestProgress(t *testing.T) {
	name := file(t, "many.ndjson", strings.Repeat(line(goodObject)+"\n", 10_000))
	var out bytes.Buffer
	now := time.Unix(0, 0)
	clock := func() time.Time { now = now.Add(300 * time.Millisecond); return now }
	run(t, validation.Options{Paths: []string{name}, Progress: validation.NewProgress(&out, clock)})
	steps := strings.Split(out.String(), "\r\x1b[K")
	if len(steps) < 5 || steps[0] != "" || steps[len(steps)-1] != "" {
		t.Fatalf("got %q", out.String())
	}
	for _, step := range steps[1 : len(steps)-1] {
		if !regexp.MustCompile(`^\d+,\d\d\d payloads, 0 findings; many\.ndjson \d+%$`).MatchString(step) {
			t.Errorf("got %q", step)
		}
	}
	// A short run says nothing.
	out.Reset()
	run(t, validation.Options{Paths: []string{name}, Progress: validation.NewProgress(&out,
		func() time.Time { return time.Unix(0, 0) })})
	if out.Len() > 0 {
		t.Errorf("got %q", out.String())
	}
}
