package server

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"numhook/server/contract"
	"numhook/server/event"
	"numhook/server/signature"
)

// challengeEvent is the event name of the sender's check of the address, every 72 hours. It is in no published document, and after six bad answers in a
// row the sender switches the subscription off.
const challengeEvent = "endpoint.url_validation"

// challengeAnswer is the body that the sender expects back.
type challengeAnswer struct {
	PlainToken     string `json:"plainToken"`
	EncryptedToken string `json:"encryptedToken"`
}

func isChallenge(d *contract.Document) bool {
	name, _ := d.EventName()
	return name == challengeEvent && len(d.Malformed()) == 0
}

// challenge answers with the token's HMAC under the secret that signed the challenge, and signs nothing but a plain token (see signature.Challenge).
func (s *Server) challenge(c echo.Context) error {
	t := passage(c)
	signer := t.secrets.Signer(t.delivery.Header.Signature, t.delivery.Header.Timestamp, t.delivery.Body)
	token, _ := t.document.Text("payload", "plainToken")
	encrypted, err := signature.Challenge(signer, token)
	if err != nil {
		return &refusal{kind: event.BadChallenge}
	}
	s.metrics.Challenged(t.delivery.Received)
	t.operation = challengeEvent
	// The answer does not wait for the store and does not depend on it: a full disk must not cost the subscription as well.
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), AnswerTime)
		defer cancel()
		if err := s.keeper.RecordChallenge(ctx, t.delivery.Received); err != nil {
			s.log.Warn("cannot keep the time of the challenge", slog.String("kind", string(event.KindOf(err))))
		}
	}()
	return c.JSON(http.StatusOK, challengeAnswer{PlainToken: token, EncryptedToken: encrypted})
}
