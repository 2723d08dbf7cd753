package validation

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"numhook/server/contract"
	"numhook/spec"
)

// cutting is what the feed makes of a .json file: the texts of its payloads and the fault, if any.
func cutting(t testing.TB, text []byte, bytewise bool) (payloads []string, found *fault, total int) {
	t.Helper()
	const blocks = 4
	f := &feed{ctx: t.Context(), free: make(chan *block, blocks), work: make(chan *block, blocks),
		order: make(chan *block, blocks)}
	for range blocks {
		f.free <- &block{checked: make(chan struct{}, 1)}
	}
	var in io.Reader = bytes.NewReader(text)
	if bytewise {
		in = iotest.OneByteReader(in)
	}
	go func() {
		defer close(f.order)
		b := f.take()
		b.source = &source{}
		st := &stream{Reader: in, live: bytewise}
		if st.guess(b, layoutJSON) == layoutArray {
			f.array(st, b)
		} else {
			f.whole(st, b)
		}
	}()
	for b := range f.order {
		<-f.work
		for _, p := range b.payloads {
			payloads = append(payloads, string(b.text[p.begin:p.end]))
		}
		if b.fault != nil {
			found = b.fault
		}
		total += len(b.text)
		if b.consumed != nil {
			close(b.consumed)
		}
		f.free <- b
	}
	return payloads, found, total
}

// FuzzArray holds the cutting of arrays, which looks at brackets and quotes alone, against parsers of JSON: the
// elements of a text that is JSON are the ones that encoding/json finds, and a text that is not JSON does not come
// through without a fault.
func FuzzArray(f *testing.F) {
	for _, name := range spec.Examples() {
		text, _ := spec.Example(name)
		f.Add(text)
		f.Add([]byte("[" + string(text) + " ,\r\n" + string(text) + "]"))
	}
	for _, text := range []string{"", "[", "[]", "[1,\"]\\\"\",{\"a\":[{}]},tru]", "[1,]", "[,]", "[1 2]", "[{]",
		"[\"\n\"]", "[[[[]]]] x", "\ufeff[1]", "[1\n", "[\"\\", "[}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		payloads, found, total := cutting(t, text, false)
		again, foundAgain, _ := cutting(t, text, true)
		if strings.Join(payloads, "\x00") != strings.Join(again, "\x00") || (found == nil) != (foundAgain == nil) {
			t.Fatalf("byte by byte it is cut differently: %q, %q", payloads, again)
		}
		if total > len(text) {
			t.Fatalf("%d bytes came out of %d", total, len(text))
		}
		clean := found == nil
		for _, p := range payloads {
			clean = clean && contract.Parse([]byte(p)).Strict()
		}
		whole := contract.Parse(text)
		if clean != whole.Strict() && !deep(whole) && !duplicates(whole) {
			t.Fatalf("clean is %t, strict is %t: %q, %+v", clean, whole.Strict(), payloads, whole.Malformed())
		}
		var elements []json.RawMessage
		if !clean || json.Unmarshal(bytes.TrimPrefix(text, bom), &elements) != nil || elements == nil {
			return
		}
		if len(elements) != len(payloads) {
			t.Fatalf("want %d elements, got %q", len(elements), payloads)
		}
		for i := range elements {
			if string(elements[i]) != payloads[i] {
				t.Fatalf("element %d: want %q, got %q", i, elements[i], payloads[i])
			}
		}
	})
}

// deep reports whether the text was found to be too deep: its elements are one level less so.
func deep(d *contract.Document) bool { return hasRule(d, "nesting") }

// duplicates reports whether members were found twice, which the tree of the whole text has, and its parts as well.
func duplicates(d *contract.Document) bool { return hasRule(d, "duplicate-member") }

func hasRule(d *contract.Document, rule string) bool {
	for _, f := range d.Malformed() {
		if f.Rule == rule {
			return true
		}
	}
	return false
}
