package contract

import "bytes"

// fewMembers is the size up to which comparing all pairs of hashes beats a table.
const fewMembers = 16

// findDuplicates notes each member of the object at node i whose name was there before, be it in another case:
// encoding/json and its like would take them for one, so that two readers of the body could see two events.
func (d *Document) findDuplicates(i uint32, count int) {
	if count <= fewMembers {
		d.compareMembers(i)
		return
	}
	size := 64
	for size < 2*count {
		size *= 2
	}
	if cap(d.names) < size {
		d.names = make([]uint32, size)
	}
	table := d.names[:size]
	clear(table)
	end := uint32(len(d.nodes))
	for c := i + 1; c < end; c = d.nodes[c].next {
		for at := uint32(mix(seeds[0], uint64(d.nodes[c].hash))) & uint32(size-1); ; at = (at + 1) & uint32(size-1) {
			if table[at] == 0 {
				table[at] = c
				break
			}
			if d.nodes[table[at]].hash == d.nodes[c].hash && d.duplicate(table[at], c) {
				d.duplicates = append(d.duplicates, c)
				break
			}
		}
	}
}

func (d *Document) compareMembers(i uint32) {
	end := uint32(len(d.nodes))
	for c := i + 1; c < end; c = d.nodes[c].next {
		for b := i + 1; b < c; b = d.nodes[b].next {
			if d.nodes[b].hash == d.nodes[c].hash && d.duplicate(b, c) {
				d.duplicates = append(d.duplicates, c)
				break
			}
		}
	}
}

// duplicate reports whether two members have equal names but for case.
func (d *Document) duplicate(a, b uint32) bool {
	d.decoded[0] = append(d.decoded[0][:0], d.nameOf(a)...)
	return bytes.EqualFold(d.decoded[0], d.nameOf(b))
}
