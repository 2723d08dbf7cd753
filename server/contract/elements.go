package contract

import "bytes"

func (w *walk) fitsArray(s *schema, i uint32) bool {
	a, d := s.array, w.d
	count := int(d.nodes[i].count)
	if count < a.least && !w.tell(ruleMinItems, s, "minItems", i, a.leastText) {
		return false
	}
	if a.most >= 0 && count > a.most && !w.tell(ruleMaxItems, s, "maxItems", i, a.mostText) {
		return false
	}
	if a.prefix != nil || a.items != nil {
		at := 0
		for c, end := i+1, d.nodes[i].next; c < end; c = d.nodes[c].next {
			sub := a.element(at)
			at++
			if sub == nil || sub.leaf && sub.types&d.nodes[c].kind != 0 {
				continue
			}
			if !w.fits(sub, c) {
				return false
			}
		}
	}
	if a.unique && count > 1 && !w.distinct(i) && !w.tell(ruleUniqueItems, s, "uniqueItems", i,
		"no two elements of the array may be equal") {
		return false
	}
	if a.contains == nil || w.containsEnough(a, i) {
		return true
	}
	return w.tell(ruleContains, s, "contains", i, a.containText)
}

// element is the schema of the element at that place, or nil.
func (a *arrayRules) element(at int) *schema {
	if at < len(a.prefix) {
		return a.prefix[at]
	}
	return a.items
}

func (w *walk) containsEnough(a *arrayRules, i uint32) bool {
	fitting := 0
	for c, end := i+1, w.d.nodes[i].next; c < end; c = w.d.nodes[c].next {
		if w.admits(a.contains, c) {
			fitting++
		}
	}
	return fitting >= a.containsMin && (a.containsMax < 0 || fitting <= a.containsMax)
}

// span is where the canonical bytes of an element lie.
type span struct{ start, end uint32 }

// distinct reports whether no two elements of the array are equal as JSON.
func (w *walk) distinct(i uint32) bool {
	d := w.d
	w.bytes, w.spans = w.bytes[:0], w.spans[:0]
	for c, end := i+1, d.nodes[i].next; c < end; c = d.nodes[c].next {
		from := uint32(len(w.bytes))
		w.bytes = w.writer.append(w.bytes, c)
		w.spans = append(w.spans, span{from, uint32(len(w.bytes))})
	}
	return !w.repeats(func(int) {})
}

// repeats calls again for each span of w.bytes that equals one before it, and reports whether there was one.
func (w *walk) repeats(again func(at int)) bool {
	size := 64
	for size < 2*len(w.spans) {
		size *= 2
	}
	if cap(w.table) < size {
		w.table = make([]uint32, size)
	}
	table := w.table[:size]
	clear(table)
	found := false
	for at, one := range w.spans {
		value := w.bytes[one.start:one.end]
		slot := hashBytes(value) & uint32(size-1)
		for ; table[slot] != 0; slot = (slot + 1) & uint32(size-1) {
			other := w.spans[table[slot]-1]
			if bytes.Equal(w.bytes[other.start:other.end], value) {
				break
			}
		}
		if table[slot] == 0 {
			table[slot] = uint32(at + 1)
			continue
		}
		found = true
		again(at)
	}
	return found
}
