package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"numhook/server/dispatch"
	"numhook/server/event"
)

// The exit codes that mean something, of sysexits.h.
const (
	exitDataErr  = 65
	exitTempFail = 75
)

// notFound is the reason of a program that ended with what shells and env say of a program that is not there.
const notFound = "exit 127"

// longestGrace is how long a program has between SIGTERM and SIGKILL, at most; of a short attempt it is a tenth.
const longestGrace = time.Second

// Config is a downstream that is a program.
type Config struct {
	Path string   // of the program; it is not looked for in PATH
	Args []string // after its name
	Env  []string // names of the variables of numhook's environment that it gets, too
}

// Sender runs the program. It is safe for concurrent use.
type Sender struct {
	path string
	args []string
	env  []string

	mu   sync.RWMutex    // guards that nothing is begun after life has ended
	life context.Context // ends with the sender
	end  context.CancelFunc
	runs sync.WaitGroup
}

// New checks that there is a program, that not everybody may change it, and that the variables it is to get hold no
// secret of numhook's.
func New(cfg Config) (*Sender, error) {
	path, err := check(cfg.Path)
	if err != nil {
		return nil, err
	}
	for _, name := range cfg.Env {
		if wrong, hint := FlawOfVariable(name); wrong != "" {
			return nil, &event.Error{Kind: event.Invalid, Text: fmt.Sprintf("cannot pass on the variable %q", name), Hint: hint,
				Err: errors.New("it " + wrong)}
		}
	}
	s := &Sender{path: path, args: cfg.Args, env: cfg.Env}
	s.life, s.end = context.WithCancel(context.Background())
	return s, nil
}

// Send makes one try. See dispatch.Sender, and the package comment for what the program's end means.
func (s *Sender) Send(ctx context.Context, e dispatch.Envelope) dispatch.Outcome {
	s.mu.RLock()
	if s.life.Err() != nil {
		s.mu.RUnlock()
		return retry("the sender is closed")
	}
	s.runs.Add(1)
	s.mu.RUnlock()
	defer s.runs.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	return s.run(ctx, e)
}

// Close ends the programs that run, and waits for their ends.
func (s *Sender) Close() error {
	s.mu.Lock()
	s.end()
	s.mu.Unlock()
	s.runs.Wait()
	return nil
}

// run is one program from its start to its end.
func (s *Sender) run(ctx context.Context, e dispatch.Envelope) (o dispatch.Outcome) {
	spoken, err := listen()
	if err != nil {
		return retry("cannot start: " + errnoText(err))
	}
	defer func() {
		if output := spoken.end(); o.Verdict != event.Confirmed {
			o.Output = output
		}
		// of #!/usr/bin/env, it is env that does not find it
		if wrong, _ := Flaw(s.path); o.Reason == notFound && wrong != "" {
			o.Reason += ": " + wrong
		}
	}()
	// A pipe of our own, so that a program which leaves its input unread holds up nobody: it ends without os/exec waiting
	// for the rest to be taken.
	input, feed, err := os.Pipe()
	if err != nil {
		return retry("cannot start: " + errnoText(err))
	}
	defer feed.Close()
	cmd := exec.Command(s.path, s.args...) // without ctx: its end is ours to choose, SIGTERM first, and the whole group
	cmd.Stdin, cmd.Stderr, cmd.Env, cmd.SysProcAttr = input, spoken.to, environment(e, s.env), ownGroup()
	if over(ctx) {
		_ = input.Close()
		return retry(ending(ctx))
	}
	err = cmd.Start()
	_ = input.Close()
	spoken.started()
	if err != nil {
		return retry(startFailure(s.path, err))
	}
	var fed sync.WaitGroup
	fed.Go(func() { give(ctx, feed, e.Body) })
	w := watch(ctx, group{cmd.Process})
	err = await(cmd, w.stop)
	_ = feed.Close()
	fed.Wait()
	if w.late {
		return underway(ending(ctx))
	}
	return judge(cmd.ProcessState, err)
}

// give writes the change, unless its time is over.
func give(ctx context.Context, feed *os.File, body []byte) {
	defer feed.Close()
	if until, bounded := ctx.Deadline(); bounded {
		_ = feed.SetWriteDeadline(until) // where pipes have none, the program's end lets the write go
	}
	if over(ctx) {
		return
	}
	line := make([]byte, 0, len(body)+1)
	// a program that does not read says with its exit code what that means
	_, _ = feed.Write(append(append(line, body...), '\n'))
}

// over reports whether the attempt's time has passed. The clock is looked at, too: a context ends by a timer, which may
// not have run yet in a process that was stopped and goes on.
func over(ctx context.Context) bool {
	until, bounded := ctx.Deadline()
	return bounded && !time.Now().Before(until) || ctx.Err() != nil
}

// judge is what the program's end means.
func judge(end *os.ProcessState, err error) dispatch.Outcome {
	if end == nil {
		return retry("its end is unknown: " + errnoText(err))
	}
	switch code := end.ExitCode(); code {
	case 0:
		return dispatch.Outcome{Verdict: event.Confirmed, Alive: true}
	case exitDataErr:
		return dispatch.Outcome{Verdict: event.Refused, Reason: "exit 65", Alive: true}
	case exitTempFail:
		return retry("exit 75")
	case -1:
		return underway(end.String()) // signal: ...
	default: // it may be about this one change, and must not hold up those behind it
		return dispatch.Outcome{Verdict: event.Retry, Reason: "exit " + strconv.Itoa(code), Alive: true}
	}
}

func retry(reason string) dispatch.Outcome {
	return dispatch.Outcome{Verdict: event.Retry, Reason: reason}
}

// underway is a retry of what a program was at when it was killed: whom it had called may go on.
func underway(reason string) dispatch.Outcome {
	return dispatch.Outcome{Verdict: event.Retry, Reason: reason, Underway: true}
}

// ending says why a program was not let run to its end.
func ending(ctx context.Context) string {
	if errors.Is(ctx.Err(), context.Canceled) {
		return "cut short"
	}
	return "time-out"
}

// errnoText are the system's own of an error, without the path.
func errnoText(err error) string {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number.Error()
	}
	return "unknown failure"
}
