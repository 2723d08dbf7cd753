package server

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// lingering is how long what is left of a refused request's body is read, so that whoever is still writing it can read
// the answer.
const lingering = time.Second

// write writes an answer whose length is known at the beginning, so that it goes out whole before the handler ends (see
// sent).
func write(w http.ResponseWriter, status int, contentType string, body []byte) error {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}

func writeJSON(w http.ResponseWriter, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, "application/json", body)
}

// closeAfter has the connection end after the answer: nothing of what else came on it is read as a request.
func closeAfter(header http.Header) { header.Set("Connection", "close") }

// cutShort is closeAfter for a request whose body is not read.
func cutShort(w http.ResponseWriter) {
	closeAfter(w.Header())
	// The error says that the connection cannot, which is no reason not to answer.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lingering))
}

// framing ends the connection after a request about whose end two readers may be of two minds. With both Content-Length
// and Transfer-Encoding, and with Transfer-Encoding in HTTP/1.0, a proxy can take another request's beginning for this
// one's body (RFC 9112, 6.1 and 11.2). net/http removes the header that lost before a handler can see it, so the rule
// is wider than it need be: it holds for every chunked request, and for all of HTTP/1.0. The sender gives the length.
func framing(header http.Header, r *http.Request) {
	if len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) {
		closeAfter(header)
	}
}
