package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"numhook/server/event"
)

// NoProxy is the proxy of a downstream that is connected to directly, whatever the environment says.
const NoProxy = "none"

// proxySchemes are those that net/http speaks.
var proxySchemes = []string{"http", "https", "socks5"}

// ParseProxy reads a proxy: a URL of one of the schemes with a host, nothing behind it, and user and password where the
// proxy asks for them. Errors quote nothing of it.
func ParseProxy(raw string) (*url.URL, error) {
	wrong := func(why string) error {
		return &event.Error{
			Kind: event.Invalid, Text: "cannot use the proxy", Hint: "write it as http://HOST:PORT, https://HOST:PORT or " +
				"socks5://HOST:PORT, or none", Err: errors.New(why),
		}
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || strings.Contains(raw, "${"):
		return nil, wrong("it is not a URL")
	case !slices.Contains(proxySchemes, u.Scheme):
		return nil, wrong("its scheme is none of http, https and socks5")
	case u.Hostname() == "":
		return nil, wrong("it names no host")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, wrong("there is something behind the host")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, wrong("its port is not one of 1 to 65535")
		}
	}
	return u, nil
}

// proxyFor is the proxy that a downstream is reached through, or nil. Without one in the configuration it is that of
// the environment, as net/http has it: HTTPS_PROXY for https, HTTP_PROXY for http, and none for the hosts in NO_PROXY
// and for this machine.
func proxyFor(target *url.URL, configured string) (*url.URL, error) {
	switch configured {
	case NoProxy:
		return nil, nil
	case "":
		proxy, err := httpproxy.FromEnvironment().ProxyFunc()(target)
		if err != nil {
			return nil, &event.Error{
				Kind: event.Invalid, Text: "cannot use the proxy of the environment", Hint: "mend HTTPS_PROXY or HTTP_PROXY, or " +
					"write proxy: none",
				Err: errors.New("it is not a URL"),
			}
		}
		return proxy, nil
	}
	return ParseProxy(configured)
}

// proxyRefused is what a proxy answers instead of a tunnel.
type proxyRefused struct{ status int }

func (p proxyRefused) Error() string { return fmt.Sprintf("the proxy answers %d", p.status) }

// through makes a transport go through the proxy, or directly without one.
func through(transport *http.Transport, proxy *url.URL) {
	if proxy == nil {
		return
	}
	transport.Proxy = http.ProxyURL(proxy)
	transport.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, got *http.Response) error {
		if got.StatusCode != http.StatusOK {
			return proxyRefused{got.StatusCode}
		}
		return nil
	}
}

// ofProxy reports whether a failure is about the connection to the proxy itself.
func ofProxy(err error) bool {
	failed, ok := errors.AsType[*net.OpError](err)
	return ok && (failed.Op == "proxyconnect" || strings.HasPrefix(failed.Op, "socks"))
}

// below is the connection below all TLS: to the proxy, and through it.
func below(c net.Conn) net.Conn {
	for {
		secured, ok := c.(*tls.Conn)
		if !ok {
			return c
		}
		c = secured.NetConn()
	}
}
