package validation_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"numhook/cmd/numhook/validation"
)

func TestWatch(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "in/a.json", "{}")
	write(t, "in/deep/b.ndjson", "{}")
	write(t, "single.txt", "{}")
	write(t, "spec.json", "{}")
	watch, err := validation.NewWatch("in", "./single.txt", "spec.json")
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	for _, step := range []struct {
		change func()
		want   string
	}{
		{func() { write(t, "in/a.json", "{ }") }, "in/a.json"},
		{func() { write(t, "in/deep/b.ndjson", "{ }"); write(t, "single.txt", "{ }") }, "in/deep/b.ndjson single.txt"},
		{func() {
			write(t, "in/.a.json.swp", "")
			write(t, "in/notes.txt", "")
			write(t, "other.json", "")
			write(t, "in/new.jsonl", "")
		}, "in/new.jsonl"},
		{func() { write(t, "new", "[]"); _ = os.Rename("new", "in/a.json") }, "in/a.json"},
		{func() { write(t, "in/fresh/er/c.json", "{}") }, "in/fresh/er/c.json"},
		{func() { write(t, "in/fresh/er/c.json", "{ }") }, "in/fresh/er/c.json"},
		{func() { _ = os.Remove("in/a.json"); write(t, "spec.json", "[]") }, "spec.json"},
	} {
		step.change()
		got, err := watch.Next(t.Context())
		if err != nil || strings.Join(got, " ") != step.want {
			t.Errorf("want %s, got %v, %v", step.want, got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := watch.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := validation.NewWatch("no/such/folder/x.json"); err == nil ||
		err.Error() != "cannot watch no/such/folder/x.json: no such file or directory" {
		t.Errorf("got %v", err)
	}
}
