package bench

import (
	"math/bits"
	"testing"
	"time"
)

// histogram counts durations in buckets of whole microseconds up to 128 us and of 1/64 of their own size beyond. The
// zero value is empty.
type histogram struct {
	counts [1408]uint32 // up to 67 s
	total  int
}

const bucketsPerDoubling = 64

func (h *histogram) add(d time.Duration) {
	h.counts[bucket(d)]++
	h.total++
}

func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
}

// set makes the counts those of a histogram that came from another process.
func (h *histogram) set(counts []uint32) {
	h.total = 0
	for i, n := range counts {
		h.counts[i] = n
		h.total += int(n)
	}
}

// quantile is the middle of the bucket that holds the duration of rank q*total, counted from the shortest; 0 when the
// histogram is empty.
func (h *histogram) quantile(q float64) time.Duration {
	rank := int(q * float64(h.total))
	for i, n := range h.counts {
		if rank -= int(n); rank < 0 {
			return middle(i)
		}
	}
	return 0
}

func bucket(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 0))
	shift := max(bits.Len64(us/bucketsPerDoubling)-1, 0)
	return min(shift*bucketsPerDoubling+int(us>>shift), len(histogram{}.counts)-1)
}

func middle(i int) time.Duration {
	shift := max(i/bucketsPerDoubling-1, 0)
	us := (i - shift*bucketsPerDoubling) << shift
	return time.Duration(us+(1<<shift)/2) * time.Microsecond
}

func TestHistogramQuantiles(t *testing.T) {
	var h, other histogram
	for us := range 1000 { // 0 to 999 us, each once
		half := &h
		if us%2 == 1 {
			half = &other
		}
		half.add(time.Duration(us) * time.Microsecond)
	}
	h.merge(&other)
	for _, want := range []struct {
		q  float64
		us int
	}{{0, 0}, {0.1, 100}, {0.5, 502}, {0.99, 988}} { // 500 lies in 500..503, 990 in 984..991
		if got := h.quantile(want.q); got != time.Duration(want.us)*time.Microsecond {
			t.Errorf("quantile %v: %v, not %d us", want.q, got, want.us)
		}
	}
	if h.total != 1000 {
		t.Errorf("%d durations, not 1000", h.total)
	}
	if got := bucket(time.Hour); got != len(h.counts)-1 {
		t.Errorf("an hour in bucket %d, not in the last", got)
	}
}
