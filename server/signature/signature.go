// Package signature answers one question: did the sender really send these bytes? It guarantees that a delivery is
// called good only when one of the configured secrets signed exactly its raw body, close to now, and that a challenge
// is never turned into a signature for a forged body.
package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// The sender's header names, in the canonical form of net/http.
const (
	HeaderSignature = "X-Zm-Signature"
	HeaderTimestamp = "X-Zm-Request-Timestamp"
)

// DefaultTolerance is how far a delivery's timestamp may be from our clock, either way. The sender documents none; five
// minutes is what its own published samples and most receivers of signed webhooks use. Clock differences of a second
// were seen in live traffic.
const DefaultTolerance = 5 * time.Minute

// version is the scheme's name; it stands before the signature and inside the signed text.
const version = "v0"

// maxTimestampDigits bounds the timestamp header: the seconds of the year 9999 have twelve digits.
const maxTimestampDigits = 12

// The ways in which a signature can fail. Outside they are all one 401; inside they are told apart.
var (
	ErrMissing   = errors.New("signature or timestamp header is missing")
	ErrMalformed = errors.New("signature or timestamp header is malformed")
	ErrStale     = errors.New("timestamp is too far from now")
	ErrWrong     = errors.New("signature does not match")
)

// ErrToken says that a challenge's token must not be signed.
var ErrToken = errors.New("challenge token is not a plain token")

// Secrets are the keys of which any may have signed: one for each app that shares the address, and the old one beside
// the new during rotation.
type Secrets [][]byte

// Current are the secrets themselves: they are a source of secrets that never change.
func (s Secrets) Current() Secrets { return s }

// String hides the secrets from every %v.
func (s Secrets) String() string { return fmt.Sprintf("%d secrets", len(s)) }

// GoString hides them from %#v, too.
func (s Secrets) GoString() string { return s.String() }

// Sign returns the value of the signature header, "v0=" and 64 lower-case hex digits, for a body sent at a timestamp in
// seconds since the epoch.
func Sign(secret []byte, timestamp string, body []byte) string {
	sum := digest(secret, timestamp, body)
	out := make([]byte, 0, len(version)+1+hex.EncodedLen(len(sum)))
	out = append(out, version+"="...)
	return string(hex.AppendEncode(out, sum[:]))
}

// Timestamp writes a time as the sender's timestamp header has it: seconds since the epoch.
func Timestamp(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

// Verify reports whether any of the secrets signed the body at the timestamp, and whether that is within tolerance of
// now, before or after. The headers are all the values that came under each name: exactly one of each is good. The
// error is one of this package's.
func (s Secrets) Verify(signatures, timestamps []string, body []byte, now time.Time, tolerance time.Duration) error {
	claim, err := Read(signatures, timestamps, now, tolerance)
	if err != nil {
		return err
	}
	return s.Confirm(claim, body)
}

// Claim is what a delivery's headers say: that a secret signed its body, and when. Only Confirm finds out whether that
// is true.
type Claim struct {
	// Offset is the time of signing by the sender's clock, less now by ours: negative for what comes late, or where our
	// clock is fast.
	Offset    time.Duration
	signature [sha256.Size]byte
	timestamp string
}

// Read is the part of Verify that needs no body: that both headers are there, well-formed, and close to now. With
// ErrStale the claim has its offset.
func Read(signatures, timestamps []string, now time.Time, tolerance time.Duration) (Claim, error) {
	if len(signatures) == 0 || len(timestamps) == 0 || signatures[0] == "" || timestamps[0] == "" {
		return Claim{}, ErrMissing
	}
	if len(signatures) != 1 || len(timestamps) != 1 {
		return Claim{}, ErrMalformed
	}
	want, ok := parseSignature(signatures[0])
	if !ok {
		return Claim{}, ErrMalformed
	}
	seconds, ok := parseTimestamp(timestamps[0])
	if !ok {
		return Claim{}, ErrMalformed
	}
	claim := Claim{Offset: time.Unix(seconds, 0).Sub(now), signature: want, timestamp: timestamps[0]}
	if claim.Offset.Abs() > tolerance {
		return claim, ErrStale
	}
	return claim, nil
}

// Confirm is the part of Verify that needs the body: that one of the secrets made the signature. The error is ErrWrong.
func (s Secrets) Confirm(claim Claim, body []byte) error {
	good := false
	for _, secret := range s {
		sum := digest(secret, claim.timestamp, body)
		// No early return: how long it takes does not tell which secret matched.
		good = hmac.Equal(sum[:], claim.signature[:]) || good
	}
	if !good {
		return ErrWrong
	}
	return nil
}

// Challenge returns the answer to a URL challenge: the hex HMAC of its token under the first of the secrets that
// verified the delivery. The sender's scheme signs tokens and deliveries with one key and no separation, so a token
// such as "v0:1700000000:{...}" would come back as a good signature for that body. Only tokens of 1 to 128 of the
// characters A-Z a-z 0-9 _ - are answered; every other gives ErrToken. The colon can never be among them.
func Challenge(secret []byte, token string) (string, error) {
	if !plain(token) {
		return "", ErrToken
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(token))
	return hex.EncodeToString(mac.Sum(nil)), nil
}

// Signer is the secret that signed a delivery which Verify found good, or nil. A challenge is answered with the key
// that it came under.
func (s Secrets) Signer(signature, timestamp string, body []byte) []byte {
	want, ok := parseSignature(signature)
	if !ok {
		return nil
	}
	for _, secret := range s {
		if sum := digest(secret, timestamp, body); hmac.Equal(sum[:], want[:]) {
			return secret
		}
	}
	return nil
}

// digest is HMAC-SHA256 over "v0:" timestamp ":" body.
func digest(secret []byte, timestamp string, body []byte) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(version + ":" + timestamp + ":"))
	mac.Write(body)
	mac.Sum(sum[:0])
	return sum
}

// parseSignature reads "v0=" and 64 lower-case hex digits, and nothing else.
func parseSignature(header string) (sum [sha256.Size]byte, ok bool) {
	const prefix = version + "="
	if len(header) != len(prefix)+hex.EncodedLen(len(sum)) || header[:len(prefix)] != prefix {
		return sum, false
	}
	digits := header[len(prefix):]
	for i := range len(digits) {
		if c := digits[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return sum, false
		}
	}
	_, err := hex.Decode(sum[:], []byte(digits))
	return sum, err == nil
}

// parseTimestamp reads ASCII digits and nothing else: no sign, no space, no other script's digits.
func parseTimestamp(header string) (int64, bool) {
	if len(header) > maxTimestampDigits {
		return 0, false
	}
	var seconds int64
	for i := range len(header) {
		c := header[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		seconds = seconds*10 + int64(c-'0')
	}
	return seconds, header != ""
}

// plain reports whether a token matches ^[A-Za-z0-9_-]{1,128}$.
func plain(token string) bool {
	const longest = 128
	if token == "" || len(token) > longest {
		return false
	}
	for i := range len(token) {
		c := token[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
