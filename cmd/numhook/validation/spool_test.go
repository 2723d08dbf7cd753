package validation

import (
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
)

// TestSpoolLeavesNoName: what a killed run had written is gone with it.
func TestSpoolLeavesNoName(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file keeps its name there")
	}
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	var s spool
	line := strings.Repeat("x", 1<<20)
	for range 6 {
		s.write(line)
	}
	if s.file == nil {
		t.Fatal("the spool is still in memory")
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("a kill would leave %v, %v", left, err)
	}
	from, err := s.read()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(from); err != nil || len(text) != 6<<20 {
		t.Errorf("%d bytes are read back, %v", len(text), err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}
