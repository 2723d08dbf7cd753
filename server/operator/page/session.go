package page

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"sync"
	"time"

	"numhook/server/operator"
)

// How long a session lives, whatever is done in it, and how many there are.
const (
	sessionTime  = 8 * time.Hour
	mostSessions = 1024
	sessionBytes = 32
)

// session is who is logged in.
type session struct {
	holder operator.Holder
	ends   time.Time
}

// sessions are those of this process, by the digest of what the cookie holds. It is safe for concurrent use.
type sessions struct {
	tokens func() operator.Tokens
	now    func() time.Time
	secure bool // cookies are for TLS only

	mu sync.Mutex
	by map[[sha256.Size]byte]*session // guarded by mu
}

// cookieName is bound to the host where the browser can hold it to that.
func (s *sessions) cookieName() string {
	if s.secure {
		return "__Host-numhook"
	}
	return "numhook"
}

// begin makes a session, and the cookie that stands for it.
func (s *sessions) begin(h operator.Holder) *http.Cookie {
	random := make([]byte, sessionBytes)
	_, _ = rand.Read(random) // it never fails
	value := base64.RawURLEncoding.EncodeToString(random)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoom()
	s.by[sha256.Sum256([]byte(value))] = &session{holder: h, ends: s.now().Add(sessionTime)}
	return s.cookie(value, int(sessionTime.Seconds()))
}

// makeRoom drops those that have ended, and where that is not enough the one that ends first. The caller holds mu.
func (s *sessions) makeRoom() {
	if len(s.by) < mostSessions {
		return
	}
	var first [sha256.Size]byte
	var ends time.Time
	for key, one := range s.by {
		if !s.alive(one) {
			delete(s.by, key)
		} else if ends.IsZero() || one.ends.Before(ends) {
			first, ends = key, one.ends
		}
	}
	if len(s.by) >= mostSessions {
		delete(s.by, first)
	}
}

func (s *sessions) alive(one *session) bool {
	return s.now().Before(one.ends) && s.tokens().Has(one.holder)
}

// cookie is the cookie with the value; a negative age takes it away.
func (s *sessions) cookie(value string, age int) *http.Cookie {
	//nolint:gosec // Secure is false only where the operator's listener speaks plain HTTP on loopback
	return &http.Cookie{Name: s.cookieName(), Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: s.secure,
		SameSite: http.SameSiteStrictMode}
}

// of is the session of the request. A session whose token is no longer in the file has ended, for good.
func (s *sessions) of(r *http.Request) (*session, bool) {
	cookie, err := r.Cookie(s.cookieName())
	if err != nil {
		return nil, false
	}
	key := sha256.Sum256([]byte(cookie.Value)) // whoever measures how long a look takes learns of digests only
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.by[key]
	if ok && !s.alive(one) {
		delete(s.by, key)
		ok = false
	}
	return one, ok
}

// end ends the session of the request.
func (s *sessions) end(r *http.Request) *http.Cookie {
	if cookie, err := r.Cookie(s.cookieName()); err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.by, sha256.Sum256([]byte(cookie.Value)))
	}
	return s.cookie("", -1)
}
