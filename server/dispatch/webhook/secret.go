package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The header names of the specification, in the canonical form of net/http.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp" // seconds since the epoch, of the attempt
	HeaderSignature = "Webhook-Signature"
)

// What the specification says of a symmetric secret.
const (
	secretPrefix   = "whsec_"
	shortestSecret = 24 // bytes, before base64
	longestSecret  = 64
)

// Secret is a key that signs. It shows itself in no form of printing.
type Secret struct{ key []byte }

// Format hides the secret from every verb of package fmt.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("secret")) }

// ParseSecret reads "whsec_" and the base64 of 24 to 64 bytes. The error says what is wrong, and quotes nothing.
func ParseSecret(text string) (Secret, error) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	if !ok {
		return Secret{}, errors.New("cannot read the secret: it must begin with whsec_, and go on with the base64 of 24 to " +
			"64 random bytes")
	}
	// The decoder would pass over line ends.
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") {
		return Secret{}, errors.New("cannot read the secret: what follows whsec_ is not base64 (A-Z a-z 0-9 + /, " +
			"padded with =)")
	}
	return NewSecret(key)
}

// NewSecret takes 24 to 64 bytes as they are.
func NewSecret(key []byte) (Secret, error) {
	if len(key) < shortestSecret || len(key) > longestSecret {
		return Secret{}, fmt.Errorf("cannot use the secret: it has %d bytes, and must have %d to %d", len(key),
			shortestSecret, longestSecret)
	}
	return Secret{slices.Clone(key)}, nil
}

// Sign is one signature of the webhook-signature header: "v1," and the base64 of HMAC-SHA256 over id, timestamp in
// seconds and body with a dot between them.
func Sign(secret Secret, id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, secret.key)
	mac.Write([]byte(id + "." + timestamp(at) + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func timestamp(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
