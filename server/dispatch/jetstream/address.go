package jetstream

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"numhook/server/event"
)

const (
	defaultPort = "4222"
	example     = "write nats://HOST[:4222]/SUBJECT, for example nats://bus.example:4222/numhook.changes"
)

// address is what a downstream's url says.
type address struct {
	servers []string // nats://host:port, without credentials
	user    *url.Userinfo
	secure  bool
	subject string
	stream  string // the one expected; empty for any
	creds   string // path of a credentials file
}

// flaw is what is wrong with a url, and what to write instead.
type flaw struct{ text, hint string }

func (f *flaw) Error() string { return f.text }

func parse(raw string) (address, error) {
	a, err := split(raw)
	if err == nil {
		return a, nil
	}
	hint := example
	if f, ok := errors.AsType[*flaw](err); ok {
		hint = f.hint
	}
	return address{}, &event.Error{Kind: event.Invalid, Text: "cannot use the NATS url " + Redact(raw), Err: err, Hint: hint}
}

// split takes a url apart. net/url takes one host only. No text of the url is quoted in an error, but for names of parameters: what stands in the
// wrong place may be a password.
func split(raw string) (a address, err error) {
	scheme, rest, _ := strings.Cut(raw, "://")
	if scheme != "nats" && scheme != "tls" {
		return a, errors.New("its scheme is neither nats nor tls")
	}
	if strings.ContainsAny(rest, "# \t\r\n") {
		return a, &flaw{"it has a blank or a # in it", "write a blank as %20 and # as %23"}
	}
	a.secure = scheme == "tls"
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if strings.Contains(path, "@") {
		return a, &flaw{"it has an @ after the first /", "in user and password write / as %2F, ? as %3F, @ as %40 and : as %3A"}
	}
	if user, hosts, found := cutLast(authority, "@"); found {
		withUser, err := url.Parse("nats://" + user + "@host")
		if err != nil {
			return a, &flaw{"user and password cannot be read", "in user and password write / as %2F, @ as %40, : as %3A and % as %25"}
		}
		a.user, authority = withUser.User, hosts
	}
	for i, host := range strings.Split(authority, ",") {
		server, err := serverOf(host)
		if err != nil {
			return a, fmt.Errorf("host %d %w", i+1, err)
		}
		a.servers = append(a.servers, server)
	}
	if a.subject, err = subjectOf(path); err != nil {
		return a, err
	}
	return a, a.parameters(query)
}

func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return "", s, false
}

func serverOf(host string) (string, error) {
	u, err := url.Parse("nats://" + host)
	if err != nil || u.Host != host || u.Hostname() == "" {
		return "", errors.New("is missing or not a host name or address")
	}
	port := u.Port()
	if port == "" {
		port = defaultPort
	}
	if number, err := strconv.Atoi(port); err != nil || number < 1 || number > 65535 {
		return "", errors.New("has a port that is not between 1 and 65535")
	}
	return "nats://" + net.JoinHostPort(u.Hostname(), port), nil
}

func subjectOf(path string) (string, error) {
	subject, err := url.PathUnescape(path)
	if err != nil || subject == "" {
		return "", errors.New("it names no subject")
	}
	if strings.ContainsAny(subject, " \t\r\n*>") || strings.ContainsFunc(subject, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
		return "", errors.New("a subject to publish to has no blanks and no wildcards")
	}
	for token := range strings.SplitSeq(subject, ".") {
		if token == "" {
			return "", errors.New("the subject has an empty token, or / at its end")
		}
	}
	if subject[0] == '$' || strings.HasPrefix(subject, "_INBOX.") {
		return "", errors.New("subjects that begin with $ or _INBOX. are the server's own")
	}
	return subject, nil
}

func (a *address) parameters(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("its parameters cannot be read")
	}
	for name, given := range values {
		if len(given) != 1 || given[0] == "" {
			return fmt.Errorf("the parameter %s is given twice or has no value", strconv.Quote(name))
		}
		value := given[0]
		switch name {
		case "tls":
			yes, err := strconv.ParseBool(value)
			if err != nil {
				return errors.New("tls is neither true nor false")
			}
			a.secure = a.secure || yes
		case "stream":
			if strings.ContainsAny(value, " \t\r\n.*>/\\") {
				return &flaw{"stream is not the name of a stream", "a stream's name has no blanks, dots, wildcards or slashes"}
			}
			a.stream = value
		case "creds":
			a.creds = value
		default:
			return &flaw{"the parameter " + strconv.Quote(name) + " is not known", "the parameters are tls, stream and creds"}
		}
	}
	if a.creds != "" && a.user != nil {
		return &flaw{"it has both user and creds", "give one of them"}
	}
	return a.checkCreds()
}

// checkCreds looks at the file while somebody is looking at the configuration. Every connection reads it anew.
func (a *address) checkCreds() error {
	if a.creds == "" {
		return nil
	}
	info, err := os.Stat(a.creds)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &flaw{"the credentials file does not exist", "give its path as creds=FILE, relative to where numhook is started or absolute"}
	case err != nil || info.IsDir():
		return &flaw{"the credentials file cannot be read", "give its path as creds=FILE"}
	case info.Mode().Perm()&0o007 != 0:
		return &flaw{"everybody may read the credentials file", "chmod 600 " + a.creds}
	}
	return nil
}

// Redact is a url of this package without credentials, for logs and errors. Of one that cannot be read it leaves the scheme.
func Redact(raw string) string {
	scheme, _, found := strings.Cut(raw, "://")
	if !found || scheme != "nats" && scheme != "tls" {
		return "(unreadable)"
	}
	a, err := split(raw)
	if len(a.servers) == 0 || a.subject == "" || err != nil && strings.Contains(raw, "@") {
		return scheme + "://(unreadable)"
	}
	var hosts []string
	for _, server := range a.servers {
		hosts = append(hosts, strings.TrimPrefix(server, "nats://"))
	}
	user := ""
	if a.user != nil {
		user = "xxxxx@"
	}
	return scheme + "://" + user + strings.Join(hosts, ",") + "/" + a.subject
}
