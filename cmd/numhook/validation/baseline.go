package validation

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
)

// baselineVersion is that of the file. Fingerprints of another version do not fit.
const baselineVersion = 1

// Baseline is a set of findings that are known, by their fingerprints. A nil Baseline is empty, and takes nothing in.
type Baseline struct {
	known map[string]*knownFinding
}

// knownFinding is what the file says of findings with one fingerprint: who reads it learns where they are, and no value
// of any payload.
type knownFinding struct {
	File        string `json:"file"`
	Rule        string `json:"rule"`
	Fingerprint string `json:"fingerprint"`
	Count       int    `json:"count"` // how many of them there are, such as in equal lines
}

type baselineFile struct {
	Version  int             `json:"version"`
	Findings []*knownFinding `json:"findings"`
}

// NewBaseline is an empty one, to be filled by a run.
func NewBaseline() *Baseline { return &Baseline{known: map[string]*knownFinding{}} }

// ReadBaseline reads what Write wrote.
func ReadBaseline(path string) (*Baseline, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the baseline %s: %w", path, bare(err))
	}
	var file baselineFile
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("cannot read the baseline %s: it is not one that --write-baseline wrote", path)
	}
	if file.Version != baselineVersion {
		return nil, fmt.Errorf("cannot read the baseline %s: its version is %d, not %d; write it anew with --write-baseline",
			path, file.Version, baselineVersion)
	}
	b := NewBaseline()
	for _, k := range file.Findings {
		b.known[k.Fingerprint] = k
	}
	return b, nil
}

// Clone is a copy to be used up by another run.
func (b *Baseline) Clone() *Baseline {
	if b == nil {
		return nil
	}
	c := NewBaseline()
	for print, k := range b.known {
		copied := *k
		c.known[print] = &copied
	}
	return c
}

// Len is the number of findings.
func (b *Baseline) Len() int {
	n := 0
	for _, k := range b.known {
		n += k.Count
	}
	return n
}

func (b *Baseline) add(f *Finding) {
	if b == nil {
		return
	}
	if k := b.known[f.Fingerprint]; k != nil {
		k.Count++
		return
	}
	b.known[f.Fingerprint] = &knownFinding{f.File, f.Rule, f.Fingerprint, 1}
}

// take reports whether the finding is known, and uses it up: a second one like it has to be known for itself.
func (b *Baseline) take(f *Finding) bool {
	if b == nil {
		return false
	}
	k := b.known[f.Fingerprint]
	if k == nil || k.Count == 0 {
		return false
	}
	k.Count--
	return true
}

// Write writes the baseline into a file: JSON with a finding on each line, in an order that changes little when the
// findings do. A file that is there stays as it is until the new one is whole.
func (b *Baseline) Write(path string) error {
	findings := slices.SortedFunc(maps.Values(b.known), func(a, b *knownFinding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	err := replaceFile(path, func(out io.Writer) error {
		w := &writer{bufio.NewWriter(out)}
		w.printf("{\"version\":%d,\"findings\":[", baselineVersion)
		for i, k := range findings {
			w.printf("%s%s", separator(i), encode(k))
		}
		w.printf("]}\n")
		return w.Flush()
	})
	if err != nil {
		return fmt.Errorf("cannot write the baseline %s: %w", path, bare(err))
	}
	return nil
}

// replaceFile writes a new file in the place of the old one.
func replaceFile(path string, write func(io.Writer) error) error {
	file, err := Create(path)
	if err != nil {
		return err
	}
	defer file.Drop()
	if err := write(file); err != nil {
		return err
	}
	return file.Keep()
}
