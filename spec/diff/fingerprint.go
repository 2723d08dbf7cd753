package diff

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxFingerprint bounds the length of a fingerprint, in bytes. What is cut off can only make two schemas look alike that are compared afterwards.
const maxFingerprint = 8 << 10

// printer writes a fingerprint.
type printer struct {
	document *Document
	self     string // a text that is replaced: the event's own name
	out      strings.Builder
	within   []*node
}

// fingerprint is a text that is equal for schemas which ask for the same in the same words, however their references are laid out.
func (d *Document) fingerprint(place cursor, self string) string {
	p := printer{document: d, self: self}
	p.write(place, false)
	return p.out.String()
}

// write goes through a schema. named says that the members of place are named by the author, and are no keywords.
func (p *printer) write(place cursor, named bool) {
	if !place.exists() || p.out.Len() > maxFingerprint {
		return
	}
	switch place.node.kind {
	case array:
		p.writeItems(place)
	case object:
		if i := slices.Index(p.within, place.node); i >= 0 {
			fmt.Fprintf(&p.out, "<%d up>", len(p.within)-i)
			return
		}
		p.within = append(p.within, place.node)
		p.writeMembers(place, named)
		p.within = p.within[:len(p.within)-1]
	case text:
		if p.self != "" && place.node.text == p.self {
			p.out.WriteString("<self>")
			return
		}
		p.out.WriteString(strconv.Quote(place.node.text))
	default:
		place.node.writeCanonical(&p.out)
	}
}

// writeItems writes an array. The order of required, type and enum says nothing.
func (p *printer) writeItems(place cursor) {
	items := place.items()
	if keyword := lastToken(place.pointer); keyword == "required" || keyword == "type" || keyword == "enum" {
		slices.SortFunc(items, func(a, b cursor) int { return strings.Compare(a.node.canonical(), b.node.canonical()) })
	}
	p.out.WriteByte('[')
	for _, item := range items {
		p.write(item, false)
		p.out.WriteByte(',')
	}
	p.out.WriteByte(']')
}

func (p *printer) writeMembers(place cursor, named bool) {
	members := place.members()
	if target, err := p.document.follow(place); !named && err == nil && target.exists() {
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
