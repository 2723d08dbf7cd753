package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// The schema knows how a time and a size are written. That one lies between bounds it cannot say.

var (
	durationForm = regexp.MustCompile(`^([0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h|d))+$`)
	durationPart = regexp.MustCompile(`([0-9.]+)(ms|s|m|h|d)`)
	durationUnit = map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour,
		"d": 24 * time.Hour}
)

// leastTime is the shortest of all times: attempts and waits of less are mistakes.
const leastTime = time.Millisecond

// duration takes a time such as 10s, 1.5m or 7d, at most the one given.
func (r *reader) duration(n *node, key string, most time.Duration) (time.Duration, bool) {
	if n == nil {
		return 0, false
	}
	between := "write a time from " + shown(leastTime) + " to " + shown(most)
	if n.Kind != yaml.ScalarNode || isNull(n) || !durationForm.MatchString(n.Value) || len(n.Value) > 40 {
		if n.Kind == yaml.ScalarNode && wholeNumber.MatchString(n.Value) && n.Value[0] != '-' {
			r.tell(n, key+" has no unit", "write it with ms, s, m, h or d, such as "+n.Value+"s")
		} else {
			r.tell(n, key+" must be a time such as 500ms, 10s, 15m, 2h or 7d", between)
		}
		return 0, false
	}
	var sum float64
	for _, part := range durationPart.FindAllStringSubmatch(n.Value, -1) {
		number, _ := strconv.ParseFloat(part[1], 64)
		sum += number * float64(durationUnit[part[2]])
	}
	if sum < float64(leastTime) || sum > float64(most) {
		r.tell(n, key+" is "+n.Value, between)
		return 0, false
	}
	return time.Duration(math.Round(sum)), true
}

// shown is a time as people write it: 15m, and not 15m0s.
func shown(d time.Duration) string {
	for _, unit := range []string{"d", "h", "m", "s", "ms"} {
		if one := durationUnit[unit]; d >= one && d%one == 0 && !(unit == "d" && d < 2*one) {
			return strconv.FormatInt(int64(d/one), 10) + unit
		}
	}
	return d.String()
}

var (
	sizeForm = regexp.MustCompile(`^([1-9][0-9]{0,11})(B|KiB|MiB|GiB)?$`)
	sizeUnit = map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
)

// size takes a number of bytes such as 100MiB.
func (r *reader) size(n *node, key string, least, most int64) (int64, bool) {
	if n == nil {
		return 0, false
	}
	between := fmt.Sprintf("write a size from %dKiB to %dGiB, such as 100MiB", least>>10, most>>30)
	parts := sizeForm.FindStringSubmatch(n.Value)
	if n.Kind != yaml.ScalarNode || parts == nil {
		r.tell(n, key+" must be a size", between)
		return 0, false
	}
	number, _ := strconv.ParseInt(parts[1], 10, 64)
	if unit := sizeUnit[parts[2]]; number < least/unit || number > most/unit {
		r.tell(n, key+" is "+n.Value, between)
		return 0, false
	}
	return number * sizeUnit[parts[2]], true
}
