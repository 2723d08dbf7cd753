package validation

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"numhook/server/event"
)

// Level is how much a finding weighs.
type Level string

// The levels: an error makes a run's answer no.
const (
	Error   Level = "error"
	Warning Level = "warning"
)

// Finding is one thing that was found in a payload. Like the contract's, its message never quotes a value.
type Finding struct {
	// with slashes; relative to the working directory when it lies below it
	File   string `json:"file"`
	Line   int    `json:"line"`   // in the file, from 1
	Column int    `json:"column"` // in UTF-16 code units, from 1
	// which payload of the file, from 1; 0 for what lies between payloads
	Payload     int               `json:"payload,omitempty"`
	Within      string            `json:"payload_at,omitempty"` // RFC 6901, where in its envelope the payload is
	Pointer     string            `json:"pointer"`              // RFC 6901, into the payload
	Level       Level             `json:"level"`
	Kind        event.FindingKind `json:"kind"`
	Rule        string            `json:"rule"`
	Message     string            `json:"message"`
	Event       string            `json:"event,omitempty"` // the operation that the payload was held against
	Spec        string            `json:"spec,omitempty"`  // RFC 6901, into the document
	Fingerprint string            `json:"fingerprint,omitempty"`
	// of a group: how many findings it is, and in how many payloads
	Count    int  `json:"count,omitempty"`
	Payloads int  `json:"payloads,omitempty"`
	Known    bool `json:"-"` // it is in the baseline

	// what a baseline knows it by, and the file's name there
	print, name string
	at          int // byte offset in the block
}

// fingerprint is what stays the same about a finding when lines move, members change positions or white space changes.
// Of a file with a single payload it is the file, the rule and the pointer; where a file has many, the payload is known
// by a hash of its canonical JSON, not by its number. The nth finding of one rule at one pointer of one payload has an
// n of its own.
type fingerprints struct {
	seen map[[2]string]int
}

// set gives the finding its fingerprints: the one that reports show, with the file's name as they show it, and the one
// that a baseline knows, where the file may have another name. identity tells payloads of one file apart, and is nil
// when there is only one.
func (p *fingerprints) set(f *Finding, name string, identity []byte) {
	if p.seen == nil {
		p.seen = map[[2]string]int{}
	}
	position := [2]string{f.Rule, f.Pointer}
	p.seen[position]++
	of := func(name string) string {
		hash := sha256.New()
		for _, part := range []string{"1", name, f.Rule, f.Pointer, strconv.Itoa(p.seen[position])} {
			hash.Write(append([]byte(part), 0))
		}
		hash.Write(identity)
		return hex.EncodeToString(hash.Sum(nil)[:16])
	}
	f.Fingerprint, f.name = of(f.File), name
	if f.print = f.Fingerprint; name != f.File {
		f.print = of(name)
	}
}
