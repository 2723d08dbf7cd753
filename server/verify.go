package server

import (
	"errors"
	"net/http"
	"time"

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

// claimOf is what the headers say of the signature. It refuses what they alone show to be none of the sender's, before
// anything is read or reserved for it.
func claimOf(header http.Header, now time.Time, tolerance time.Duration) (signature.Claim, error) {
	signatures, timestamps := header.Values(signature.HeaderSignature), header.Values(signature.HeaderTimestamp)
	claim, err := signature.Read(signatures, timestamps, now, tolerance)
	return claim, unsigned(err)
}

// verify finds out whether the sender signed these bytes, and returns the secrets that it was found out with.
func verify(source SecretSource, claim signature.Claim, body []byte) (signature.Secrets, error) {
	secrets := source.Current()
	err := secrets.Confirm(claim, body)
	if newer, ok := source.(newerSource); ok && errors.Is(err, signature.ErrWrong) {
		if others, ok := newer.Newer(secrets); ok {
			secrets = others
			err = others.Confirm(claim, body)
		}
	}
	return secrets, unsigned(err)
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
