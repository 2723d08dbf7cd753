package netguard

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"numhook/server/event"
)

// Servers is a url that names several servers of one system:
// scheme://[user:password@]host[:port][,host[:port]...]/path[?name=value...]. net/url takes one host only.
type Servers struct {
	Scheme string
	User   *url.Userinfo // nil for none
	Hosts  []string      // host:port
	Path   string        // as it was written, without the slash before it
	query  string
}

// Flaw is what is wrong with a url, and what to write instead.
type Flaw struct{ Text, Hint string }

func (f *Flaw) Error() string { return f.Text }

// SplitServers takes a url apart that has one of the schemes; a host without a port gets the one given. No text of the
// url is quoted in an error: what stands in the wrong place may be a password. With an error comes what was read before
// it.
func SplitServers(raw, port string, schemes ...string) (s Servers, err error) {
	scheme, rest, _ := strings.Cut(raw, "://")
	if !slices.Contains(schemes, scheme) {
		return s, errors.New("its scheme is not " + strings.Join(schemes, " or "))
	}
	s.Scheme = scheme
	if strings.ContainsAny(rest, "# \t\r\n") {
		return s, &Flaw{"it has a blank or a # in it", "write a blank as %20 and # as %23"}
	}
	rest, s.query, _ = strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if strings.Contains(path, "@") {
		return s, &Flaw{"it has an @ after the first /", "in user and password write / as %2F, ? as %3F, @ as %40 and " +
			": as %3A"}
	}
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		withUser, err := url.Parse("x://" + authority[:i] + "@host")
		if err != nil {
			return s, &Flaw{"user and password cannot be read", "in user and password write / as %2F, @ as %40, : as %3A and " +
				"% as %25"}
		}
		s.User, authority = withUser.User, authority[i+1:]
	}
	for i, text := range strings.Split(authority, ",") {
		host, err := hostOf(text, port)
		if err != nil {
			return s, fmt.Errorf("host %d %w", i+1, err)
		}
		s.Hosts = append(s.Hosts, host)
	}
	s.Path = path
	return s, nil
}

func hostOf(text, port string) (string, error) {
	u, err := url.Parse("x://" + text)
	if err != nil || u.Host != text || u.Hostname() == "" {
		return "", errors.New("is missing or not a host name or address")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	if number, err := strconv.Atoi(port); err != nil || number < 1 || number > 65535 {
		return "", errors.New("has a port that is not between 1 and 65535")
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

// Parameters are what stands behind the ?, each of which may be given once, and must be one of those known.
func (s Servers) Parameters(known ...string) (map[string]string, error) {
	values, err := url.ParseQuery(s.query)
	if err != nil {
		return nil, errors.New("its parameters cannot be read")
	}
	parameters := make(map[string]string, len(values))
	for name, given := range values {
		if !slices.Contains(known, name) {
			last := len(known) - 1
			return nil, &Flaw{"the parameter " + strconv.Quote(name) + " is not known",
				"the parameters are " + strings.Join(known[:last], ", ") + " and " + known[last]}
		}
		if len(given) != 1 || given[0] == "" {
			return nil, fmt.Errorf("the parameter %s is given twice or has no value", strconv.Quote(name))
		}
		parameters[name] = given[0]
	}
	return parameters, nil
}

// Redact is the url without password and parameters, with the path given, for logs and errors. Of one that could not be
// read, as the error says, it leaves the scheme, when there may be a password anywhere in it.
func (s Servers) Redact(raw, path string, err error) string {
	switch {
	case s.Scheme == "":
		return "(unreadable)"
	case len(s.Hosts) == 0, path == "", err != nil && strings.Contains(raw, "@"):
		return s.Scheme + "://(unreadable)"
	}
	user := ""
	if s.User != nil {
		user = "xxxxx@"
	}
	return s.Scheme + "://" + user + strings.Join(s.Hosts, ",") + "/" + path
}

// Unusable is the error for a url of the system that cannot be used; example is the hint where the flaw has none.
func Unusable(system, redacted string, err error, example string) error {
	hint := example
	if f, ok := errors.AsType[*Flaw](err); ok {
		hint = f.Hint
	}
	return &event.Error{Kind: event.Invalid, Text: "cannot use the " + system + " url " + redacted, Err: err, Hint: hint}
}
