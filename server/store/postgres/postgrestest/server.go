// Package postgrestest runs PostgreSQL servers for tests and measurements: the distribution's program, in a temporary
// directory, on a loopback port of its own, as a user without rights. It guarantees that a server and its directory are
// gone when the process that started it is, however that process ended.
package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// The roles of a server. The store's is an ordinary one: it owns its databases and nothing else.
const (
	role     = "numhook"
	password = "p4ss-w0rd" // of both roles
	admin    = "postgres"
)

// startTime is how long initdb or a start may take; recovery after an immediate stop is part of a start.
const startTime = 60 * time.Second

// How to stop a server.
const (
	Fast      = syscall.SIGINT  // ends the sessions, writes a checkpoint
	Immediate = syscall.SIGQUIT // as in a crash: the next start recovers from the log
)

// Server is a PostgreSQL server.
type Server struct {
	programs  string // the directory of initdb and postgres
	directory string
	port      int
	settings  []string
	owner     *syscall.Credential // nil unless this process is root
	watchdog  io.WriteCloser      // the server goes when it is closed

	mu        sync.Mutex
	process   *exec.Cmd
	exited    chan struct{}
	databases int
}

// ErrMissing says that there is no PostgreSQL on this machine.
var ErrMissing = errors.New("PostgreSQL is not installed: apt-get install postgresql (its own cluster is not used " +
	"and may be stopped)")

// Programs is the directory of the newest PostgreSQL that is installed.
func Programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	newest, best := "", 0
	for _, path := range found {
		directory := filepath.Dir(path)
		if version, err := strconv.Atoi(filepath.Base(filepath.Dir(directory))); err == nil && version > best {
			newest, best = directory, version
		}
	}
	if newest != "" {
		return newest, nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	return "", ErrMissing
}

// Start makes a new server below directory (the default one for temporary files when empty) and waits until it takes
// connections. settings are name=value, as on the command line of postgres.
func Start(directory string, settings ...string) (*Server, error) {
	s := &Server{settings: settings}
	var err error
	if s.programs, err = Programs(); err != nil {
		return nil, err
	}
	if s.directory, err = os.MkdirTemp(directory, "numhook-postgres-"); err != nil {
		return nil, err
	}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.directory))
	}
	if err := s.Start(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.createRole(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Checksums has the server find what is wrong in a page that it reads, as servers from PostgreSQL 18 on do by
// themselves. The server must be stopped.
func (s *Server) Checksums() error {
	return s.run("pg_checksums", "--enable", "--no-sync", "--pgdata", s.data())
}

// File is a file below the server's data directory, as pg_relation_filepath names it.
func (s *Server) File(name string) string { return filepath.Join(s.data(), name) }

// Replica makes a hot standby of the server, below directory, and waits until it takes connections.
func (s *Server) Replica(directory string) (*Server, error) {
	r := &Server{programs: s.programs, owner: s.owner}
	var err error
	if r.directory, err = os.MkdirTemp(directory, "numhook-postgres-"); err != nil {
		return nil, err
	}
	if err := r.own(r.directory); err != nil {
		return nil, err
	}
	if r.port, err = freePort(); err != nil {
		return nil, err
	}
	if err := r.watch(); err != nil {
		return nil, err
	}
	source := strings.Replace(s.AdminURL("postgres"), "postgres://", "postgresql://", 1)
	if err := r.run("pg_basebackup", "--pgdata", r.data(), "--dbname", source, "--write-recovery-conf", "--checkpoint",
		"fast", "--no-sync"); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if err := r.Start(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// own gives the paths to the user that the server runs as.
func (s *Server) own(paths ...string) error {
	if s.owner == nil {
		return nil
	}
	for _, path := range paths {
		if err := os.Chown(path, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			return err
		}
	}
	return nil
}

// run runs one of the programs to its end.
func (s *Server) run(program string, args ...string) error {
	cmd := s.command(program, args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cannot run %s: %w\n%s", program, err, output.Bytes())
	}
	return nil
}

// prepare makes the data directory and sets the watchdog.
func (s *Server) prepare() error {
	if err := s.chooseOwner(); err != nil {
		return err
	}
	secret := filepath.Join(s.directory, "password")
	if err := os.WriteFile(secret, []byte(password), 0o600); err != nil {
		return err
	}
	if err := s.own(s.directory, secret); err != nil {
		return err
	}
	var err error
	if s.port, err = freePort(); err != nil {
		return err
	}
	err = s.run("initdb", "--pgdata", s.data(), "--username", admin, "--pwfile", secret, "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--no-locale", "--no-sync")
	if err != nil {
		return err
	}
	return s.watch()
}

// chooseOwner finds a user to run as: PostgreSQL refuses to run as root.
func (s *Server) chooseOwner() error {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(found.Uid, 10, 32)
		if err != nil {
			return err
		}
		gid, err := strconv.ParseUint(found.Gid, 10, 32)
		if err != nil {
			return err
		}
		s.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return nil
	}
	return errors.New("cannot run PostgreSQL: this process is root, and there is neither a user postgres nor a " +
		"user nobody")
}

// watch starts a process that outlives this one by a moment: when this one ends, and be it by a SIGKILL, it stops the
// server and removes the directory.
func (s *Server) watch() error {
	const script = `read -r _
		pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && [ "$(cat "/proc/$pid/comm" || echo postgres)" = postgres ] &&
			kill -QUIT "$pid" && n=0 && while [ -e "$1/data/postmaster.pid" ] && [ $((n += 1)) -lt 100 ]; do sleep 0.1; done
		rm -rf "$1"`
	watchdog := exec.Command("/bin/sh", "-c", script, "sh", s.directory)
	watchdog.Dir = "/"
	watchdog.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal is for the test
	in, err := watchdog.StdinPipe()
	if err != nil {
		return err
	}
	if err := watchdog.Start(); err != nil {
		return err
	}
	s.watchdog = in
	go func() { _ = watchdog.Wait() }()
	return nil
}

func (s *Server) data() string { return filepath.Join(s.directory, "data") }

func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.programs, program), args...)
	cmd.Dir = s.directory
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: s.owner}
	return cmd
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

