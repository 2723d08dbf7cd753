package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"numhook/server"
	"numhook/server/signature"
	"numhook/server/store/sqlite"
	"numhook/spec"
)

// storing is a program of the tests' own: the way in without its listener, on an embedded store that is opened with the
// synchronous setting given, be it an unsafe one, which the receiver itself has no flag for. Its arguments are the
// store's file and the setting. It takes deliveries from its standard input, a quoted body a line, several at once, and
// each until it is answered for good, with 200 or 400; then it writes the delivery's number. The line "reopen" closes
// the store and opens it again, and "copy" copies its log while deliveries go on.
func storing() {
	way := &storingWay{file: os.Args[1], synchronous: os.Args[2]}
	if err := way.run(bufio.NewScanner(os.Stdin)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// storingTries is how often something is tried that may fail with the disk.
const storingTries = 10

// storingLog is how many pages the log takes before the store copies it: few, so that it does so every some deliveries.
const storingLog = 12

type storingWay struct {
	file, synchronous string

	store   *sqlite.Store
	copier  *sql.DB
	handler http.Handler
	busy    sync.WaitGroup
}

func (w *storingWay) run(lines *bufio.Scanner) error {
	lines.Buffer(nil, 1<<20)
	if err := w.open(); err != nil {
		return err
	}
	defer w.close()
	turns := make(chan struct{}, 4) // deliveries at a time
	for number := 0; lines.Scan(); {
		switch line := lines.Text(); line {
		case "reopen":
			_ = w.close() // where the disk fails it leaves what a crash leaves
			if err := w.open(); err != nil {
				return err
			}
		case "copy":
			w.busy.Go(w.copyLog)
		default:
			body, err := strconv.Unquote(line)
			if err != nil {
				return err
			}
			turns <- struct{}{}
			this := number
			number++
			w.busy.Go(func() {
				w.deliver(this, body)
				<-turns
			})
		}
	}
	return lines.Err()
}

func (w *storingWay) open() error {
	document, err := spec.Load()
	if err != nil {
		return err
	}
	for range storingTries {
		if w.store, err = sqlite.Open(context.Background(), w.file, sqlite.Options{AllowUnsafe: true,
			Synchronous: w.synchronous, LogPages: storingLog}); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	way, err := server.New(server.Config{Secrets: signature.Secrets{[]byte(testSecret)}, Document: document,
		Store: w.store})
	if err != nil {
		return err
	}
	w.handler = way.Handler()
	w.copier, err = sql.Open("sqlite", "file:"+(&url.URL{Path: w.file}).EscapedPath()+
		"?_pragma=busy_timeout(5000)&_pragma=synchronous("+w.synchronous+")")
	return err
}

func (w *storingWay) close() error {
	w.busy.Wait()
	return errors.Join(w.copier.Close(), w.store.Close())
}

func (w *storingWay) deliver(number int, body string) {
	for range storingTries {
		request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		request.Header = signed(testSecret, body)
		answer := httptest.NewRecorder()
		w.handler.ServeHTTP(answer, request)
		if answer.Code == http.StatusOK || answer.Code == http.StatusBadRequest {
			fmt.Println(number)
			return
		}
		<-time.After(100 * time.Millisecond)
	}
}

// copyLog does what a store does with a log that has become long, with the same setting: it copies the bulk beside the
// writer, and then begins the log again.
func (w *storingWay) copyLog() {
	for _, mode := range []string{"PASSIVE", "RESTART"} {
		if _, err := w.copier.ExecContext(context.Background(), "PRAGMA wal_checkpoint("+mode+")"); err != nil {
			return // the disk fails
		}
	}
}
