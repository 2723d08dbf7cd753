package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"numhook/server/contract"
	"numhook/server/event"
	"numhook/server/signature"
)

// challengeEvent is the event name of the sender's check of the address, every 72 hours. It is in no published
// document, and after six bad answers in a row the sender switches the subscription off.
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

// challenge answers with the token's HMAC under the secret that signed the challenge, and signs nothing but a plain
// token (see signature.Challenge).
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
	// The answer does not wait for the store and does not depend on it: a full disk must not cost the subscription as
	// well.
	s.challenges.keep(t.delivery.Received)
	return writeJSON(c, challengeAnswer{PlainToken: token, EncryptedToken: encrypted})
}

// challengeTimes keeps the time of the last good challenge in the store. However many challenges come, and one that was
// captured can be replayed, one goroutine writes at a time, and what came meanwhile is written as one.
type challengeTimes struct {
	keeper Keeper
	log    *slog.Logger

	mu      sync.Mutex // guards what follows
	last    time.Time  // still to be written; zero when nothing is
	writing bool
	writers sync.WaitGroup
}

func (k *challengeTimes) keep(at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if at.After(k.last) {
		k.last = at
	}
	if !k.writing {
		k.writing = true
		k.writers.Go(k.write)
	}
}

// next is a time to write, and false when there is none: then the writer has ended.
func (k *challengeTimes) next() (time.Time, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := k.last
	k.last, k.writing = time.Time{}, !at.IsZero()
	return at, k.writing
}

func (k *challengeTimes) write() {
	for at, more := k.next(); more; at, more = k.next() {
		ctx, cancel := context.WithTimeout(context.Background(), AnswerTime)
		err := k.keeper.RecordChallenge(ctx, at)
		cancel()
		if err != nil {
			k.log.Warn("cannot keep the time of the challenge", slog.String("kind", string(event.KindOf(err))))
		}
	}
}

func (k *challengeTimes) wait() { k.writers.Wait() }
