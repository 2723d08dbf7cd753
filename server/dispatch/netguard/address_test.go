package netguard

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

func TestGuarded(t *testing.T) {
	for text, want := range map[string]bool{
		"127.0.0.1": true, "127.255.255.254": true, "::1": true, "0.0.0.0": true, "0.1.2.3": true, "::": true,
		"169.254.0.1": true, "169.254.169.254": true, "169.254.170.2": true, "fe80::1": true, "fe80::1%eth0": true,
		"febf::1":   true,
		"224.0.0.1": true, "239.255.255.255": true, "240.0.0.1": true, "255.255.255.255": true, "ff02::1": true,
		"ff0e::1":         true,
		"100.100.100.200": true, "168.63.129.16": true, "192.0.0.192": true, "fd20:ce::254": true, "fd00:42::42": true,
		// every service of Amazon's
		"fd00:ec2::254": true, "fd00:ec2::": true, "fd00:ec2::23": true, "fd00:ec2:ffff:ffff:ffff:ffff:ffff:ffff": true,
		"fd00:ec1:ffff::": false, "fd00:ec3::": false, "fd00:c1::a9fe:a9fe": true, "fd00:c1::1": false,
		"::ffff:127.0.0.1": true, "::ffff:169.254.169.254": true, "::ffff:10.0.0.1": false, // mapped
		"::ffff:100.100.100.200": true, "::ffff:168.63.129.16": true, "::ffff:0.0.0.0": true, "::ffff:255.255.255.255": true,
		"::127.0.0.1": true, "::10.0.0.1": false, "::168.63.129.16": true, // compatible
		// translated
		"::ffff:0:127.0.0.1": true, "::ffff:0:169.254.169.254": true, "::ffff:0:100.100.100.200": true,
		"::ffff:0:0.0.0.0":  true,
		"::ffff:0:10.0.0.1": false, "::ffff:0:1.1.1.1": false, "::ffff:1:127.0.0.1": false, "::fffe:0:127.0.0.1": false,
		"2001:db8::5efe:127.0.0.1": true, "2001:db8::200:5efe:169.254.169.254": true, // ISATAP
		"2001:db8::5efe:10.0.0.1": false, "2001:db8::300:5efe:127.0.0.1": false, "2001:db8::5eff:127.0.0.1": false,
		"64:ff9b::127.0.0.1": true, "64:ff9b::a9fe:a9fe": true, "64:ff9b::10.0.0.1": false, // NAT64
		// and with a prefix of one's own
		"64:ff9b:1::169.254.169.254": true, "64:ff9b:1:a9fe:a9:fe00::": true, "64:ff9b:1:a00:0:100:a00:1": false,
		"2002:7f00:1::": true, "2002:a9fe:a9fe::1": true, "2002:a00:1::": false, // 6to4
		// Teredo: the client's address, inverted
		"2001:0:102:304:0:0:80ff:fffe": true, "2001:0:7f00:1::5601:5601": true, "2001:0:102:304::f5ff:fffe": false,
		// where a carrier's own systems live
		"10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false, "100.64.0.1": false, "fd12:3456::1": false,
		"1.1.1.1": false, "126.255.255.255": false, "128.0.0.1": false, "169.253.255.255": false, "169.255.0.0": false,
		"223.255.255.255": false,
		"2606:4700::1111": false, "fec0::1": false, "2001:db8::1": false, "100.100.100.199": false,
	} {
		if got := Guarded(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is guarded: %v, want %v", text, got, want)
		}
	}
}

func TestTheGuardRefusesWhatItCannotRead(t *testing.T) {
	for text, want := range map[string]error{
		"10.0.0.1:443": nil, "[2606:4700::1111]:443": nil,
		"127.0.0.1:443": ErrGuarded, "[::1]:443": ErrGuarded, "[fe80::1%eth0]:443": ErrGuarded,
		"[::ffff:127.0.0.1]:443": ErrGuarded,
		"":                       ErrGuarded, "localhost:443": ErrGuarded, "10.0.0.1": ErrGuarded,
	} {
		if got := guard(t.Context(), "tcp", text, nil); !errors.Is(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestTheDialerAsksTheGuardAfterTheNameWasResolved(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	for _, host := range []string{"localhost", "127.0.0.1", "127.1.2.3", "0.0.0.0"} {
		if _, err := Dialer(false).DialContext(t.Context(), "tcp", net.JoinHostPort(host, port)); !errors.Is(err,
			ErrGuarded) {
			t.Errorf("%s: %v", host, err)
		}
	}
	c, err := Dialer(true).DialContext(t.Context(), "tcp", net.JoinHostPort("localhost", port))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
