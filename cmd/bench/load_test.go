package bench

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// mostStock is how many requests are made before a load begins, at most: they take about 900 bytes each. What a load
// needs beyond is made on the spot.
const mostStock = 400_000

// load sends deliveries over so many connections at once, each of which sends its next when the one before was
// answered. Several receivers get the connections in turn. All requests are made and signed before the first is sent,
// so that the sender takes as little as possible of the machine that it shares with what it measures.
type load struct {
	from        *deliveries
	connections int
	warm        time.Duration // not counted
	window      time.Duration
	limit       int64         // deliveries, the warm ones included; 0 for as many as fit
	rate        int           // of which a stock is made beforehand, in deliveries a second
	again       bool          // when the stock is used up, it is sent again: for a competitor that keeps nothing
	apart       time.Duration // between the answer and the next delivery of one connection

	sent func(n int64, at time.Time) // is told of each delivery before it is sent; may be nil
}

// target is a receiver as its sender knows it.
type target struct {
	Address string `json:"address"`
	PID     int    `json:"pid"` // whose processor time is measured
}

// measured is what a load saw.
type measured struct {
	answered  int64 // 200, the warm ones included
	accepted  int   // in the window
	late      int64 // requests that were made on the spot
	window    time.Duration
	latency   histogram // of the accepted in the window, from before the write to the last byte of the answer
	cpu       time.Duration
	clientCPU time.Duration
}

func (m *measured) merge(other *measured) {
	m.answered += other.answered
	m.accepted += other.accepted
	m.late += other.late
	m.window += other.window
	m.latency.merge(&other.latency)
	m.cpu += other.cpu
	m.clientCPU += other.clientCPU
}

// row is what the table says of it.
func (m *measured) row(part, what string) row {
	line := row{Part: part, What: what, PerSecond: float64(m.accepted) / m.window.Seconds(),
		P50: milliseconds(m.latency.quantile(0.5)), P99: milliseconds(m.latency.quantile(0.99))}
	if m.accepted > 0 {
		line.CPU = float64(m.cpu.Microseconds()) / float64(m.accepted)
		line.ClientCPU = float64(m.clientCPU.Microseconds()) / float64(m.accepted)
	}
	return line
}

// stock is how many requests each connection makes beforehand.
func (l *load) stock() int {
	most := int64(min(mostStock, float64(l.rate)*(l.warm+l.window).Seconds()))
	if l.limit > 0 {
		most = min(most, l.limit)
	}
	return int(most) / l.connections
}

// run loads the receivers. It fails unless every answer is 200: then its figures would mean something else.
func (l *load) run(targets []target) (*measured, error) {
	shared := &sending{load: l}
	callers := make([]*caller, l.connections)
	var wg sync.WaitGroup
	for i := range callers {
		callers[i] = &caller{sending: shared, sender: newSender(l.from), in: make([]byte, 16<<10)}
		wg.Go(callers[i].prepare)
	}
	wg.Wait()
	runtime.GC() // what made the stock is not to be cleared away while the load runs
	// Not before: a receiver waits for the first request of a connection for some seconds only.
	for i, c := range callers {
		conn, err := net.Dial("tcp", targets[i%len(targets)].Address)
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		c.conn = conn
	}
	shared.begin = time.Now().Add(l.warm)
	shared.end = shared.begin.Add(l.window)
	for _, c := range callers {
		const grace = 10 * time.Second // for the last answer
		if err := c.conn.SetDeadline(shared.end.Add(grace)); err != nil {
			return nil, err
		}
		wg.Go(c.run)
	}
	warmed := time.NewTimer(l.warm)
	<-warmed.C
	cpu, clientCPU := cpuTimes(targets), cpuTime(os.Getpid())
	wg.Wait()
	m := &measured{window: min(time.Since(shared.begin), l.window), cpu: cpuTimes(targets) - cpu,
		clientCPU: cpuTime(os.Getpid()) - clientCPU}
	for _, c := range callers {
		if c.failed != nil {
			return nil, c.failed
		}
		m.answered += c.answered
		m.late += c.late
		m.accepted += c.latency.total
		m.latency.merge(&c.latency)
	}
	return m, nil
}

