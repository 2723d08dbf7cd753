package operator

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"regexp"
)

// tokenStart begins every token, so that a program that looks for secrets in files and logs finds it.
const tokenStart = "numhook_"

// tokenBytes are by chance. Nobody guesses 32 of them, so that a fast digest is enough to keep of a token.
const tokenBytes = 32

// Names of tokens are shown in lists and written into a file of words.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

// NameForm is what a name may be, in words.
const NameForm = "1 to 64 letters, digits and . _ @ -, beginning with a letter or a digit"

// IsName reports whether a token may have the name.
func IsName(name string) bool { return nameForm.MatchString(name) }

// Holder is whom a token stands for.
type Holder struct {
	Name   string
	Role   Role
	digest [sha256.Size]byte // of the token
}

// Line is the line of the holder in a file of tokens.
func (h Holder) Line() string {
	return h.Name + " " + string(h.Role) + " " + hex.EncodeToString(h.digest[:])
}

// NewToken makes a token for a holder.
func NewToken(name string, role Role) (token string, h Holder) {
	random := make([]byte, tokenBytes)
	_, _ = rand.Read(random) // it never fails
	token = tokenStart + base64.RawURLEncoding.EncodeToString(random)
	return token, Holder{Name: name, Role: role, digest: sha256.Sum256([]byte(token))}
}

// Tokens are those of a file.
type Tokens []Holder

// Find is the holder of a token. All are compared, each in constant time.
func (t Tokens) Find(token string) (found Holder, ok bool) {
	digest := sha256.Sum256([]byte(token))
	for _, h := range t {
		if subtle.ConstantTimeCompare(digest[:], h.digest[:]) == 1 {
			found, ok = h, true
		}
	}
	return found, ok
}
