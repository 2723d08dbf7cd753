package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"numhook/server/signature"
)

// wire is a connection on which a test writes what it wants to.
type wire struct {
	testing.TB
	net.Conn
	read *bufio.Reader
}

func dial(t testing.TB, address string) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &wire{TB: t, Conn: conn, read: bufio.NewReader(conn)}
}

func (w *wire) write(text string) {
	w.Helper()
	if _, err := w.Write([]byte(text)); err != nil {
		w.Fatalf("cannot write: %v", err)
	}
}

// status is that of the next answer, or 0 when the connection is closed without one.
func (w *wire) status() int {
	w.Helper()
	_ = w.SetReadDeadline(time.Now().Add(endTime)) // on a closed connection the read says so, too
	response, err := http.ReadResponse(w.read, nil)
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			w.Error("the connection was neither answered nor closed")
		}
		return 0
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		w.Errorf("cannot read the answer: %v", err)
	}
	return response.StatusCode
}

func (w *wire) expect(status int) {
	w.Helper()
	if got := w.status(); got != status {
		w.Fatalf("the answer is %d, want %d", got, status)
	}
}

// request is a signed delivery as it stands on the wire.
func request(body string) string {
	header := signed(testSecret, body)
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: receiver\r\nContent-Length: %d\r\n%s: %s\r\n%s: %s\r\n\r\n%s", len(body),
		signature.HeaderTimestamp, header.Get(signature.HeaderTimestamp), signature.HeaderSignature,
		header.Get(signature.HeaderSignature), body)
}

// halfRequest is a signed delivery whose body ends in the middle.
func halfRequest(body string) string {
	whole := request(body)
	return whole[:len(whole)-len(body)/2]
}