// Start starts the server again after Stop, and waits until it takes connections.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		return errors.New("cannot start PostgreSQL: it runs")
	}
	args := []string{"-D", s.data(), "-c", "listen_addresses=127.0.0.1", "-c", "port=" + strconv.Itoa(s.port), "-c",
		"unix_socket_directories=",
		"-c", "max_connections=200"}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	process := s.command("postgres", args...)
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	process.Stdout, process.Stderr = log, log
	if err := process.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = process.Wait()
	}()
	s.process, s.exited = process, exited
	return s.awaitReady()
}

func (s *Server) log() string { return filepath.Join(s.directory, "log") }

// awaitReady watches the eighth line of the server's pid file, where it says how far it is.
func (s *Server) awaitReady() error {
	limit := time.NewTimer(startTime)
	defer limit.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.exited:
			s.process = nil
			return fmt.Errorf("cannot start PostgreSQL: it ended at once\n%s", s.Log())
		case <-limit.C:
			return fmt.Errorf("cannot start PostgreSQL: it is not ready after %v\n%s", startTime, s.Log())
		case <-tick.C:
			status, _ := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
			if lines := strings.Split(string(status), "\n"); len(lines) > 7 && strings.TrimSpace(lines[7]) == "ready" &&
				lines[0] == strconv.Itoa(s.process.Process.Pid) {
				return nil
			}
		}
	}
}

// Log is what the server wrote so far.
func (s *Server) Log() string {
	text, _ := os.ReadFile(s.log())
	return string(text)
}

// Process is the server's main process, or 0 while it is stopped.
func (s *Server) Process() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return 0
	}
	return s.process.Process.Pid
}

// Stop sends the signal (Fast, Immediate, or any other that ends the server) and waits until the server has ended.
func (s *Server) Stop(signal syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return nil
	}
	if err := s.process.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.exited
	s.process = nil
	return nil
}

// Close stops the server and removes its directory.
func (s *Server) Close() error {
	return errors.Join(s.Stop(Immediate), s.watchdog.Close(), os.RemoveAll(s.directory))
}

// Address is where the server listens.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL is a database for the store's role.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", role, password, s.Address(), database)
}

// AdminURL is a database for the superuser.
func (s *Server) AdminURL(database string) string {
	return fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", admin, password, s.Address(), database)
}

// Database is the name of the database that a URL leads to.
func Database(url string) string {
	rest, _, _ := strings.Cut(url, "?")
	return rest[strings.LastIndexByte(rest, '/')+1:]
}

// Admin runs a statement as the superuser.
func (s *Server) Admin(ctx context.Context, database, statement string) error {
	conn, err := pgx.Connect(ctx, s.AdminURL(database))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

func (s *Server) createRole() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	return s.Admin(ctx, "postgres", "CREATE ROLE "+role+" LOGIN PASSWORD '"+password+"'")
}

// NewDatabase makes an empty database and returns its URL.
func (s *Server) NewDatabase(ctx context.Context) (string, error) {
	s.mu.Lock()
	s.databases++
	name := "store_" + strconv.Itoa(s.databases)
	s.mu.Unlock()
	if err := s.Admin(ctx, "postgres", "CREATE DATABASE "+name+" OWNER "+role); err != nil {
		return "", err
	}
	return s.URL(name), nil
}
