package postgres_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/store/postgres"
	"numhook/server/store/postgres/postgrestest"
)

// pooled puts a PgBouncer before the database, and gives the URL that leads through it.
func pooled(t *testing.T, database, mode string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		t.Skip("there is no pgbouncer: make needs installs it")
	}
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	_, port, _ := net.SplitHostPort(address)
	password, _ := u.User.Password()
	folder, err := os.MkdirTemp("", "numhook-pgbouncer-") // a folder of the test's would be closed to the program's user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	config := filepath.Join(folder, "pgbouncer.ini")
	text := fmt.Sprintf("[databases]\n* = host=%s port=%s user=%s password=%s\n[pgbouncer]\nlisten_addr = "+
		"127.0.0.1\nlisten_port = %s\n"+
		"auth_type = any\npool_mode = %s\nunix_socket_dir =\ndefault_pool_size = 40\n", u.Hostname(), u.Port(),
		u.User.Username(), password, port, mode)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, config)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 { // as whom it does not run
		const nobody = 65534
		command.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	var said strings.Builder
	command.Stderr = &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			conn.Close()
			u.Host = address
			return u.String()
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("pgbouncer does not listen: %v", err)
		}
	}
}

// A pooler that gives a transaction to any session is refused by name, and one that gives each client a session works.
func TestPoolers(t *testing.T) {
	t.Parallel()
	direct := postgrestest.New(t)
	for _, mode := range []string{"transaction", "statement"} {
		through := pooled(t, direct, mode)
		_, opening := postgres.Open(t.Context(), through, postgres.Options{})
		if mode == "transaction" { // the schema is there from here on
			mustAppend(t, opened(t)(postgres.Open(t.Context(), direct, postgres.Options{})), caller(1, "a", "+1"))
		}
		_, reading := postgres.OpenReader(t.Context(), through)
		_, operating := postgres.OpenOperator(t.Context(), through)
		for what, err := range map[string]error{"opening": opening, "reading": reading, "operating": operating} {
			if err == nil || event.KindOf(err) != event.Unavailable ||
				!strings.Contains(err.Error(), "pooler in transaction mode (pool_mode of PgBouncer)") {
				t.Errorf("%s, %s: %v", mode, what, err)
			}
		}
	}
	s := opened(t)(postgres.Open(t.Context(), pooled(t, direct, "session"), postgres.Options{}))
	mustAppend(t, s, caller(2, "another", "+1"))
}
