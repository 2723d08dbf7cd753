package validation

import (
	"bytes"
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

	envelope Envelope
	document contract.Document
	inner    contract.Document // of a payload in an envelope
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
		k.document, k.inner = contract.Document{}, contract.Document{}
		runtime.GC()
	}
}

// checkPayload checks the value that begins at that place of the block: a payload, or an envelope of payloads.
func (k *checker) checkPayload(begin int, text []byte) {
	if k.b.lines {
		if lines := bytes.Count(text, lf); lines > 0 {
			k.locateFault(&fault{at: begin, rule: rulePayloadLine.ID, message: "this value goes on over " +
				amount(lines+1, "line") + ", and the file has a payload on each line: put it on one, or name the file *.json"})
		}
	}
	k.document.Reset(text)
	if !k.envelope.given && k.clean(&k.document) {
		k.b.count++
		return
	}
	inside, is := k.envelope.in(&k.document, text)
	switch {
	case !is:
		k.checkOne(&payload{document: &k.document, begin: begin, alone: k.b.single})
	case len(inside) == 0:
		k.locateFault(&fault{at: begin, rule: rulePayloadAt.ID, message: k.envelope.missing(), payload: true})
	}
	for i := range inside {
		one := &inside[i]
		k.inner.Reset(one.text)
		if k.clean(&k.inner) {
			k.b.count++
			continue
		}
		k.checkOne(&payload{document: &k.inner, begin: begin + one.Start, alone: k.b.single && len(inside) == 1,
			within: one.Pointer, quoted: one.IsText})
	}
}

// payload is a payload in the block.
type payload struct {
	document *contract.Document
	begin    int    // in the block: its own beginning, or that of the string that holds it
	alone    bool   // in its file
	within   string // the pointer to it in its envelope
	quoted   bool   // it is what a string says
}

func (k *checker) named(d *contract.Document) (string, bool) {
	if k.event != "" {
		return k.event, true
	}
	return d.EventName()
}

// clean reports whether there is nothing to tell of a payload.
func (k *checker) clean(d *contract.Document) bool {
	name, named := k.named(d)
	return named && k.contract.Clean(name, d)
}

// checkOne looks at a payload of which there is something to tell.
func (k *checker) checkOne(p *payload) {
	k.b.count++
	d := p.document
	if k.event == "" && isChallenge(d) {
		k.b.challenges++
		return
	}
	var result contract.Result
	name, named := k.named(d)
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
	k.locate(k.b.findings[from:], p)
}

func findingOf(f *event.Finding, operation string) Finding {
	return Finding{Kind: f.Kind, Rule: f.Rule, Pointer: f.Pointer, Message: f.Message, Event: operation, Spec: f.Spec,
		Line: f.Line, Column: f.Column, at: f.Offset}
}

// locate turns the findings of a payload from positions in the payload into positions in the block, and puts them in
// order. What is in a string stands at the string: an escape in it makes any other place a guess.
func (k *checker) locate(findings []Finding, p *payload) {
	start := k.measure(p.begin)
	var identity []byte
	if k.fingerprints && !p.alone {
		identity = identityOf(p.document)
	}
	for i := range findings {
		f := &findings[i]
		if f.Rule == ruleUnknownEvent {
			k.atEventName(f, p.document)
		}
	}
	slices.SortStableFunc(findings, func(a, b Finding) int { return cmp.Compare(a.at, b.at) })
	var prints fingerprints
	for i := range findings {
		f := &findings[i]
		if p.quoted {
			f.Message, f.Line, f.Column, f.at = inString(f), 1, 1, 0
		}
		if f.Line == 1 {
			f.Column += start.columns
		}
		f.Line += start.lines
		f.at += p.begin
		f.Payload, f.Within = k.b.count, p.within
		f.File = k.b.source.name
		if k.fingerprints {
			prints.set(f, k.name, identity)
		}
	}
}

// atEventName moves the finding that the payload's event is unknown from the root to the name that it gives. Where that
// stands the contract knows: held against an event that it has, the same name is a lint.
func (k *checker) atEventName(f *Finding, d *contract.Document) {
	events := k.contract.Events()
	if len(events) == 0 {
		return
	}
	for _, lint := range k.contract.Check(events[0], d, 0).Lint {
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
