package diff

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxFingerprint bounds the length of a fingerprint, in bytes. What is cut off can only make two schemas look alike
// that are compared afterwards.
const maxFingerprint = 8 << 10

// printer writes a fingerprint.
type printer struct {
	document *Document
	self     string // a text that is replaced: the event's own name
	out      strings.Builder
	within   []*node
}

// fingerprint is a text that is equal for schemas which ask for the same in the same words, however their references
// are laid out.
func (d *Document) fingerprint(at cursor, self string) string {
	p := printer{document: d, self: self}
	p.write(at, false)
	return p.out.String()
}

// write goes through a schema. named says that the members of place are named by the author, and are no keywords.
func (p *printer) write(at cursor, named bool) {
	if !at.exists() || p.out.Len() > maxFingerprint {
		return
	}
	switch at.node.kind {
	case array:
		p.writeItems(at)
	case object:
		if i := slices.Index(p.within, at.node); i >= 0 {
			fmt.Fprintf(&p.out, "<%d up>", len(p.within)-i)
			return
		}
		p.within = append(p.within, at.node)
		p.writeMembers(at, named)
		p.within = p.within[:len(p.within)-1]
	case text:
		if p.self != "" && at.node.text == p.self {
			p.out.WriteString("<self>")
			return
		}
		p.out.WriteString(strconv.Quote(at.node.text))
	default:
		at.node.writeCanonical(&p.out)
	}
}

// writeItems writes an array. The order of required, type and enum says nothing.
func (p *printer) writeItems(at cursor) {
	items := at.items()
	if keyword := lastToken(at.pointer); keyword == "required" || keyword == "type" || keyword == "enum" {
		slices.SortFunc(items, func(a, b cursor) int { return strings.Compare(a.node.canonical(), b.node.canonical()) })
	}
	p.out.WriteByte('[')
	for _, item := range items {
		p.write(item, false)
		p.out.WriteByte(',')
	}
	p.out.WriteByte(']')
}

func (p *printer) writeMembers(at cursor, named bool) {
	members := at.members()
	if target, err := p.document.follow(at); !named && err == nil && target.exists() {
		others := 0
		for name := range members {
			if name != "$ref" && !isAnnotation(name) {
				others++
			}
		}
		if others == 0 {
			p.write(target, false)
			return
		}
		members["$ref"] = target
	}
	p.out.WriteByte('{')
	for _, name := range union(members, members) {
		if named || !isAnnotation(name) && name != "$defs" && name != "definitions" {
			p.out.WriteString(strconv.Quote(name) + ":")
			p.write(members[name], !named && holdNames[name])
			p.out.WriteByte(',')
		}
	}
	p.out.WriteByte('}')
}
