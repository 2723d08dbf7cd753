package diff

import (
	"encoding/json"
	"errors"
	"math/big"
)

// integerRanges are the formats of numbers that the receiver holds values to, as bits and whether they have a sign: a
// value beyond them does not fit the generated member.
var integerRanges = map[string]struct {
	bits   uint
	signed bool
}{
	"int8": {8, true}, "int16": {16, true}, "int32": {32, true}, "int64": {64, true},
	"uint8": {8, false}, "uint16": {16, false}, "uint32": {32, false}, "uint64": {64, false},
}

// inRange is the check of an integer format. What is no number is not its business.
func inRange(format string) func(any) error {
	width := integerRanges[format]
	low, high := new(big.Int), new(big.Int).Lsh(big.NewInt(1), width.bits)
	if width.signed {
		high.Rsh(high, 1)
		low.Neg(high)
	}
	return func(v any) error {
		written, isNumber := v.(json.Number)
		if !isNumber {
			return nil
		}
		value, ok := (&node{kind: number, text: string(written)}).rat()
		if !ok || !value.IsInt() || value.Num().Cmp(low) < 0 || value.Num().Cmp(high) >= 0 {
			return errors.New("the value does not fit " + format)
		}
		return nil
	}
}