func cpuTimes(targets []target) (sum time.Duration) {
	for _, one := range targets {
		sum += cpuTime(one.PID)
	}
	return sum
}

// sending is what the callers of one run share.
type sending struct {
	load       *load
	begin, end time.Time
	taken      atomic.Int64
	broken     atomic.Bool // one of them failed
}

// ready is a request that was made beforehand.
type ready struct {
	n   int64
	raw []byte
}

// caller is one connection.
type caller struct {
	*sending
	conn     net.Conn
	sender   *sender
	stock    []ready
	used     int // of the stock
	late     int64
	in       []byte
	latency  histogram
	answered int64
	failed   error
}

// prepare makes the caller's stock, signed with the time of now: a receiver takes what is at most some minutes old.
func (c *caller) prepare() {
	now := time.Now()
	c.stock = make([]ready, c.load.stock())
	for i := range c.stock {
		n := c.load.from.next.Add(1) - 1
		c.stock[i] = ready{n, bytes.Clone(c.sender.write(n, now).raw)}
	}
}

// next is the request to be sent next.
func (c *caller) next(now time.Time) ready {
	if c.used == len(c.stock) && c.load.again {
		c.used = 0
	}
	if c.used < len(c.stock) {
		c.used++
		return c.stock[c.used-1]
	}
	c.late++
	n := c.load.from.next.Add(1) - 1
	return ready{n, c.sender.write(n, now).raw}
}

func (c *caller) run() {
	for at := time.Now(); !c.broken.Load() && at.Before(c.end); {
		if limit := c.load.limit; limit > 0 && c.taken.Add(1) > limit {
			return
		}
		request := c.next(at)
		sent := time.Now()
		if c.load.sent != nil {
			c.load.sent(request.n, sent)
		}
		if c.failed = c.call(request.raw); c.failed != nil {
			c.broken.Store(true)
			return
		}
		c.answered++
		if at = time.Now(); sent.After(c.begin) && at.Before(c.end) {
			c.latency.add(at.Sub(sent))
		}
		if c.load.apart > 0 {
			<-time.After(c.load.apart)
		}
	}
}

// call sends the request and reads its answer, which has to be a 200 with a length.
func (c *caller) call(request []byte) error {
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	got, want := 0, len(c.in)
	for got < want {
		n, err := c.conn.Read(c.in[got:])
		if err != nil {
			return err
		}
		head := want == len(c.in)
		if got += n; !head {
			continue
		}
		if want, err = answerLength(c.in[:got], len(c.in)); err != nil {
			return err
		}
	}
	if got > want {
		return errors.New("the answer is longer than it says")
	}
	return nil
}

var (
	statusOK   = []byte("HTTP/1.1 200 ")
	headEnd    = []byte("\r\n\r\n")
	lengthName = []byte("\r\nContent-Length: ")
)

// answerLength is the length of the whole answer, or unknown while its head is not complete.
func answerLength(answer []byte, unknown int) (int, error) {
	end := bytes.Index(answer, headEnd)
	if end < 0 {
		return unknown, nil
	}
	at := bytes.Index(answer[:end], lengthName)
	if !bytes.HasPrefix(answer, statusOK) || at < 0 {
		return 0, fmt.Errorf("%w: %q", errRefused, answer)
	}
	text, _, _ := bytes.Cut(answer[at+len(lengthName):end+len(headEnd)], headEnd[:2])
	length, err := strconv.Atoi(string(text))
	if total := end + len(headEnd) + length; err == nil && total < unknown {
		return total, nil
	}
	return 0, fmt.Errorf("cannot read the answer: its length is %q", text)
}
