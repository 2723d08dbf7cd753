package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

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
func challenge(
	document *contract.Document, d event.Delivery, secrets signature.Secrets,
) (challengeAnswer, error) {
	signer := secrets.Signer(d.Header.Signature, d.Header.Timestamp, d.Body)
	token, _ := document.Text("payload", "plainToken")
	encrypted, err := signature.Challenge(signer, token)
	if err != nil {
		return challengeAnswer{}, &refusal{kind: event.BadChallenge}
	}
	return challengeAnswer{PlainToken: token, EncryptedToken: encrypted}, nil
}

// challengeTimes keeps the time of the last good challenge in the store. However many challenges come, and one that was
// captured can be replayed, one goroutine writes at a time, and what came meanwhile is written as one.
type challengeTimes struct {
	store Store
	log   *slog.Logger

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
		err := k.store.RecordChallenge(ctx, at)
		cancel()
		if err != nil {
			k.log.Warn("cannot keep the time of the challenge", slog.String("kind", string(event.KindOf(err))))
		}
	}
}

func (k *challengeTimes) wait() { k.writers.Wait() }
