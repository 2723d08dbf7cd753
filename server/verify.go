package server

import (
	"errors"

	"github.com/labstack/echo/v4"

	"numhook/server/event"
	"numhook/server/signature"
)

// unsignedReasons tell the four ways apart for the log and the metric; the sender's answer does not.
var unsignedReasons = map[error]string{
	signature.ErrMissing:   "missing",
	signature.ErrMalformed: "malformed",
	signature.ErrStale:     "stale",
	signature.ErrWrong:     "wrong",
}

// verify finds out whether the sender signed these bytes.
func (s *Server) verify(c echo.Context) error {
	t, header := passage(c), c.Request().Header
	signatures, timestamps := header.Values(signature.HeaderSignature), header.Values(signature.HeaderTimestamp)
	t.secrets = s.secrets.Current()
	if err := t.secrets.Verify(signatures, timestamps, t.delivery.Body, t.delivery.Received, s.tolerance); err != nil {
		for sentinel, reason := range unsignedReasons {
			if errors.Is(err, sentinel) {
				return &refusal{kind: event.Unsigned, reason: reason}
			}
		}
		return &refusal{kind: event.Unsigned, reason: "wrong", err: err}
	}
	t.signedOK = true
	s.signed(c.Request().Context())
	return nil
}
