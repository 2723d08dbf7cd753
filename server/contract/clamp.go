package contract

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"math/big"
	"strconv"
	"strings"
)

const (
	farPower  = 400  // beyond it lies no bound of a document, as those are doubles
	manyDigit = 1000 // reading more than that costs the engine more than reading them here
	keptDigit = 40   // no bound has as many
	cutDigit  = 900  // how long a number is that was cut
)

// clamped is a number for which the engine has the same answers as for the one written, at a bounded cost: exponents
// beyond every bound are brought near, and of very many digits those stay that decide a comparison, and a remainder by
// which it is a multiple of the same bounds. Numbers that differ stay different but for chance.
func (w *walk) clamped(literal string) json.Number {
	if len(literal) <= 20 && !strings.ContainsAny(literal, "eE") {
		return json.Number(literal)
	}
	n := readDecimal([]byte(literal))
	count := n.digits()
	power := n.exp - int64(count) // the value is its digits times ten to this
	switch {
	case count == 0:
		return "0"
	case count > manyDigit && w.multiple > 0:
		return n.cut(power, w.multiple)
	case power >= -farPower-manyDigit && n.exp <= farPower && n.exp >= -farPower:
		return json.Number(literal)
	}
	return n.literal(n.appendDigits(nil, 0, count), near(power))
}

// near brings an exponent nearer, beyond all bounds still.
func near(power int64) int64 {
	switch {
	case power > farPower:
		return farPower + power%97
	case power < -farPower-manyDigit:
		return -farPower - manyDigit + power%97
	}
	return power
}

func (n *decimal) literal(digits []byte, power int64) json.Number {
	text := string(digits) + "e" + strconv.FormatInt(power, 10)
	if n.negative {
		text = "-" + text
	}
	return json.Number(text)
}

// cut is clamped for very many digits: the first ones, zeros, and an end with the same remainder by the multiple.
func (n *decimal) cut(power int64, multiple uint64) json.Number {
	count := n.digits()
	var rest uint64
	for i := range count {
		rest = (rest*10 + uint64(n.digit(i)-'0')) % multiple
	}
	mark := fmt.Sprintf("%020d", maphash.Bytes(seed, n.head)+3*maphash.Bytes(seed, n.tail))
	base, _ := new(big.Int).SetString(string(n.appendDigits(nil, 0, keptDigit))+
		strings.Repeat("0", cutDigit-keptDigit-40)+mark+strings.Repeat("0", 20), 10)
	by := new(big.Int).SetUint64(multiple)
	want := new(big.Int).SetUint64(rest)
	base.Add(base, want.Mod(want.Sub(want, base), by))
	if power >= -farPower {
		power = min(power, 2*farPower)
	} else {
		power = min(max(n.exp, -farPower), farPower+50) - cutDigit
	}
	return n.literal(base.Append(nil, 10), power)
}
