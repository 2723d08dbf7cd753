package unwritten

import (
	"fmt"
	"go/format"
	"io"
	"strings"
)

// known is what a method reads for all events, where the event has it, and of which type.
var known = []struct{ field, path, typ string }{
	{"ts", "request.Body.EventTs", "int64"},
	{"accountID", "request.Body.Payload.AccountId", "string"},
	{"carrierCode", "request.Body.Payload.Object.CarrierCode", "int32"},
	{"numbers", "request.Body.Payload.Object.PhoneNumbers", "[]string"},
}

// attributes are what an event may change about its numbers: the member that says so, and its name in Go.
var attributes = []struct{ path, constant string }{
	{"request.Body.Payload.Object.EmergencyAddress", "event.EmergencyAddress"},
	{"request.Body.Payload.Object.Cnam", "event.CNAM"},
}

// skeleton is a method that compiles where it is pasted: it reads what the event has of what all events have.
func skeleton(m method, reads, answers bool) string {
	var b strings.Builder
	if reads {
		fmt.Fprintf(&b, "// %s is what the strict interface asks for the event %s.\n", m.name, m.event)
		fmt.Fprintf(&b, "func (s *%s) %s(_ context.Context,\n\trequest gen.%sRequestObject,\n"+
			") (gen.%sResponseObject, error) {\n", serverType, m.name, m.name, m.name)
		b.WriteString(m.body())
		b.WriteString("}\n")
	}
	if reads && answers {
		b.WriteString("\n")
	}
	if answers {
		fmt.Fprintf(&b, "// %s writes the answer.\n", visitor(m.name))
		fmt.Fprintf(&b, "func (r %s) %s(w http.ResponseWriter) error {\n\treturn r.answer(w)\n}\n", readingType,
			visitor(m.name))
	}
	formatted, err := format.Source([]byte(b.String()))
	if err != nil { // the generator's own names are Go
		return b.String()
	}
	return string(formatted)
}

// body fills a reading in. What the event has in another type than a reading, or may lack, is left to who pastes it.
func (m method) body() string {
	typed := map[string]string{}
	for _, member := range m.members {
		typed[member.path] = member.typ
	}
	// A path behind a pointer may lead nowhere.
	safe := func(path string) bool {
		parts := strings.Split(path, ".")
		for i := 3; i < len(parts); i++ {
			if strings.HasPrefix(typed[strings.Join(parts[:i], ".")], "*") {
				return false
			}
		}
		return true
	}
	var b strings.Builder
	b.WriteString("\treturn reading{\n")
	for _, k := range known {
		switch typ, has := typed[k.path]; {
		case !has:
			fmt.Fprintf(&b, "\t\t// %s: the event has no %s\n", k.field, k.path)
		case typ != k.typ || !safe(k.path):
			fmt.Fprintf(&b, "\t\t// %s: %s is %s, or may be absent\n", k.field, k.path, typ)
		default:
			fmt.Fprintf(&b, "\t\t%s: %s,\n", k.field, k.path)
		}
	}
	said := false
	for _, a := range attributes {
		typ, has := typed[a.path]
		if !has || said {
			continue
		}
		said = true
		switch {
		case !safe(a.path):
			fmt.Fprintf(&b, "\t\t// attribute: %s, present where %s is\n", a.constant, a.path)
		case strings.HasPrefix(typ, "*"):
			fmt.Fprintf(&b, "\t\tattribute: %s,\n\t\tpresent: %s != nil,\n", a.constant, a.path)
		default:
			fmt.Fprintf(&b, "\t\tattribute: %s,\n\t\tpresent: true,\n", a.constant)
		}
	}
	if !said {
		b.WriteString("\t\t// attribute: none is known to be changed; the event is kept, and changes no number\n")
	}
	if !strings.Contains(b.String(), ": request.Body.") {
		return "\t_ = request.Body\n" + b.String() + "\t}, nil\n"
	}
	b.WriteString("\t}, nil\n")
	return b.String()
}

// Write writes the listing for people: skeletons to paste first, then what to look at.
func (l *Listing) Write(w io.Writer) error {
	var b strings.Builder
	if len(l.Missing)+len(l.Gone)+len(l.Changed) == 0 {
		fmt.Fprintf(&b, "%d events, and a method for each of them; no type that a method reads has changed\n", l.events)
	}
	if len(l.Missing) > 0 {
		fmt.Fprintf(&b, "%d of %d events have no method yet. To paste into server/receive.go:\n", len(l.Missing), l.events)
	}
	for _, m := range l.Missing {
		b.WriteString("\n" + m.Skeleton)
	}
	for _, c := range l.Changed {
		fmt.Fprintf(&b, "\n%s: what %s is given has changed (%s)\n", c.Place, c.Method, c.Event)
		if c.Signature[0] != "" {
			fmt.Fprintf(&b, "  its signature is %s now; it was %s\n", c.Signature[1], c.Signature[0])
		}
		for _, sentence := range c.Members {
			b.WriteString("  " + sentence + "\n")
		}
	}
	for _, g := range l.Gone {
		fmt.Fprintf(&b, "\n%s: the event of %s is in the document no more; take the method out\n", g.Place, g.Method)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
