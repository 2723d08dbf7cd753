package server

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Bounds of the lines about strangers. Whoever can reach the port can cause one with sixty bytes, so what is written
// about them is bounded by time and not by what they send: at most some 100 bytes times LinesASecond times the kinds,
// each second.
const (
	LinesASecond  = 5                // of one kind; what is more is counted and told of later
	SummaryPeriod = 10 * time.Second // at most so often, for each kind, one line with the count
)

// LimitedLog writes lines that strangers can cause: a few of each kind a second, then one line with the count of those
// left out. What it leaves out is for the metrics to hold. It is safe for concurrent use. The zero value is not usable;
// NewLimitedLog makes one.
type LimitedLog struct {
	log *slog.Logger
	now func() time.Time

	mu    sync.Mutex // guards what follows
	kinds map[string]*limitedKind
}

type limitedKind struct {
	second   int64 // of the lines that written counts
	written  int
	left     int  // out since the last summary
	flushing bool // a summary is on its way
}

// NewLimitedLog limits what goes to log. The kinds that it is then called with are words of a closed list.
func NewLimitedLog(log *slog.Logger, now func() time.Time) *LimitedLog {
	return &LimitedLog{log: log, now: now, kinds: map[string]*limitedKind{}}
}

// Allow reports whether a line of the kind may be written now. What may not is counted, and a line "left out" tells how
// many there were, by kind, at the latest SummaryPeriod after the first of them.
func (l *LimitedLog) Allow(kind string) bool {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.kinds[kind]
	if k == nil {
		k = &limitedKind{}
		l.kinds[kind] = k
	}
	if second := now.Unix(); second != k.second {
		k.second, k.written = second, 0
	}
	if k.written < LinesASecond {
		k.written++
		return true
	}
	k.left++
	if !k.flushing {
		k.flushing = true
		time.AfterFunc(SummaryPeriod, func() { l.flush(kind) })
	}
	return false
}

func (l *LimitedLog) flush(kind string) {
	l.mu.Lock()
	k := l.kinds[kind]
	left := k.left
	k.left, k.flushing = 0, false
	l.mu.Unlock()
	if left > 0 {
		l.log.LogAttrs(context.Background(), slog.LevelWarn, "left out", slog.String("kind", kind), slog.Int("lines", left))
	}
}
