package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"numhook/server/event"
)

// FuzzIdentity: an event's identity is that of its JSON value. Two bodies have one identity exactly if encoding/json
// reads equal values from them, numbers by their exact decimal value; a body that is written otherwise keeps its
// identity, and one with another value gets another.
func FuzzIdentity(f *testing.F) {
	for _, name := range []string{cnamEvent, addressEvent} {
		raw := example(f, name)
		f.Add(raw, bytes.ReplaceAll(raw, []byte("\n"), nil), uint64(1))
		f.Add(raw, bytes.Replace(raw, []byte("+1"), []byte("+2"), 1), uint64(2))
	}
	for i, pair := range [][2]string{{`[1,1.0,-0]`, `[1e0,10e-1,0]`}, {`{"a":1,"b":[]}`, `{"b":[],"a":1}`},
		{`"\u00e9"`, `"é"`}, {"9007199254740992", "9007199254740993"},
		{`[1e400]`, `[10e399]`}, {`["\ud83d\ude00"]`, `["😀"]`}, {`{"é":1,"😀":2,"\ufb33":3}`, `{"\ufb33":3,"😀":2,"é":1}`},
		{`[0e5]`, `[-0.0]`}} {
		f.Add([]byte(pair[0]), []byte(pair[1]), uint64(i))
	}
	f.Fuzz(func(t *testing.T, a, b []byte, seed uint64) {
		identity, ok := identify(a)
		if !ok {
			return
		}
		value, random := readValue(t, a), rand.New(rand.NewPCG(seed, 0))
		if other, ok := identify(b); ok {
			if equal := equalValue(value, readValue(t, b)); equal != (other == identity) {
				t.Errorf("%q and %q are equal: %v, and have identities %s and %s", a, b, equal, identity, other)
			}
		}
		again := rewrite(random, value)
		if other, ok := identify([]byte(again)); !ok || other != identity {
			t.Errorf("%q and %q are one value, and have identities %s and %s (%v)", a, again, identity, other, ok)
		}
		changed := rewrite(random, alter(random, value))
		if other, ok := identify([]byte(changed)); ok && other == identity {
			t.Errorf("%q and %q are different values with one identity", a, changed)
		}
	})
}

func identify(raw []byte) (event.ID, bool) {
	canonical, ok := Parse(raw).Canonical()
	return event.Identify(canonical), ok
}

// readValue is the value as encoding/json reads it.
func readValue(t *testing.T, raw []byte) (value any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(raw, bom)))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%q has an identity and is not JSON: %v", raw, err)
	}
	return value
}

func equalValue(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, equalValue)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equalValue)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && exact(a) == exact(b)
	}
	return a == b
}

// exact is a number's value as text, one for all ways to write it.
func exact(n json.Number) string {
	mantissa, power, _ := strings.Cut(strings.ToLower(string(n)), "e")
	exponent := new(big.Int)
	if _, ok := exponent.SetString(power, 10); !ok && power != "" {
		panic("no exponent: " + power)
	}
	digits, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	exponent.Sub(exponent, big.NewInt(int64(len(fraction))))
	digits = strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0"
	}
	short := strings.TrimRight(digits, "0")
	exponent.Add(exponent, big.NewInt(int64(len(digits)-len(short))))
	return fmt.Sprint(negative, short, "e", exponent)
}

// rewrite writes a value in a way of its own: order, white space, escapes and numbers.
func rewrite(random *rand.Rand, value any) string {
	space := func() string { return []string{"", "", " ", "\r\n", "\t"}[random.IntN(5)] }
	var b strings.Builder
	b.WriteString(space())
	switch v := value.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(v))
		random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		members := make([]string, len(names))
		for i, name := range names {
			members[i] = space() + respell(random, name) + space() + ":" + rewrite(random, v[name])
		}
		b.WriteString("{" + strings.Join(members, ",") + space() + "}")
	case []any:
		elements := make([]string, len(v))
		for i, element := range v {
			elements[i] = rewrite(random, element)
		}
		b.WriteString("[" + strings.Join(elements, ",") + space() + "]")
	case string:
		b.WriteString(respell(random, v))
	case json.Number:
		b.WriteString(recount(random, string(v)))
	default:
		text, _ := json.Marshal(v) // true, false, null
		b.Write(text)
	}
	b.WriteString(space())
	return b.String()
}

// respell writes a string with some characters escaped that need not be.
func respell(random *rand.Rand, text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < ' ' || r == '"' || r == '\\' || random.IntN(3) == 0:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, []string{`\u%04x`, `\u%04X`}[random.IntN(2)], unit)
			}
		case r == '/' && random.IntN(2) == 0:
			b.WriteString(`\/`)
		default:
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

// recount writes a number in another way.
func recount(random *rand.Rand, literal string) string {
	mantissa, power, raised := strings.Cut(strings.ToLower(literal), "e")
	if random.IntN(2) == 0 {
		if !strings.Contains(mantissa, ".") {
			mantissa += "."
		}
		mantissa += strings.Repeat("0", 1+random.IntN(3))
	}
	switch {
	case raised && strings.HasPrefix(power, "-"):
		return mantissa + "E-0" + power[1:]
	case raised:
		return mantissa + "e+00" + strings.TrimPrefix(power, "+")
	case random.IntN(2) == 0:
		return mantissa + []string{"e0", "E+0", "e-00"}[random.IntN(3)]
	}
	return mantissa
}

// alter is another value, which differs in one place.
func alter(random *rand.Rand, value any) any {
	switch v := value.(type) {
	case map[string]any:
		v = maps.Clone(v)
		names := slices.Sorted(maps.Keys(v))
		if len(names) == 0 || random.IntN(4) == 0 {
			v[strings.Repeat("new", 1+len(strings.Join(names, "")))] = nil
			return v
		}
		name := names[random.IntN(len(names))]
		if random.IntN(4) == 0 {
			delete(v, name)
		} else {
			v[name] = alter(random, v[name])
		}
		return v
	case []any:
		v = slices.Clone(v)
		if len(v) == 0 || random.IntN(4) == 0 {
			return append(v, json.Number("0"))
		}
		at := random.IntN(len(v))
		v[at] = alter(random, v[at])
		return v
	case string:
		return v + "x"
	case json.Number:
		if random.IntN(4) == 0 {
			return string(v)
		}
		if rest, negative := strings.CutPrefix(string(v), "-"); negative {
			return json.Number("-1" + rest)
		}
		return json.Number("1" + string(v))
	case bool:
		return !v
	}
	return false
}

// FuzzStock: the check gives the verdict of kin-openapi's stock path, or a named divergence accounts for the
// difference, and its memory is bounded by the length of the body.
func FuzzStock(f *testing.F) {
	addSeeds(f)
	doc, c := receiver(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 64<<10 {
			return // stock takes too long
		}
		for _, operation := range c.Events() {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			ours := c.Check(operation, Parse(raw), 1000)
			runtime.ReadMemStats(&after)
			if used, most := after.TotalAlloc-before.TotalAlloc, uint64(1<<20+100*len(raw)); used > most {
				t.Errorf("%d bytes took %d bytes of memory, want at most %d", len(raw), used, most)
			}
			theirs := stock(doc, operation, raw)
			if (len(ours.Violations) == 0) == (theirs == nil) {
				continue
			}
			if _, explained := explain(doc, c, operation, raw, ours, theirs); !explained {
				t.Errorf("%s: %q: ours %q, stock %v", operation, raw, all(ours), theirs)
			}
		}
	})
}
