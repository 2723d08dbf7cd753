package operator

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	gen "numhook/gen/operator"
	"numhook/server/event"
)

// refusal is why a call is not answered, when the status is known.
type refusal struct {
	status int
	detail string
	retry  int   // seconds to wait; 0 for nothing to say
	err    error // what it is besides; may be nil
}

func (r *refusal) Error() string { return r.detail }

func (r *refusal) Unwrap() error { return r.err }

// retryAfter is how many seconds to wait when the store cannot be reached.
const retryAfter = 2

// refusalOf is the one table from error to answer. Of what nobody thought of the caller is told nothing.
func refusalOf(err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	if h, ok := errors.AsType[*echo.HTTPError](err); ok {
		switch {
		case h.Code == http.StatusNotFound:
			return &refusal{status: h.Code, detail: "The document has no such call: see " + Path + "/openapi.json."}
		case h.Code == http.StatusMethodNotAllowed:
			return &refusal{status: h.Code, detail: "The document has no such method here."}
		case h.Code >= http.StatusBadRequest && h.Code < http.StatusInternalServerError:
			return &refusal{status: http.StatusBadRequest, detail: "A parameter or the body is not as the document has it."}
		}
	}
	switch event.KindOf(err) {
	case event.NotFound:
		return &refusal{status: http.StatusNotFound, detail: "There is none."}
	case event.Invalid:
		return &refusal{status: http.StatusConflict, detail: "It cannot be done to what stands as it does."}
	case event.Unavailable:
		return &refusal{status: http.StatusServiceUnavailable, retry: retryAfter,
			detail: "The store cannot be read or written now. See /readyz."}
	case event.Damaged:
		return &refusal{status: http.StatusInternalServerError, detail: "What is kept is damaged. Run numhook store check."}
	}
	return &refusal{status: http.StatusInternalServerError, detail: "The receiver failed. Its log says why."}
}

// unrouted answers what no call of the document is.
func (a *API) unrouted(err error, c echo.Context) { a.refuse(c, "", err) }

// refuse answers a problem.
func (a *API) refuse(c echo.Context, operation string, err error) {
	if c.Response().Committed {
		return
	}
	r := refusalOf(err)
	h := c.Response().Header()
	harden(h)
	if r.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="numhook"`)
	}
	if r.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(r.retry))
	}
	if r.status >= http.StatusInternalServerError {
		a.Log.Error("cannot answer an operator", slog.String("operation", operation), slog.Int("status", r.status),
			slog.String("error", err.Error()))
	}
	h.Set("Content-Type", "application/problem+json")
	c.Response().WriteHeader(r.status)
	_ = json.NewEncoder(c.Response()).Encode(gen.Problem{ // whoever has gone needs no answer
		Type: "about:blank", Title: http.StatusText(r.status), Status: r.status, Detail: r.detail,
	})
}
