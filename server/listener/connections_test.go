package listener

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// Whatever connections do, in whatever order: the bounds hold, nothing is counted twice, and when all have left,
// nothing is left of them.
func TestConnectionsKeepTheirBooks(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	cs := &connections{most: 20, mostEach: 6, left: make(chan struct{}, 1), remotes: map[netip.Prefix]*remote{}}
	now := time.Now()
	var in []*Conn
	for range 100_000 {
		now = now.Add(time.Duration(random.IntN(10)) * time.Millisecond)
		switch random.IntN(5) {
		case 0, 1:
			address := netip.AddrFrom4([4]byte{192, 0, 2, byte(random.IntN(4))})
			c := &Conn{remote: remoteOf(address), proxy: random.IntN(10) == 0}
			if leaver, _, wait := cs.enter(c, now); wait == 0 && leaver != c {
				in = append(in, c)
			}
		case 2:
			if len(in) > 0 {
				i := random.IntN(len(in))
				cs.leave(in[i])
				in = append(in[:i], in[i+1:]...)
			}
		default:
			if len(in) > 0 {
				cs.change(in[random.IntN(len(in))], func(p *position) {
					p.active, p.large = random.IntN(2) == 0, random.IntN(4) == 0
					p.signed = p.signed || random.IntN(5) == 0
				})
			}
		}
		open := 0
		for _, c := range in {
			if c.position.in {
				open++
			}
		}
		if cs.open != open || open > cs.most {
			t.Fatalf("%d are open, and %d are counted", open, cs.open)
		}
	}
	for _, c := range in {
		cs.leave(c)
	}
	if cs.open != 0 || len(cs.remotes) != 0 || cs.spare() != nil {
		t.Errorf("%d connections and %d remotes are left", cs.open, len(cs.remotes))
	}
}
