package diff

import "math/big"

// side is the end at which a bound stands.
type side bool

const (
	lower side = false
	upper side = true
)

// bound is a limit that numbers, lengths or counts keep. A bound without a value is none.
type bound struct {
	value   *big.Rat
	open    bool   // the value itself lies beyond the bound
	keyword string // as it is shown
	at      cursor
}

func (b bound) String() string {
	if b.value.IsInt() {
		return b.value.Num().String()
	}
	text, exact := b.value.FloatPrec()
	if !exact || text > maxQuoted {
		return b.value.RatString()
	}
	return b.value.FloatString(text)
}

// stricter reports whether b lets less through than the other bound of the same side.
func (b bound) stricter(other bound, s side) bool {
	if b.value == nil || other.value == nil {
		return b.value != nil && other.value == nil
	}
	order := b.value.Cmp(other.value)
	if s == upper {
		order = -order
	}
	return order > 0 || order == 0 && b.open && !other.open
}

// numericBound is the rule for minimum and exclusiveMinimum, or for maximum and exclusiveMaximum, which limit the same.
func numericBound(s side) func(*comparer, scope, *view, *view) bool {
	plain, exclusive := "minimum", "exclusiveMinimum"
	if s == upper {
		plain, exclusive = "maximum", "exclusiveMaximum"
	}
	return func(c *comparer, sc scope, a, b *view) bool {
		old, understood := numberBound(a, s, plain, exclusive)
		new, alsoUnderstood := numberBound(b, s, plain, exclusive)
		if understood && alsoUnderstood {
			c.compareBounds(sc, s, old, new, old.at, new.at)
		}
		return understood && alsoUnderstood
	}
}

// numberBound is the bound that counts: the stricter one of the two keywords. In OpenAPI 3.0 the exclusive keyword is a
// boolean that turns the plain one.
func numberBound(v *view, s side, plain, exclusive string) (bound, bool) {
	first, second := v.keyword(plain), v.keyword(exclusive)
	b := bound{keyword: plain, at: first}
	if first.exists() {
		value, ok := first.node.rat()
		if !ok {
			return b, false
		}
		b.value = value
	}
	switch {
	case !second.exists():
	case second.node.kind == boolean:
		b.open = second.node.isBool(true)
	default:
		value, ok := second.node.rat()
		if !ok {
			return b, false
		}
		if other := (bound{value, true, exclusive, second}); other.stricter(b, s) {
			b = other
		}
	}
	return b.onIntegers(v, s), true
}

// onIntegers makes an open bound on integers a closed one: above 0 is from 1.
func (b bound) onIntegers(v *view, s side) bound {
	types, known := typesOf(v)
	if !b.open || b.value == nil || !b.value.IsInt() || !known || types&(integer|fraction) != integer {
		return b
	}
	step := big.NewRat(1, 1)
	if s == upper {
		step.Neg(step)
	}
	b.open, b.value = false, step.Add(step, b.value)
	return b
}

// countBound is the rule for a keyword that limits a length or a count. What counts things has a lower bound of 0 even
// without the keyword.
func countBound(keyword string, s side) func(*comparer, scope, *view, *view) bool {
	read := func(v *view) (bound, bool) {
		b := bound{keyword: keyword, at: v.keyword(keyword)}
		if !b.at.exists() {
			return b, true
		}
		value, ok := b.at.node.rat()
		b.value = value
		return b, ok
	}
	idle := func(b bound) bool { return b.value == nil || s == lower && b.value.Sign() <= 0 }
	return func(c *comparer, sc scope, a, b *view) bool {
		old, understood := read(a)
		new, alsoUnderstood := read(b)
		if understood && alsoUnderstood && !(idle(old) && idle(new)) {
			c.compareBounds(sc, s, old, new, a.keyword(keyword), b.keyword(keyword))
		}
		return understood && alsoUnderstood
	}
}

func (c *comparer) compareBounds(sc scope, s side, old, new bound, oldAt, newAt cursor) {
	switch {
	case old.value == nil && new.value == nil:
	case old.value == nil:
		c.report(sc, "bound-added", oldAt, newAt, new.keyword, new.String())
	case new.value == nil:
		c.report(sc, "bound-removed", oldAt, newAt, old.keyword, old.String())
	case old.stricter(new, s):
		c.report(sc, "bound-loosened", oldAt, newAt, named(old, new), old.String(), new.String())
	case new.stricter(old, s):
		c.report(sc, "bound-tightened", oldAt, newAt, named(old, new), old.String(), new.String())
	}
}

// named is what a bound that changed is called.
func named(old, new bound) string {
	if old.keyword == new.keyword {
		return old.keyword
	}
	return "the bound (" + old.keyword + ", now " + new.keyword + ")"
}

// compareMultiples is the rule for multipleOf: multiples of 6 are multiples of 3.
func (c *comparer) compareMultiples(sc scope, a, b *view) bool {
	const keyword = "multipleOf"
	old, new := bound{keyword: keyword, at: a.keyword(keyword)}, bound{keyword: keyword, at: b.keyword(keyword)}
	for _, b := range []*bound{&old, &new} {
		if !b.at.exists() {
			continue
		}
		value, ok := b.at.node.rat()
		if !ok || value.Sign() <= 0 {
			return false
		}
		b.value = value
	}
	switch {
	case old.value == nil || new.value == nil:
		c.compareBounds(sc, lower, old, new, old.at, new.at)
	case old.value.Cmp(new.value) == 0:
	case new.value != nil && new.quotient(old).IsInt():
		c.report(sc, "bound-tightened", old.at, new.at, keyword, old.String(), new.String())
	default:
		c.report(sc, "bound-loosened", old.at, new.at, keyword, old.String(), new.String())
	}
	return true
}

func (b bound) quotient(divisor bound) *big.Rat { return new(big.Rat).Quo(b.value, divisor.value) }
