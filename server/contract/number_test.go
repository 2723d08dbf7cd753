package contract

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func rat(t *testing.T, literal string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(literal)
	if !ok {
		t.Fatalf("%s is not a number", literal)
	}
	return r
}

// Comparison, integrality, conversion and divisibility agree with big.Rat.
func TestDecimal(t *testing.T) {
	const seed = 7
	random := rand.New(rand.NewPCG(seed, seed))
	literals := []string{"0", "-0", "0.0e7", "1", "1.0", "10e-1", "0.1e1", "-1", "9223372036854775807",
		"9223372036854775808", "-9223372036854775808",
		"-9223372036854775809", "9223372036854775807.0", "922337203685477580.7e1", "9.3e18", "1e19", "1e20", "0.5", "0.50",
		"2147483647", "2147483648", "1e-9"}
	for range 300 {
		literal := fmt.Sprintf("%d", random.Int64N(2000)-1000)
		if random.IntN(2) == 0 {
			literal += fmt.Sprintf(".%0*d", 1+random.IntN(4), random.IntN(10))
		}
		if random.IntN(2) == 0 {
			literal += fmt.Sprintf("e%d", random.IntN(40)-20)
		}
		literals = append(literals, literal)
	}
	for _, a := range literals {
		x, p := readDecimal([]byte(a)), rat(t, a)
		if x.whole() != p.IsInt() {
			t.Errorf("%s: whole is %v", a, x.whole())
		}
		v, ok := x.int64()
		if want := p.IsInt() && p.Num().IsInt64(); ok != want || ok && v != p.Num().Int64() {
			t.Errorf("%s: int64 is %d %v", a, v, ok)
		}
		for _, b := range literals {
			if got, want := normal(a) == normal(b), p.Cmp(rat(t, b)) == 0; got != want {
				t.Errorf("%s and %s are equal: %v, want %v", a, b, got, want)
			}
		}
	}
}

// normal is the normal form of a number.
func normal(literal string) string {
	n := readDecimal([]byte(literal))
	return string(n.append(nil))
}

func TestFarExponents(t *testing.T) {
	const far = "1000000000000000000000000000000"
	distinct := []string{"-2e" + far, "-1e" + far, "-1e999999999999999999", "-1e-" + far, "0", "1e-" + far,
		"1e-999999999999999999", "1", "1e999999999999999999",
		"1.5e999999999999999999", "1e" + far, "1.1e" + far, "10.1e" + far}
	for i, a := range distinct {
		for j, b := range distinct {
			if got := normal(a) == normal(b); got != (i == j) {
				t.Errorf("%s and %s are equal: %v", a, b, got)
			}
		}
	}
	same := []string{"10e999999999999999999", "1e1000000000000000000", "0.1e1000000000000000001", "100e999999999999999998"}
	for _, a := range same {
		for _, b := range same {
			if normal(a) != normal(b) {
				t.Errorf("%s and %s are not equal", a, b)
			}
		}
	}
	if x := readDecimal([]byte("1e" + far)); !x.whole() {
		t.Error("10 to a far power is not an integer")
	}
	if x := readDecimal([]byte("1e-" + far)); x.whole() {
		t.Error("10 to a far negative power is an integer")
	}
}

// A megabyte of digits, in the mantissa or in the exponent, costs about what reading it costs.
func TestLongNumbers(t *testing.T) {
	digits := strings.Repeat("1234567890", 100_000)
	c := compiled(t, `{"type":["number","array"],"items":{"type":"integer","format":"int64","minimum":-5,"maximum":1e300,
		"exclusiveMaximum":1e301,"multipleOf":3,"enum":[1,2.5]},
		"minimum":1,"multipleOf":0.75,"uniqueItems":true}`)
	begin := cpu()
	for _, literal := range []string{digits, "-" + digits, "0." + digits, digits + "." + digits, "1e" + digits,
		"1e-" + digits, digits + "e-1000000", "1e999999999", "1e-999999999"} {
		for _, raw := range []string{literal, "[" + literal + "," + literal + "]"} {
			d := Parse([]byte(raw))
			d.Value()
			if _, ok := d.Canonical(); !ok {
				t.Fatalf("%.20s... is malformed", raw)
			}
			c.Check("thing", d, 0)
			c.Clean("thing", d)
		}
	}
	if took := cpu() - begin; took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestInRange(t *testing.T) {
	for _, c := range []struct {
		literal      string
		bits32, bits bool
	}{
		{"0", true, true}, {"2147483647", true, true}, {"2147483648", false, true}, {"-2147483648", true, true},
		{"-2147483649", false, true},
		{"2147483647.0", true, true}, {"2147483648.0", false, true}, {"0.2147483648e10", false, true},
		{"2147483648.5", true, true}, {"1e9", true, true}, {"1e10", false, true},
		{"9223372036854775807", false, true}, {"9223372036854775808", false, false}, {"-9223372036854775808", false, true},
		{"-9223372036854775809", false, false},
		{"1e400", false, false}, {"1e-400", true, true}, {"1e99999999999999999999", false, false},
		{"999999999999999999", false, true}, {"9999999999999999999", false, false},
		{"-999999999", true, true}, {"-99999999", true, true}, {"9999999999", false, true},
	} {
		if got := inRange([]byte(c.literal), 31); got != c.bits32 {
			t.Errorf("%s is an int32: %v", c.literal, got)
		}
		if got := inRange([]byte(c.literal), 63); got != c.bits {
			t.Errorf("%s is an int64: %v", c.literal, got)
		}
	}
}
