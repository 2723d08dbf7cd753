package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"numhook/server/event"
)

// The kernel lets the lock of a process go that was killed.
func TestServeLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{})
	mustAppend(t, s, 1)
	out, err := child(t, "open", path).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another numhook serves it") ||
		!strings.Contains(string(out), fmt.Sprintf("process %d", os.Getpid())) ||
		!strings.Contains(string(out), "hint: stop the other one") {
		t.Errorf("a second process: %v %s", err, out)
	}
	for _, how := range []string{"read", "operate"} {
		if out, err := child(t, how, path).CombinedOutput(); err != nil {
			t.Errorf("%s beside a server: %v %s", how, err, out)
		}
	}
	mustHave(t, s, 1, 7) // 7 is the operator's
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := child(t, "open", path).CombinedOutput(); err != nil {
		t.Errorf("after the first was closed: %v %s", err, out)
	}
}

// A process that is killed at any moment leaves what it acknowledged, whole, and with it what it enqueues.
func TestKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	acknowledged := map[int]bool{}
	from := 0
	const rounds = 8
	for round := range rounds {
		process := child(t, "append", path, fmt.Sprint(from))
		out, err := process.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		enough := 20 + 60*round
		var fresh []int
		for {
			var n int
			if _, err := fmt.Fscanln(out, &n); err != nil {
				break
			}
			acknowledged[n] = true
			fresh = append(fresh, n)
			from = max(from, n+1)
			if enough--; enough == 0 {
				if err := process.Process.Signal(syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = process.Wait()
		from += 1000 // leave room: what was not acknowledged may be there, or not
		s := openStore(t, path, Options{})
		mustHave(t, s, fresh...)
		if round == rounds-1 {
			mustHave(t, s, slices.Collect(maps.Keys(acknowledged))...)
		}
		if held, err := s.Held(t.Context(), allOfIt.Name); err != nil || len(held) > 0 {
			t.Errorf("%d rows are held by the dead (%v)", len(held), err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		checkIntegrity(t, path)
		checkOutbox(t, path)
	}
	if len(acknowledged) < rounds*20 {
		t.Errorf("only %d events were acknowledged", len(acknowledged))
	}
}

// checkOutbox demands of a store whose events have a number each that all of them are enqueued for every downstream,
// once.
func checkOutbox(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path, "ro"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var events, outbox, whole int
	err = db.QueryRow(`SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM owed),
		(SELECT count(*) FROM owed o JOIN events e ON e.seq = o.seq AND e.event_ts = o.event_ts
			AND e.numbers = json_array(o.number))`).Scan(&events, &outbox, &whole)
	if err != nil || events == 0 || outbox != 2*events || whole != outbox {
		t.Errorf("of %d events, %d rows are owed, %d of them right (%v)", events, outbox, whole, err)
	}
}

// child runs this test binary again, in one of the roles below.
func child(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childRole+"="+strings.Join(args, "\n"))
	return command
}

const childRole = "NUMHOOK_TEST_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		if err := runChild(strings.Split(role, "\n")); err != nil {
			e, _ := errors.AsType[*event.Error](err)
			fmt.Printf("%v\nhint: %s\n", err, e.Hint)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func runChild(args []string) error {
	ctx := context.Background()
	role, path := args[0], args[1]
	switch role {
	case "open":
		s, err := Open(ctx, path, Options{AllowUnsafe: true})
		if err != nil {
			return err
		}
		return s.Close()
	case "read":
		r, err := OpenReader(ctx, path)
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = r.Event(ctx, sample(1).ID)
		return err
	case "operate":
		s, err := OpenOperator(ctx, path)
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = s.Append(ctx, sample(7))
		return err
	case "append":
		return appendForEver(ctx, path, must(strconv.Atoi(args[2])))
	}
	return errors.New("no such role")
}

// appendForEver prints the number of each event after it was acknowledged.
func appendForEver(ctx context.Context, path string, next int) error {
	s, err := Open(ctx, path, Options{AllowUnsafe: true})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, d := range []event.Downstream{newestOnly, allOfIt} {
		if _, err := s.Register(ctx, d); err != nil {
			return err
		}
		wg.Go(func() { deliverForEver(ctx, s, d.Name, i) })
	}
	for range 8 {
		wg.Go(func() {
			for {
				mu.Lock()
				n := next
				next++
				mu.Unlock()
				_, err := s.Append(ctx, sample(n))
				mu.Lock()
				if err == nil {
					fmt.Println(n)
				} else if event.KindOf(err) != event.Unavailable {
					fmt.Println("refused:", err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return nil
}

// deliverForEver claims, and confirms most of what it claims.
func deliverForEver(ctx context.Context, s *Store, downstream string, n int) {
	for {
		list, _, err := s.Claim(ctx, downstream, 10)
		if err != nil {
			continue
		}
		for _, a := range list {
			v := []event.Verdict{event.Confirmed, event.Retry, event.Refused, event.Confirmed}[n%4]
			if n++; n%5 > 0 {
				_, _ = s.Record(ctx, result(a, v))
			}
		}
	}
}
