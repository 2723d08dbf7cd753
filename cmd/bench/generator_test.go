package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// A generator is a process of this binary that sends one load: so its processor time, its memory and its garbage are
// not those of the run that starts and watches everything else.
const generatorChild = "generator"

// generatorOrder is a load as the process gets it, on its standard input.
type generatorOrder struct {
	Targets     []target      `json:"targets"`
	Connections int           `json:"connections"`
	Warm        time.Duration `json:"warm"`
	Window      time.Duration `json:"window"`
	Limit       int64         `json:"limit"`
	Rate        int           `json:"rate"`
	Again       bool          `json:"again"`
	FirstTS     int64         `json:"first_ts"` // event_ts of delivery 0
	Next        int64         `json:"next"`     // the first delivery that has not been sent yet
}

// generatorResult is what it saw.
type generatorResult struct {
	Answered  int64         `json:"answered"`
	Late      int64         `json:"late"`
	Window    time.Duration `json:"window"`
	CPU       time.Duration `json:"cpu"`
	ClientCPU time.Duration `json:"client_cpu"`
	Counts    []uint32      `json:"counts"` // of the histogram
	Next      int64         `json:"next"`
}

func (r *generatorResult) measured() *measured {
	m := &measured{answered: r.Answered, late: r.Late, window: r.Window, cpu: r.CPU, clientCPU: r.ClientCPU}
	m.latency.set(r.Counts)
	m.accepted = m.latency.total
	return m
}

// runGenerator is the child.
func runGenerator() int {
	if err := generate(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// generate sends the load that in asks for. One core is enough for it: with more, its own scheduling would cost what is
// measured. It makes no garbage while it sends.
func generate(in io.Reader, out io.Writer) error {
	var order generatorOrder
	if err := json.NewDecoder(in).Decode(&order); err != nil {
		return err
	}
	from, err := makeDeliveries(time.UnixMilli(order.FirstTS))
	if err != nil {
		return err
	}
	from.next.Store(order.Next)
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1)
	l := &load{from: from, connections: order.Connections, warm: order.Warm, window: order.Window, limit: order.Limit,
		rate: order.Rate, again: order.Again}
	m, err := l.run(order.Targets)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(generatorResult{Answered: m.answered, Late: m.late, Window: m.window, CPU: m.cpu,
		ClientCPU: m.clientCPU, Counts: m.latency.counts[:], Next: from.next.Load()})
}

// runIn sends the load from a process of its own.
func (l *load) runIn(t *testing.T, processes []*process) (*measured, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	order := generatorOrder{Connections: l.connections, Warm: l.warm, Window: l.window, Limit: l.limit, Rate: l.rate,
		Again:   l.again,
		FirstTS: l.from.firstTS, Next: l.from.next.Load()}
	for _, p := range processes {
		order.Targets = append(order.Targets, p.target())
	}
	text, err := json.Marshal(order)
	if err != nil {
		return nil, err
	}
	var out, failure bytes.Buffer
	command := exec.CommandContext(t.Context(), self)
	command.Env = append(os.Environ(), childKind+"="+generatorChild)
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(text), &out, &failure
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("cannot send: %w: %s", err, failure.Bytes())
	}
	var result generatorResult
	if err := json.Unmarshal(out.Bytes(), &result); err != nil {
		return nil, err
	}
	l.from.next.Store(result.Next)
	return result.measured(), nil
}
