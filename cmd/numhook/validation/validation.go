// Package validation holds files of payloads against the contract and says what it finds in them, each finding with its
// position in the file. It guarantees that its verdicts are the receiver's (both ask package contract), that one file
// which cannot be read does not hide what is found in the others, that the findings come in the order of the files and
// of the payloads in them however many cores work, and that memory does not grow with the input: it takes blocks of 256
// KiB, and no payload of more than 16 MiB.
//
// The way of a file: inputs finds it, open unpacks it, layout tells how payloads lie in it, lines or array cuts it into
// blocks, checkers hold the payloads of a block against the contract, the run puts the findings in order and counts,
// and a report writes them down.
package validation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"numhook/server/event"
)

// MaxPayload is the size in bytes beyond which a payload is a finding and is not looked at. It is 16 times what the
// receiver takes by default.
const MaxPayload = 16 << 20

// MaxFindings is how many findings of each kind a single payload can have; what is beyond is counted.
const MaxFindings = 1000

// Options say what to validate, against what, and where the findings go.
type Options struct {
	Paths        []string  // files and folders; "-" is Stdin
	Stdin        io.Reader // may be nil when no path is "-"
	Document     *Document
	Event        string    // the operation of every payload; empty for the one that each payload names
	Envelope     Envelope  // of every payload
	Strict       bool      // drift and lint are errors
	Levels       Levels    // of rules that are switched off, lowered or raised
	Fingerprints bool      // findings carry one, even when neither baseline asks for it
	Known        *Baseline // findings in it are known and count for nothing; may be nil
	Record       *Baseline // takes in every finding that is not known; may be nil
	Report       Report
	Written      []string    // files that the run writes: a search of folders passes them over
	Complain     func(error) // is told what cannot be read, when it happens; may be nil
	Progress     *Progress   // may be nil
}

// Summary is what a run counted.
type Summary struct {
	Files      int `json:"files"`      // that could be read to their end
	Payloads   int `json:"payloads"`   // in all files, as far as they could be read
	Challenges int `json:"challenges"` // of the payloads: recorded checks of the address, which break nothing
	Errors     int `json:"errors"`
	Warnings   int `json:"warnings"`
	Known      int `json:"known"`      // findings in the baseline, and therefore not among the errors and warnings
	Omitted    int `json:"omitted"`    // findings beyond MaxFindings, not shown and not among the errors and warnings
	Off        int `json:"off"`        // findings of rules that are switched off
	Unreadable int `json:"unreadable"` // files and folders
}

// ErrNoPayload says that there was nothing to validate.
var ErrNoPayload = &event.Error{
	Kind: event.Internal,
	Text: "cannot validate: there is no payload in what was named",
	Hint: "name a file with a payload, a folder with " + extensionList + ", or - for standard input",
}

// Run validates everything that the options name and ends the report. It fails when the options are wrong, when the
// report cannot be written, when ctx ends, and with ErrNoPayload; what is found in payloads and what cannot be read is
// in the summary and the report.
func Run(ctx context.Context, o Options) (Summary, error) {
	if o.Event != "" && !o.Document.Contract.Has(o.Event) {
		return Summary{}, fmt.Errorf("cannot hold payloads against event %q: the document has no such event (it has %s)",
			o.Event, strings.Join(o.Document.Contract.Events(), ", "))
	}
	r := &run{Options: o, workers: runtime.GOMAXPROCS(0)}
	err := r.begin(ctx)
	r.Progress.clear()
	if err != nil {
		return r.summary, err
	}
	if r.summary.Payloads == 0 && r.summary.Unreadable == 0 && r.summary.Errors == 0 {
		err = ErrNoPayload
	}
	return r.summary, errors.Join(o.Report.End(r.summary), err)
}
