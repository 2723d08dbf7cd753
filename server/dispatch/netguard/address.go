package netguard

import (
	"context"
	"net/netip"
	"syscall"

	"numhook/server/event"
)

// GuardedReason name what is guarded, in an error.
const GuardedReason = "a loop-back, link-local, multicast or metadata address"

// ErrGuarded is why a connection was not made.
var ErrGuarded = &event.Error{Kind: event.Unavailable, Text: "the host is at " + GuardedReason +
	", and allow_private is not set"}

// guard is for net.Dialer.ControlContext, which is asked about every address that is tried, after the name was
// resolved: a name that changes its address between a check and the connection gains nothing.
func guard(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || Guarded(at.Addr()) {
		return ErrGuarded
	}
	return nil
}

// What is refused, beside what netip knows. Private networks (RFC 1918, RFC 4193, RFC 6598) are not among them: there a
// carrier's own systems live.
var (
	guardedNetworks = prefixes(
		"0.0.0.0/8",          // this network: 0.0.0.0 reaches this machine
		"127.0.0.0/8",        // loop-back
		"169.254.0.0/16",     // link-local; 169.254.169.254 and its neighbours are metadata services
		"224.0.0.0/3",        // multicast, reserved, broadcast
		"100.100.100.200/32", // metadata services that are not link-local, of several clouds, from here on
		"168.63.129.16/32",
		"192.0.0.192/32",
		"fd00:ec2::/32", // all of Amazon's: metadata, time, DNS
		"fd20:ce::254/128",
		"fd00:c1::a9fe:a9fe/128",
		"fd00:42::42/128",
		"::/128", "::1/128", // unspecified, loop-back
		"fe80::/10", // link-local
		"ff00::/8",  // multicast
	)
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48")
	sixToFour  = netip.MustParsePrefix("2002::/16")
	teredo     = netip.MustParsePrefix("2001::/32")
	compatible = netip.MustParsePrefix("::/96")
	translated = netip.MustParsePrefix("::ffff:0:0:0/96") // RFC 2765; not the mapped ones, which are ::ffff:0:0/96
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// Guarded reports whether an address, or an IPv4 address that it stands for, is one of those.
func Guarded(address netip.Addr) bool {
	address = address.WithZone("").Unmap()
	for _, network := range guardedNetworks {
		if network.Contains(address) {
			return true
		}
	}
	if !address.Is6() {
		return false
	}
	for _, inner := range embedded(address) {
		if Guarded(inner) {
			return true
		}
	}
	return false
}

// embedded are the IPv4 addresses that an IPv6 address is translated or tunnelled to.
func embedded(address netip.Addr) []netip.Addr {
	b := address.As16()
	last := netip.AddrFrom4([4]byte(b[12:]))
	switch {
	case nat64.Contains(address), compatible.Contains(address), translated.Contains(address), isatap(b):
		return []netip.Addr{last}
	case nat64Local.Contains(address): // RFC 6052: after 96 bits, or after 48 with byte 8 left out
		return []netip.Addr{last, netip.AddrFrom4([4]byte{b[6], b[7], b[9], b[10]})}
	case sixToFour.Contains(address):
		return []netip.Addr{netip.AddrFrom4([4]byte(b[2:6]))}
	case teredo.Contains(address): // the client's, with its bits turned
		return []netip.Addr{netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})}
	}
	return nil
}

// isatap reports whether the second half of an address says that the IPv4 address behind it is tunnelled to (RFC 5214),
// whatever the first half is.
func isatap(b [16]byte) bool {
	return b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}
