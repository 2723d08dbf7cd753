package contract

import "testing"

// The sender's event with an address, and what each step costs. BenchmarkStock is what kin-openapi's own path costs on
// the same document and body.

func BenchmarkParse(b *testing.B) {
	raw := example(b, addressEvent)
	var d Document
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		d.Reset(raw)
	}
}

// BenchmarkClean is the way of a stream: parse and Clean, into the same memory.
func BenchmarkClean(b *testing.B) {
	_, c := receiver(b)
	raw := example(b, addressEvent)
	var d Document
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		d.Reset(raw)
		name, _ := d.EventName()
		if !c.Clean(name, &d) {
			b.Fatal("not clean")
		}
	}
}

// BenchmarkCheck is the way of a delivery: parse, Check and Value.
func BenchmarkCheck(b *testing.B) {
	_, c := receiver(b)
	raw := example(b, addressEvent)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		d := Parse(raw)
		if r := c.Check(addressEvent, d, 100); r.Violations != nil || d.Value() == nil {
			b.Fatal("not valid")
		}
	}
}

func BenchmarkCanonical(b *testing.B) {
	d := Parse(example(b, addressEvent))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := d.Canonical(); !ok {
			b.Fatal("no canonical form")
		}
	}
}

func BenchmarkStock(b *testing.B) {
	doc, _ := receiver(b)
	raw := example(b, addressEvent)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if err := stock(doc, addressEvent, raw); err != nil {
			b.Fatal(err)
		}
	}
}

// The stream's way allocates nothing, and a delivery's way no more than 100 times.
func TestAllocations(t *testing.T) {
	_, c := receiver(t)
	for _, name := range c.Events() {
		raw := example(t, name)
		var d Document
		d.Reset(raw)
		c.Clean(name, &d)
		if n := testing.AllocsPerRun(200, func() {
			d.Reset(raw)
			name, _ := d.EventName()
			c.Clean(name, &d)
		}); n != 0 {
			t.Errorf("%s: the stream's way allocates %v times", name, n)
		}
		if n := testing.AllocsPerRun(200, func() {
			d := Parse(raw)
			c.Check(name, d, 100)
			d.Value()
		}); n > 100 {
			t.Errorf("%s: the delivery's way allocates %v times", name, n)
		}
	}
}
