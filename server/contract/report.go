package contract

import (
	"cmp"
	"slices"
	"strings"

	"numhook/server/event"
)

// finding is an event.Finding in the making: where it is and what it says is worked out in one go at the end, and only
// for those that are kept.
type finding struct {
	rule    *Rule
	schema  *schema // that asks for it, or nil
	keyword string  // of the schema
	detail  string
	missing string // the member that the value lacks
	heard   bool   // it follows from another finding, if there is one
	node    uint32
	offset  int // where it begins; worked out from the node unless it is a fault of the text
}

func (f *finding) specOf() string {
	if f.schema == nil {
		return ""
	}
	return f.schema.spec
}

// report gathers findings.
type report struct {
	limit   int // of each kind; 0 or less for none
	list    []finding
	kept    [3]int // by the rules' class
	omitted int
}

// full counts a finding of the rule, and reports whether it is beyond the limit.
func (r *report) full(rule *Rule) bool {
	if kept := &r.kept[rule.class]; r.limit <= 0 || *kept < r.limit {
		*kept++
		return false
	}
	r.omitted++
	return true
}

func (r *report) add(f finding) {
	if !r.full(f.rule) {
		r.list = append(r.list, f)
	}
}

// breaks reports whether a violation was told of the value at node i.
func (r *report) breaks(i uint32) bool {
	return slices.ContainsFunc(r.list, func(f finding) bool { return f.node == i && f.rule.Kind == event.Violation })
}

// faults adds what makes the document malformed.
func (r *report) faults(d *Document) {
	for _, c := range d.duplicates {
		r.add(finding{rule: ruleDuplicate, node: c, detail: "the object has a member of this name already, be it in " +
			"another case"})
	}
	if f := d.fault; f.rule != nil {
		r.add(finding{rule: f.rule, detail: f.detail, node: f.node, offset: f.offset + 1})
	}
}

// ofName reports whether a finding of this rule is about a member's name, and stands where the name does.
func (r *Rule) ofName() bool {
	return r == ruleUnknownMember || r == ruleAdditional || r == ruleUnevaluated || r == rulePropertyNames ||
		r == ruleDuplicate
}

// result works out the findings of each kind.
func (r *report) result(d *Document) Result {
	if len(r.list) == 0 {
		return Result{Omitted: r.omitted}
	}
	r.place(d)
	return Result{r.findings(d, event.Violation), r.findings(d, event.Drift), r.findings(d, event.Lint), r.omitted}
}

// place gives each finding its offset, puts them in the order of the body, and drops drift about a member that is a
// violation already.
func (r *report) place(d *Document) {
	for i := range r.list {
		f := &r.list[i]
		switch {
		case f.offset > 0:
			f.offset--
		case int(f.node) >= len(d.nodes):
		case f.rule.ofName():
			f.offset = int(d.nodes[f.node].name) - 1
		default:
			f.offset = int(d.nodes[f.node].start)
		}
	}
	slices.SortStableFunc(r.list, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.offset, b.offset), cmp.Compare(a.rule.class, b.rule.class),
			cmp.Compare(a.rule.order, b.rule.order), strings.Compare(a.specOf(), b.specOf()))
	})
	r.list = slices.CompactFunc(r.list, func(a, b finding) bool {
		return a.schema != nil && a.rule == b.rule && a.node == b.node && a.schema == b.schema && a.missing == b.missing
	})
	if slices.ContainsFunc(r.list, func(f finding) bool { return f.rule.Kind == event.Violation && !f.heard }) {
		r.list = slices.DeleteFunc(r.list, func(f finding) bool { return f.heard })
	}
	forbidden := -1
	r.list = slices.DeleteFunc(r.list, func(f finding) bool {
		if f.rule == ruleAdditional || f.rule == ruleUnevaluated {
			forbidden = int(f.node)
		}
		return f.rule == ruleUnknownMember && int(f.node) == forbidden
	})
}

// findings are those of one kind, in the order of the body.
func (r *report) findings(d *Document, kind event.FindingKind) []event.Finding {
	var list []event.Finding
	paths, lines := newPaths(d), newLines(d)
	for i := range r.list {
		f := &r.list[i]
		if f.rule.Kind != kind {
			continue
		}
		one := event.Finding{Kind: kind, Rule: f.rule.ID, Pointer: paths.pointer(f.node, f.missing), Message: f.detail,
			Offset: f.offset}
		one.Line, one.Column = lines.position(f.offset)
		if f.rule == ruleType {
			one.Message += ", not " + d.kindText(f.node)
		}
		if f.schema != nil {
			one.Spec = strings.TrimSuffix(f.schema.spec+"/"+f.keyword, "/")
		}
		list = append(list, one)
	}
	return list
}

// kindText says of what type the value is.
func (d *Document) kindText(i uint32) string {
	if n := &d.nodes[i]; n.kind != number || n.flags&pointed == 0 {
		return kindTexts[n.kind]
	}
	return "a number with a fraction"
}
