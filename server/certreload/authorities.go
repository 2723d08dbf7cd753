package certreload

import (
	"crypto/x509"
	"fmt"
	"time"
)

// Authorities are who vouches for the certificates of others.
type Authorities struct {
	Pool *x509.CertPool

	doubt string    // about the file, whatever the time is
	ends  time.Time // when the last of them does
}

// ParseAuthorities reads a PEM file with at least one certificate that can be used. The files of operating systems may
// hold others, which are passed over and told of.
func ParseAuthorities(file string, text []byte) (*Authorities, error) {
	a := &Authorities{Pool: x509.NewCertPool()}
	number, damaged, used := 0, 0, 0
	for _, block := range blocksOf(text) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		number++
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			if damaged == 0 {
				damaged = number
			}
			continue
		}
		used++
		a.Pool.AddCert(one)
		if one.NotAfter.After(a.ends) {
			a.ends = one.NotAfter
		}
	}
	if used == 0 {
		_, err := Certificates(file, text) // says what it holds instead
		return nil, err
	}
	if damaged > 0 {
		a.doubt = fmt.Sprintf("certificate %d of %s is damaged and not used: get the file anew from where it was made",
			damaged, file)
	}
	return a, nil
}

// Doubt is why they should be looked at although they are used, or nothing.
func (a *Authorities) Doubt(now time.Time) string {
	ended := ""
	switch left := a.ends.Sub(now); {
	case left < 0:
		ended = "all its certificates have expired, the last on " + a.ends.UTC().Format(time.RFC3339) +
			": get those that are in use now"
	case left < renewBefore:
		ended = "all its certificates will have expired on " + a.ends.UTC().Format(time.RFC3339) +
			": get those that come after them"
	}
	return joined(a.doubt, ended)
}
