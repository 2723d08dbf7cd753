package contract

import (
	"strconv"
	"strings"
)

// Part is a value within a body.
type Part struct {
	Pointer    string // RFC 6901, from the root
	Start, End int    // byte offsets in the body, of the value as it is written
	Text       string // what a string says
	IsText     bool
}

// everyPart in a path leads on to every element of an array, and to every member of an object.
const everyPart = "*"

// Parts are the values that a path of member names and indexes leads to, in the order of the text. A "*" leads to all.
// Of a body that is not JSON to its end there are none.
func (d *Document) Parts(path ...string) (list []Part) {
	if d.broken() {
		return nil
	}
	d.eachPart(0, "", path, func(i uint32, pointer string) {
		n := &d.nodes[i]
		part := Part{Pointer: pointer, Start: int(n.start), End: int(n.end), IsText: n.kind == text}
		if part.IsText {
			part.Text = string(d.textOf(i))
		}
		list = append(list, part)
	})
	return list
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

func (d *Document) eachPart(i uint32, pointer string, path []string, visit func(i uint32, pointer string)) {
	if len(path) == 0 {
		visit(i, pointer)
		return
	}
	n := d.nodes[i]
	if n.kind != object && n.kind != array {
		return
	}
	at := 0
	for c := i + 1; c < n.next; c = d.nodes[c].next {
		name := strconv.Itoa(at)
		if n.kind == object {
			name = string(d.nameOf(c))
		}
		at++
		if path[0] == everyPart || path[0] == name {
			d.eachPart(c, pointer+"/"+pointerEscape.Replace(name), path[1:], visit)
		}
	}
}
