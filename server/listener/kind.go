package listener

import (
	"bytes"
	"strings"
)

// Kind is why a connection ended below the handler: words of a closed list, for metrics and the log.
type Kind string

// The kinds.
const (
	Malformed     Kind = "malformed"      // 400: no HTTP request that net/http can read
	ProxyHeader   Kind = "proxy_header"   // begins with a PROXY protocol header, which a balancer must be told not to send
	HeaderSize    Kind = "header_size"    // 431: headers over the bound
	Encoding      Kind = "encoding"       // 501: a transfer encoding that nobody knows
	Version       Kind = "version"        // 505: not HTTP/1.1
	Expectation   Kind = "expectation"    // 417: it expects something other than 100-continue
	HeaderTimeout Kind = "header_timeout" // the headers did not come in time, or nothing did
	HeaderCut     Kind = "header_cut"     // it ended within the headers
	TLSPlain      Kind = "tls_plain"      // HTTP without TLS on the port for TLS
	TLSAlert      Kind = "tls_alert"      // the other side broke off the handshake: it may not trust the certificate
	TLSFailed     Kind = "tls_failed"     // the handshake failed here: a version or cipher that is not spoken, or no TLS
	TLSUnfinished Kind = "tls_unfinished" // the handshake did not come to its end in time, or was left
	Crowded       Kind = "crowded"        // let go to make room: the bound of all connections was reached
	CrowdedRemote Kind = "crowded_remote" // let go to make room: the bound of its remote address was reached
	Descriptors   Kind = "descriptors"    // let go because the process had no descriptor left
	Full          Kind = "full"           // not taken: all connections have signed deliveries under way
	Other         Kind = "other"          // answered below the handler with any other status
)

// Kinds are all of them.
var Kinds = []Kind{
	Malformed, ProxyHeader, HeaderSize, Encoding, Version, Expectation, HeaderTimeout, HeaderCut, TLSPlain, TLSAlert,
	TLSFailed, TLSUnfinished,
	Crowded, CrowdedRemote, Descriptors, Full, Other,
}

// kindOfAnswer is the kind of what net/http writes before any handler has run; false when that is no answer.
func kindOfAnswer(text []byte) (Kind, bool) {
	const start, status = "HTTP/1.1 ", "400"
	if len(text) < len(start)+len(status) || !strings.HasPrefix(string(text[:len(start)]), start) {
		return "", false
	}
	switch string(text[len(start) : len(start)+len(status)]) {
	case "400":
		return Malformed, true
	case "417":
		return Expectation, true
	case "431":
		return HeaderSize, true
	case "501":
		return Encoding, true
	case "505":
		return Version, true
	}
	return Other, true
}

// Beginnings of the PROXY protocol, versions 1 and 2.
var proxyBeginnings = [][]byte{[]byte("PROXY "), []byte("\r\n\r\n\x00\r\nQUIT\n")}

// longestBeginning is how many bytes of a connection tell that it begins with a PROXY header.
const longestBeginning = 12

func beginsWithProxyHeader(first []byte) bool {
	for _, beginning := range proxyBeginnings {
		if bytes.HasPrefix(first, beginning) {
			return true
		}
	}
	return false
}
