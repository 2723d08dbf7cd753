package server

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"numhook/server/event"
)

// arrived is the delivery that a request has brought.
func arrived(r *http.Request, raw []byte, now time.Time) event.Delivery {
	return event.Delivery{Received: now.UTC(), Path: pathOf(r), Header: kept(r.Header), Body: raw}
}

// pathOf is the path that was posted to. A request target need not have one ("*", or a host alone).
func pathOf(r *http.Request) string {
	if path := r.URL.Path; strings.HasPrefix(path, "/") {
		return path
	}
	return "/"
}

// readBody reads the whole delivery into memory. More than most is 413. An upload that breaks off gets no answer at
// all: a sender sees a failed connection and tries again, and a stranger can cause no alarm. Declared is the length
// that the headers give, or -1. Whatever the body takes of the buffers is in held, which the caller gives back.
func readBody(from io.Reader, declared, most int64, held *share) ([]byte, error) {
	if declared > most {
		return nil, &refusal{kind: event.TooLarge}
	}
	size := int64(firstBuffer)
	if declared >= 0 {
		size = min(declared+1, size) // one more, so that the read that finds the end needs no new buffer
	}
	if err := held.reserve(size); err != nil {
		return nil, err
	}
	buf := make([]byte, 0, size)
	for {
		n, err := from.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > most:
			return nil, &refusal{kind: event.TooLarge}
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return nil, &refusal{kind: event.BrokenUpload, reason: breach(err)}
		case len(buf) == cap(buf):
			if buf, err = grow(buf, declared, most, held); err != nil {
				return nil, err
			}
		}
	}
}

// grow makes room behind a buffer that is full. A body that is no longer small needs a slot first.
func grow(buf []byte, declared, most int64, held *share) ([]byte, error) {
	size := 2 * int64(cap(buf))
	switch {
	case len(buf) <= SmallBody:
		if size >= SmallBody {
			size = SmallBody + 1 // filled to the last byte, it is small no more
		}
	case !held.large:
		if err := held.enlarge(); err != nil {
			return nil, err
		}
	}
	if declared >= 0 && held.large {
		size = declared + 1
	}
	size = min(size, most+1)
	if err := held.reserve(size); err != nil {
		return nil, err
	}
	grown := make([]byte, len(buf), size)
	copy(grown, buf)
	return grown, nil
}

// breach says in a word of a closed list how an upload broke off.
func breach(err error) string {
	var network net.Error
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timed_out"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "hung_up"
	}
	return "bad_framing" // a chunk that is none, a trailer that does not end
}

// kept are the headers worth keeping. The sender's clientid and authorization headers are not among them: they are
// credentials.
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
