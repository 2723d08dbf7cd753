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

// claim refuses what the headers alone show to be none of the sender's, before anything is read or reserved for it.
func (s *Server) claim(c echo.Context) (err error) {
	t, header := passage(c), c.Request().Header
	signatures, timestamps := header.Values(signature.HeaderSignature), header.Values(signature.HeaderTimestamp)
	t.claim, err = signature.Read(signatures, timestamps, t.began, s.tolerance)
	return unsigned(err)
}

// verify finds out whether the sender signed these bytes.
func (s *Server) verify(c echo.Context) error {
	t := passage(c)
	t.secrets = s.secrets.Current()
	err := t.secrets.Confirm(t.claim, t.delivery.Body)
	if source, ok := s.secrets.(newerSource); ok && errors.Is(err, signature.ErrWrong) {
		if newer, ok := source.Newer(t.secrets); ok {
			t.secrets = newer
			err = newer.Confirm(t.claim, t.delivery.Body)
		}
	}
	if err != nil {
		return unsigned(err)
	}
	t.signedOK = true
	s.signed(c.Request().Context())
	s.metrics.offset.Observe(t.claim.Offset.Seconds())
	return nil
}

func unsigned(err error) error {
	if err == nil {
		return nil
	}
	for sentinel, reason := range unsignedReasons {
		if errors.Is(err, sentinel) {
			return &refusal{kind: event.Unsigned, reason: reason}
		}
	}
	return &refusal{kind: event.Unsigned, reason: "wrong", err: err}
}
