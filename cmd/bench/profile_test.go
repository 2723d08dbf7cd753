package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestProfile writes what "make profile" asks for: a profile of a receiver under the load that the bench measures, half
// of it while it hands on.
func TestProfile(t *testing.T) {
	into := os.Getenv("NUMHOOK_PROFILE")
	if into == "" {
		t.Skip("make profile runs it")
	}
	if err := os.MkdirAll(filepath.Dir(into), 0o755); err != nil {
		t.Fatal(err)
	}
	b := &bench{scale: full, directory: t.TempDir(), deliveries: newDeliveries(t), tags: "profile"}
	d := newBound(t, nil)
	for i, flags := range [][]string{nil, {"--config", configure(t, b.folder(t), 16, []*bound{d})}} {
		p := b.startOn(t, "", flags...)
		l := &load{from: b.deliveries, connections: b.connections, warm: b.warm, window: 10 * time.Second, rate: stockRate}
		p.signal(t, syscall.SIGUSR1)
		if _, err := l.runIn(t, []*process{p}); err != nil {
			t.Fatal(err)
		}
		p.signal(t, syscall.SIGUSR1)
		profile := filepath.Join(p.command.Dir, "cpu.pprof")
		waitFor(t, profile)
		p.stop(t)
		if err := os.Rename(profile, fmt.Sprintf("%s.%d", into, i)); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *process) signal(t *testing.T, signal os.Signal) {
	if err := p.command.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

func waitFor(t *testing.T, file string) {
	tick, limit := time.NewTicker(10*time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for {
		if _, err := os.Stat(file); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s is not written", file)
		}
	}
}
