package contract

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"
	"unicode"
	"unicode/utf8"
)

// seed differs in every process, so that nobody can write a body whose member names all have one hash.
var seed = maphash.MakeSeed()

// hashName is a hash of a member name that is equal for names equal under Unicode case folding (strings.EqualFold).
func (d *Document) hashName(i uint32) uint32 {
	d.folded = d.folded[:0]
	for name := d.nameOf(i); len(name) > 0; {
		r, size := utf8.DecodeRune(name)
		least := r
		for f := unicode.SimpleFold(r); r >= utf8.RuneSelf && f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		name = name[size:]
		if least < utf8.RuneSelf {
			d.folded = append(d.folded, byte(least)|0x20) // one for both cases; what else it makes one costs a comparison
		} else {
			d.folded = utf8.AppendRune(d.folded, least)
		}
	}
	return hashOf(d.folded)
}

// hashOf is not zero, which stands for what has no hash.
func hashOf(text []byte) uint32 { return uint32(maphash.Bytes(seed, text)) | 1 }

// findDuplicates notes each member of the object at node i whose name was there before, be it in another case:
// encoding/json and its like would take them for one, so that two readers of the body could see two events.
func (d *Document) findDuplicates(i uint32) {
	for c := range d.children(i) {
		d.nodes[c].hash = d.hashName(c)
	}
	d.duplicates = d.appendRepeated(d.duplicates, i, (*Document).nameOf)
}

// appendRepeated appends those children of node i that have a hash and the text of one before them.
func (d *Document) appendRepeated(to []uint32, i uint32, textOf func(*Document, uint32) []byte) []uint32 {
	first := len(to)
	d.members = d.members[:0]
	for c := range d.children(i) {
		if d.nodes[c].hash != 0 {
			d.members = append(d.members, c)
		}
	}
	slices.SortFunc(d.members, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(d.nodes[a].hash, d.nodes[b].hash), cmp.Compare(a, b))
	})
	for at, c := range d.members {
		for b := at - 1; b >= 0 && d.nodes[d.members[b]].hash == d.nodes[c].hash; b-- {
			d.folded = append(d.folded[:0], textOf(d, d.members[b])...)
			if bytes.EqualFold(d.folded, textOf(d, c)) {
				to = append(to, c)
				break
			}
		}
	}
	slices.Sort(to[first:])
	return to
}
