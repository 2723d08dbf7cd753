package postgres

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"numhook/server/event"
)

// connectTime bounds one attempt to connect, where the URL sets no connect_timeout.
const connectTime = 5 * time.Second

// dsn is where the database is.
type dsn struct {
	// what the URL and the environment of PostgreSQL's programs (PGPASSWORD, PGPASSFILE, PGSSLROOTCERT, ...) say
	pool   *pgxpool.Config
	hidden []string // passwords
}

func parse(url string) (dsn, error) {
	if ambiguous(url) {
		return dsn{}, unreadable(nil)
	}
	pool, err := pgxpool.ParseConfig(url)
	if err != nil {
		return dsn{}, unreadable(err)
	}
	config := &pool.ConnConfig.Config
	if mayGoInClear(config) {
		return dsn{}, &event.Error{Kind: event.Internal,
			Text: "cannot open store: its URL does not say how to encrypt (sslmode), and so would hand the password in clear " +
				"text to whoever answers without encryption",
			Hint: "write sslmode=verify-full into the URL, with sslrootcert=FILE where the server's authority is not among " +
				"the system's; or sslmode=disable, if clear text is meant"}
	}
	if config.ConnectTimeout <= 0 {
		config.ConnectTimeout = connectTime
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "numhook"
	}
	dialer := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second,
		Interval: 2 * time.Second, Count: 3}}
	config.DialFunc = dialer.DialContext
	d := dsn{pool: pool}
	if len(config.Password) > 3 { // a shorter one would be found in every other word
		d.hidden = append(d.hidden, config.Password)
	}
	return d, nil
}

// mayGoInClear reports whether a connection to another machine would be encrypted or not as the other side likes it:
// without sslmode, and with prefer and allow. Only disable makes every attempt without encryption, and nobody gets that
// without asking for it.
func mayGoInClear(config *pgconn.Config) bool {
	clear, encrypted := false, false
	note := func(host string, port uint16, conf *tls.Config) {
		if network, _ := pgconn.NetworkAddress(host, port); network == "unix" || isLoopback(host) {
			return
		}
		clear, encrypted = clear || conf == nil, encrypted || conf != nil
	}
	note(config.Host, config.Port, config.TLSConfig)
	for _, other := range config.Fallbacks {
		note(other.Host, other.Port, other.TLSConfig)
	}
	return clear && encrypted
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

// ambiguous reports whether a part of the password may be taken for the host or the database, and so get into a text:
// with an @, a / or a # that was not written as %XX.
func ambiguous(url string) bool {
	_, rest, _ := strings.Cut(url, "://")
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if strings.Contains(query, "@") && !strings.Contains(authority, "@") { // a question mark in the password
		return true
	}
	return strings.Count(authority, "@") > 1 || strings.Contains(path, "@") || strings.Contains(rest, "#")
}

// unreadable leaves out what the parser says, because it may quote a part of the URL, and with it of the password.
func unreadable(err error) error {
	var cause error
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		cause = file
	}
	return &event.Error{Kind: event.Internal, Text: "cannot open store: its URL cannot be read", Err: cause,
		Hint: "write postgres://USER@HOST:5432/DATABASE?sslmode=verify-full, with the special characters of a password as " +
			"%XX, or the password in PGPASSWORD"}
}

// config is for a connection outside of a pool.
func (d dsn) config() *pgconn.Config { return d.pool.ConnConfig.Config.Copy() }

// hide takes the passwords out of a text.
func (d dsn) hide(text string) string {
	for _, secret := range d.hidden {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return text
}
