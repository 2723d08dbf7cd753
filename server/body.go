package server

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/labstack/echo/v4"

	"numhook/server/event"
)

// maxBuffered bounds the bodies in memory that nobody has verified yet, over all connections: whoever can reach the port can send a body, whoever
// holds the secret or not.
const maxBuffered = 64 << 20

// firstBuffer holds every event of the sender but the largest without growing.
const firstBuffer = 4 << 10

// body reads the whole delivery into memory. Larger than the cap is 413; a body that does not come, or not in time, is our kind of trouble: the sender
// may try again.
func (s *Server) body(c echo.Context) error {
	r, t := c.Request(), passage(c)
	if r.ContentLength > s.maxBody {
		return &refusal{kind: event.TooLarge}
	}
	size := int64(firstBuffer)
	if r.ContentLength > 0 {
		size = min(r.ContentLength+1, size) // one more, so that the read that finds the end needs no new buffer
	}
	raw, err := s.read(r.Body, make([]byte, 0, size), t)
	if err != nil {
		return err
	}
	t.delivery = event.Delivery{Received: s.now().UTC(), Door: r.URL.Path, Header: kept(r.Header), Body: raw}
	return nil
}

func (s *Server) read(from io.Reader, buf []byte, t *transit) ([]byte, error) {
	for {
		if !s.buffered.reserve(int64(cap(buf)) - t.reserved) {
			return nil, &refusal{kind: event.Unavailable, reason: "buffers_full"}
		}
		t.reserved = int64(cap(buf))
		n, err := from.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > s.maxBody:
			return nil, &refusal{kind: event.TooLarge}
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return nil, &refusal{kind: event.Unavailable, reason: "body_unread", err: err}
		case len(buf) == cap(buf):
			grown := make([]byte, len(buf), 2*cap(buf))
			copy(grown, buf)
			buf = grown
		}
	}
}

// release gives back what body reserved.
func (s *Server) release(c echo.Context) {
	t := passage(c)
	s.buffered.give(t.reserved)
	t.reserved = 0
}

// kept are the headers worth keeping. The sender's clientid and authorization headers are not among them: they are credentials.
func kept(h http.Header) event.Header {
	return event.Header{
		RequestID:   h.Get("X-Zm-Request-Id"),
		TrackingID:  h.Get("X-Zm-Trackingid"),
		Timestamp:   h.Get("X-Zm-Request-Timestamp"),
		Signature:   h.Get("X-Zm-Signature"),
		ContentType: h.Get("Content-Type"),
		UserAgent:   h.Get("User-Agent"),
		Traceparent: h.Get("Traceparent"),
	}
}

// budget is a number of bytes that may be in use at one time.
type budget struct {
	limit int64
	used  atomic.Int64
}

func (b *budget) reserve(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }
