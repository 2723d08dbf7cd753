package kafka

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"numhook/server/event"
)

const (
	defaultPort  = "9092"
	longestTopic = 249 // of the broker's
	example      = "write kafka://HOST[:9092]/TOPIC, for example kafka://broker1.example,broker2.example/numhook-changes"
)

// address is what a downstream's url says.
type address struct {
	brokers []string // host:port
	user    *url.Userinfo
	secure  bool
	sasl    sasl.Mechanism // nil for none
	topic   string
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
	return address{}, &event.Error{Kind: event.Invalid, Text: "cannot use the Kafka url " + Redact(raw), Err: err, Hint: hint}
}

// split takes a url apart. net/url takes one host only. No text of the url is quoted in an error, but for names of parameters: what stands in the
// wrong place may be a password.
func split(raw string) (a address, err error) {
	scheme, rest, _ := strings.Cut(raw, "://")
	if scheme != "kafka" {
		return a, errors.New("its scheme is not kafka")
	}
	if strings.ContainsAny(rest, "# \t\r\n") {
		return a, &flaw{"it has a blank or a # in it", "write a blank as %20 and # as %23"}
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if strings.Contains(path, "@") {
		return a, &flaw{"it has an @ after the first /", "in user and password write / as %2F, ? as %3F, @ as %40 and : as %3A"}
	}
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		withUser, err := url.Parse("kafka://" + authority[:i] + "@host")
		if err != nil {
			return a, &flaw{"user and password cannot be read", "in user and password write / as %2F, @ as %40, : as %3A and % as %25"}
		}
		a.user, authority = withUser.User, authority[i+1:]
	}
	for i, host := range strings.Split(authority, ",") {
		broker, err := brokerOf(host)
		if err != nil {
			return a, fmt.Errorf("host %d %w", i+1, err)
		}
		a.brokers = append(a.brokers, broker)
	}
	if a.topic, err = topicOf(path); err != nil {
		return a, err
	}
	return a, a.parameters(query)
}

func brokerOf(host string) (string, error) {
	u, err := url.Parse("kafka://" + host)
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
	return net.JoinHostPort(u.Hostname(), port), nil
}

func topicOf(path string) (string, error) {
	if path == "" {
		return "", errors.New("it names no topic")
	}
	odd := strings.ContainsFunc(path, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-')
	})
	if odd || path == "." || path == ".." || len(path) > longestTopic {
		return "", fmt.Errorf("a topic is at most %d letters, digits, dots, underscores and hyphens", longestTopic)
	}
	return path, nil
}

func (a *address) parameters(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("its parameters cannot be read")
	}
	mechanism := ""
	for name, given := range values {
		if len(given) != 1 || given[0] == "" {
			return fmt.Errorf("the parameter %s is given twice or has no value", strconv.Quote(name))
		}
		switch name {
		case "tls":
			if a.secure, err = strconv.ParseBool(given[0]); err != nil {
				return errors.New("tls is neither true nor false")
			}
		case "sasl":
			mechanism = given[0]
		default:
			return &flaw{"the parameter " + strconv.Quote(name) + " is not known", "the parameters are tls and sasl"}
		}
	}
	return a.authenticate(mechanism)
}

func (a *address) authenticate(mechanism string) error {
	const write = "put USER:PASSWORD@ before the first host, and sasl=plain, sasl=scram-sha-256 or sasl=scram-sha-512 after the ?"
	if a.user == nil && mechanism == "" {
		return nil
	}
	if mechanism == "" {
		return &flaw{"it has a user, and does not say how to authenticate", write}
	}
	name, password := "", ""
	if a.user != nil {
		name = a.user.Username()
		password, _ = a.user.Password()
	}
	if name == "" || password == "" {
		return &flaw{"sasl needs a user and a password", write}
	}
	switch mechanism {
	case "plain":
		a.sasl = plain.Auth{User: name, Pass: password}.AsMechanism()
	case "scram-sha-256":
		a.sasl = scram.Auth{User: name, Pass: password}.AsSha256Mechanism()
	case "scram-sha-512":
		a.sasl = scram.Auth{User: name, Pass: password}.AsSha512Mechanism()
	default:
		return &flaw{"the sasl mechanism is not known", write}
	}
	return nil
}

// Redact is a url of this package without credentials, for logs and errors. Of one that cannot be read it leaves the scheme.
func Redact(raw string) string {
	scheme, _, found := strings.Cut(raw, "://")
	if !found || scheme != "kafka" {
		return "(unreadable)"
	}
	a, err := split(raw)
	if len(a.brokers) == 0 || a.topic == "" || err != nil && strings.Contains(raw, "@") {
		return "kafka://(unreadable)"
	}
	user := ""
	if a.user != nil {
		user = "xxxxx@"
	}
	return "kafka://" + user + strings.Join(a.brokers, ",") + "/" + a.topic
}
