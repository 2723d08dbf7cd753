package listener

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// Whatever connections do, in whatever order: the bounds hold, nothing is counted twice, and when all have left, nothing is left of them.
func TestCrowdKeepsItsBooks(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	w := &crowd{most: 20, mostEach: 6, left: make(chan struct{}, 1), remotes: map[netip.Prefix]*remote{}}
	now := time.Now()
	var in []*Conn
	for range 100_000 {
		now = now.Add(time.Duration(random.IntN(10)) * time.Millisecond)
		switch random.IntN(5) {
		case 0, 1:
			address := netip.AddrFrom4([4]byte{192, 0, 2, byte(random.IntN(4))})
			c := &Conn{remote: remoteOf(address), proxy: random.IntN(10) == 0}
			if leaver, _, wait := w.enter(c, now); wait == 0 && leaver != c {
				in = append(in, c)
			}
		case 2:
			if len(in) > 0 {
				i := random.IntN(len(in))
				w.leave(in[i])
				in = append(in[:i], in[i+1:]...)
			}
		default:
			if len(in) > 0 {
				w.change(in[random.IntN(len(in))], func(p *place) {
					p.active, p.large = random.IntN(2) == 0, random.IntN(4) == 0
					p.signed = p.signed || random.IntN(5) == 0
				})
			}
		}
		open := 0
		for _, c := range in {
			if c.place.in {
				open++
			}
		}
		if w.open != open || open > w.most {
			t.Fatalf("%d are open, and %d are counted", open, w.open)
		}
	}
	for _, c := range in {
		w.leave(c)
	}
	if w.open != 0 || len(w.remotes) != 0 || w.spare() != nil {
		t.Errorf("%d connections and %d remotes are left", w.open, len(w.remotes))
	}
}
