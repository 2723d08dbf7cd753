package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
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

func writeJSON(c echo.Context, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return write(c.Response(), http.StatusOK, echo.MIMEApplicationJSON, body)
}

// sent hands the answer to the operating system and reports whether that took all of it. An answer counts only then:
// what is written goes no further than a buffer at first, and net/http would tell nobody what became of it.
func sent(c echo.Context) bool {
	response := c.Response()
	if !response.Committed {
		return false
	}
	length := response.Header().Get("Content-Length")
	if c.Request().Method != http.MethodHead && length != strconv.FormatInt(response.Size, 10) {
		return false
	}
	err := http.NewResponseController(response.Writer).Flush()
	return err == nil || errors.Is(err, http.ErrNotSupported)
}

// closeAfter has the connection end after the answer: nothing of what else came on it is read as a request.
func closeAfter(c echo.Context) { c.Response().Header().Set("Connection", "close") }

// cutShort is closeAfter for a request whose body is not read.
func cutShort(c echo.Context) {
	closeAfter(c)
	// The error says that the connection cannot, which is no reason not to answer.
	_ = http.NewResponseController(c.Response().Writer).SetReadDeadline(time.Now().Add(lingering))
}

// framing ends the connection after a request about whose end two readers may be of two minds. With both Content-Length
// and Transfer-Encoding, and with Transfer-Encoding in HTTP/1.0, a proxy can take another request's beginning for this
// one's body (RFC 9112, 6.1 and 11.2). net/http removes the header that lost before a handler can see it, so the rule
// is wider than it need be: it holds for every chunked request, and for all of HTTP/1.0. The sender gives the length.
func framing(c echo.Context) {
	if r := c.Request(); len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) {
		closeAfter(c)
	}
}
