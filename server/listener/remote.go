package listener

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks of proxies that are believed when they say for whom they ask.
type Proxies []netip.Prefix

// ParseProxies reads networks (192.0.2.0/24) and single addresses.
func ParseProxies(texts []string) (Proxies, error) {
	var proxies Proxies
	for _, text := range texts {
		text = strings.TrimSpace(text)
		if address, err := netip.ParseAddr(text); err == nil {
			address = address.Unmap()
			proxies = append(proxies, netip.PrefixFrom(address, address.BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil || network.Addr().Is4In6() {
			return nil, fmt.Errorf("cannot read proxy %q: write a network such as 10.0.0.0/8, or an address", text)
		}
		proxies = append(proxies, network.Masked())
	}
	return proxies, nil
}

func (p Proxies) trust(address netip.Addr) bool {
	for _, network := range p {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// Remote is who sent a request, for the log: the other end of the connection; or, when that is a trusted proxy, the
// rightmost address of X-Forwarded-For that is none. What stands left of it is the client's own text. A header that
// does not say leaves it at the proxy.
func (p Proxies) Remote(r *http.Request) string {
	if len(p) == 0 {
		return r.RemoteAddr
	}
	other, ok := addressOf(r.RemoteAddr)
	if !ok || !p.trust(other) {
		return r.RemoteAddr
	}
	remote := r.RemoteAddr
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		address, ok := addressOf(strings.TrimSpace(hops[i]))
		if !ok {
			break
		}
		remote = address.String()
		if !p.trust(address) {
			break
		}
	}
	return remote
}

// addressOf reads an address with or without a port, and without a zone, which is the reader's own business.
func addressOf(text string) (netip.Addr, bool) {
	address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		host, _, cut := net.SplitHostPort(text)
		if cut != nil {
			return netip.Addr{}, false
		}
		if address, err = netip.ParseAddr(host); err != nil {
			return netip.Addr{}, false
		}
	}
	return address.Unmap().WithZone(""), true
}

// remoteOf is what counts as one remote: an IPv4 address, or the /64 of an IPv6 address, which is what one customer of
// a provider gets.
func remoteOf(address netip.Addr) netip.Prefix {
	bits := 64
	if address.Is4() {
		bits = 32
	}
	network, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // of no address: all of those are one
	}
	return network
}
