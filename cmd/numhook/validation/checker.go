package validation

import (
	"cmp"
	"crypto/sha256"
	"runtime"
	"slices"

	"numhook/server/contract"
	"numhook/server/event"
)

// checker holds payloads against the contract. It belongs to one goroutine.
type checker struct {
	contract     *contract.Contract
	event        string // of every payload, or empty
	fingerprints bool
	names        func(file string) string // the name of a file in the baseline
	source       *source                  // of the last block, and what the baseline calls it
	name         string

	document contract.Document
	b        *block
	at       int      // in the block's text, how far has been measured
	position position // of at, from the beginning of the block
}

// check goes through the payloads of a block. A payload with nothing to tell costs a parse and a walk, and no memory.
func (k *checker) check(b *block) {
	k.b, k.at, k.position = b, 0, position{}
	if k.fingerprints && k.source != b.source {
		k.source, k.name = b.source, k.names(b.source.name)
	}
	b.eachPayload(k.checkPayload)
	if b.fault != nil {
		k.locateFault(b.fault)
	}
	b.moved = k.measure(len(b.text)).then(b.passed)
	if b.consumed != nil {
		// it may hold 16 times as much as the payload, and must not do so beside the next one's
		k.document = contract.Document{}
		runtime.GC()
	}
}

// checkPayload checks the payload that begins at that place of the block.
func (k *checker) checkPayload(begin int, text []byte) {
	k.b.count++
	d := &k.document
	d.Reset(text)
	name, named := k.event, true
	if name == "" {
		name, named = d.EventName()
	}
	if named && k.contract.Clean(name, d) {
		return
	}
	var result contract.Result
	if named {
		result = k.contract.Check(name, d, MaxFindings)
	} else {
		_, result.Violations = contract.Operation(d)
	}
	k.b.omitted += result.Omitted
	from := len(k.b.findings)
	for _, list := range [][]event.Finding{result.Violations, result.Drift, result.Lint} {
		for i := range list {
			k.b.findings = append(k.b.findings, findingOf(&list[i], name))
		}
	}
	k.locate(k.b.findings[from:], begin)
}

func findingOf(f *event.Finding, operation string) Finding {
	return Finding{Kind: f.Kind, Rule: f.Rule, Pointer: f.Pointer, Message: f.Message, Event: operation, Spec: f.Spec,
		Line: f.Line, Column: f.Column, at: f.Offset}
}

// locate turns the findings of the payload that begins at that place from positions in the payload into positions in
// the block, and puts them in order.
func (k *checker) locate(findings []Finding, begin int) {
	start := k.measure(begin)
	var identity []byte
	if k.fingerprints && !k.b.single {
		identity = identityOf(&k.document)
	}
	for i := range findings {
		f := &findings[i]
		if f.Rule == ruleUnknownEvent {
			k.atEventName(f)
		}
	}
	slices.SortStableFunc(findings, func(a, b Finding) int { return cmp.Compare(a.at, b.at) })
	var prints fingerprints
	for i := range findings {
		f := &findings[i]
		if f.Line == 1 {
			f.Column += start.columns
		}
		f.Line += start.lines
		f.at += begin
		f.Payload = k.b.count
		f.File = k.b.source.name
		if k.fingerprints {
			prints.set(f, k.name, identity)
		}
	}
}

// atEventName moves the finding that the payload's event is unknown from the root to the name that it gives. Where that
// stands the contract knows: held against an event that it has, the same name is a lint.
func (k *checker) atEventName(f *Finding) {
	events := k.contract.Events()
	if len(events) == 0 {
		return
	}
	for _, lint := range k.contract.Check(events[0], &k.document, 0).Lint {
		if lint.Rule == ruleUnknownName {
			f.Pointer, f.Line, f.Column, f.at, f.Message = lint.Pointer, lint.Line, lint.Column, lint.Offset, unknownEventText
		}
	}
}

// locateFault adds what is wrong outside of a payload, or about a payload that is not looked at.
func (k *checker) locateFault(found *fault) {
	p := k.measure(found.at)
	f := Finding{Kind: event.Violation, Rule: found.rule, Message: found.message, Line: p.lines + 1, Column: p.columns + 1,
		at: found.at, File: k.b.source.name}
	if found.payload {
		k.b.count++
		f.Payload = k.b.count
	}
	if k.fingerprints {
		new(fingerprints).set(&f, k.name, nil)
	}
	k.b.findings = append(k.b.findings, f)
}

// measure tells how far it is from the beginning of the block to that place. It is asked for positions in ascending
// order.
func (k *checker) measure(at int) position {
	k.position = k.position.then(measure(k.b.text[k.at:at]))
	k.at = at
	return k.position
}

// identityOf is a hash of the payload: of its canonical JSON, or of the text as it is when it is not strict JSON.
func identityOf(d *contract.Document) []byte {
	text, ok := d.Canonical()
	if !ok {
		text = d.JSON()
	}
	hash := sha256.Sum256(text)
	return hash[:]
}
