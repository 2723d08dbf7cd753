package contract

import (
	"bytes"
	"math"
	"strconv"
)

// decimal is the exact value of a number literal: 0.D x 10^exp, where D are the digits of head followed by those of
// tail, neither beginning nor ending with a zero. Zero has no digits. The digits stay where they are in the text, so a
// megabyte of them costs nothing but reading them.
type decimal struct {
	head, tail []byte
	exp        int64
	// the exponent as written, when it has more than 18 digits: exp is then beyond any other number's, on the right side
	power    []byte
	negative bool
	shift    int64 // what normalising added to the exponent as written
}

// farExponent stands for an exponent of more than 18 digits.
const farExponent = math.MaxInt64 / 2

// readDecimal reads a number literal that the scanner accepted.
func readDecimal(literal []byte) decimal {
	var n decimal
	if literal[0] == '-' {
		n.negative, literal = true, literal[1:]
	}
	mantissa, power := literal, []byte(nil)
	if at := bytes.IndexAny(literal, "eE"); at >= 0 {
		mantissa, power = literal[:at], literal[at+1:]
	}
	n.head = mantissa
	if at := bytes.IndexByte(mantissa, '.'); at >= 0 {
		n.head, n.tail = mantissa[:at], mantissa[at+1:]
	}
	n.shift = int64(len(n.head))
	n.trim()
	if n.digits() == 0 {
		return decimal{}
	}
	n.exp = n.shift
	if len(power) > 0 {
		n.raise(power)
	}
	return n
}

// trim takes zeros from both ends of the digits.
func (n *decimal) trim() {
	before := len(n.head)
	n.head = bytes.TrimLeft(n.head, "0")
	n.shift -= int64(before - len(n.head))
	if len(n.head) == 0 {
		before = len(n.tail)
		n.tail = bytes.TrimLeft(n.tail, "0")
		n.shift -= int64(before - len(n.tail))
	}
	n.tail = bytes.TrimRight(n.tail, "0")
	if len(n.tail) == 0 {
		n.head = bytes.TrimRight(n.head, "0")
	}
}

// raise adds the exponent as written.
func (n *decimal) raise(power []byte) {
	negative := power[0] == '-'
	digits := bytes.TrimLeft(bytes.TrimLeft(power, "+-"), "0")
	switch {
	case len(digits) > 18 && negative:
		n.exp, n.power = -farExponent, digits
	case len(digits) > 18:
		n.exp, n.power = farExponent, digits
	default:
		var e int64
		for _, c := range digits {
			e = e*10 + int64(c-'0')
		}
		if negative {
			e = -e
		}
		n.exp += e
	}
}

func (n *decimal) digits() int { return len(n.head) + len(n.tail) }

func (n *decimal) digit(i int) byte {
	if i < len(n.head) {
		return n.head[i]
	}
	return n.tail[i-len(n.head)]
}

// whole reports whether the value is an integer.
func (n *decimal) whole() bool { return n.exp >= int64(n.digits()) }

// int64 is the value, and whether it is an integer that fits. What does not fit, or is no integer, is brought to the
// nearest that does towards zero.
func (n decimal) int64() (v int64, exact bool) {
	var size uint64
	for i := range int(min(max(n.exp, 0), 20)) {
		size *= 10
		if i < n.digits() {
			size += uint64(n.digit(i) - '0')
		}
	}
	limit := uint64(math.MaxInt64)
	if n.negative {
		limit++
	}
	fits := n.exp <= 19 && size <= limit
	if !fits {
		size = limit
	}
	if n.negative {
		return -int64(size), fits && n.whole()
	}
	return int64(size), fits && n.whole()
}

// append writes the number in the normal form of the canonical JSON. See Canonical.
func (n *decimal) append(to []byte) []byte {
	k := n.digits()
	if k == 0 {
		return append(to, '0')
	}
	if n.negative {
		to = append(to, '-')
	}
	switch {
	case n.exp > 21 || n.exp <= -6:
		to = append(to, n.digit(0))
		if k > 1 {
			to = n.appendDigits(append(to, '.'), 1, k)
		}
		to = append(to, 'e')
		if n.exp > 0 {
			to = append(to, '+')
		}
		return n.appendExponent(to, -1)
	case n.exp <= 0:
		to = append(to, "0.000000"[:2-n.exp]...)
		return n.appendDigits(to, 0, k)
	case n.exp < int64(k):
		to = n.appendDigits(to, 0, int(n.exp))
		return n.appendDigits(append(to, '.'), int(n.exp), k)
	}
	to = n.appendDigits(to, 0, k)
	return append(to, "000000000000000000000"[:n.exp-int64(k)]...)
}

func (n *decimal) appendDigits(to []byte, from, until int) []byte {
	if from < len(n.head) {
		to = append(to, n.head[from:min(until, len(n.head))]...)
	}
	if until > len(n.head) {
		to = append(to, n.tail[max(from-len(n.head), 0):until-len(n.head)]...)
	}
	return to
}

// appendExponent writes exp+more, exactly also where exp only stands for an exponent of very many digits.
func (n *decimal) appendExponent(to []byte, more int64) []byte {
	if n.power == nil {
		return strconv.AppendInt(to, n.exp+more, 10)
	}
	add := n.shift + more
	if n.exp < 0 {
		to, add = append(to, '-'), -add
	}
	from := len(to)
	to = append(to, n.power...)
	// |add| is less than 2^32 and the power at least 10^18: the sign stays, and add ends within the digits but for a carry
	// or a borrow at the top.
	for i := len(to) - 1; i >= from && add != 0; i-- {
		v := int64(to[i]-'0') + add
		add = v / 10
		if v %= 10; v < 0 {
			v += 10
			add--
		}
		to[i] = byte('0' + v)
	}
	if add > 0 {
		to = append(to, 0)
		copy(to[from+1:], to[from:])
		to[from] = byte('0' + add)
	}
	if to[from] == '0' {
		to = append(to[:from], to[from+1:]...)
	}
	return to
}
