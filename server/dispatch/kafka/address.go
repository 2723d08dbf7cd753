package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"numhook/server/dispatch/netguard"
)

const (
	defaultPort  = "9092"
	longestTopic = 249 // of the broker's
	example      = "write kafka://HOST[:9092]/TOPIC, for example kafka://broker1.example,broker2.example/numhook-changes"
)

// address is what a downstream's url says.
type address struct {
	netguard.Servers
	secure bool
	sasl   sasl.Mechanism // nil for none
	topic  string

	credentials func() (user, password string) // what sasl shows at each connection
}

// parse reads a url. What credentials gives, where it is not nil, is shown instead of the url's user and password.
func parse(raw string, credentials func() (user, password string)) (*address, error) {
	a, err := split(raw)
	if err == nil && a.sasl != nil && credentials != nil {
		a.credentials = credentials
	}
	if err != nil {
		return nil, netguard.Unusable("Kafka", a.Redact(raw, a.topic, err), err, example)
	}
	return a, nil
}

func split(raw string) (a *address, err error) {
	a = &address{}
	if a.Servers, err = netguard.SplitServers(raw, defaultPort, "kafka"); err != nil {
		return a, err
	}
	if a.topic, err = topicOf(a.Path); err != nil {
		return a, err
	}
	return a, a.parameters()
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

func (a *address) parameters() error {
	given, err := a.Parameters("tls", "sasl")
	if err != nil {
		return err
	}
	if value, ok := given["tls"]; ok {
		if a.secure, err = strconv.ParseBool(value); err != nil {
			return errors.New("tls is neither true nor false")
		}
	}
	return a.authenticate(given["sasl"])
}

func (a *address) authenticate(mechanism string) error {
	const write = "put USER:PASSWORD@ before the first host, and sasl=plain, sasl=scram-sha-256 or sasl=scram-sha-512 " +
		"after the ?"
	if a.User == nil && mechanism == "" {
		return nil
	}
	if mechanism == "" {
		return &netguard.Flaw{Text: "it has a user, and does not say how to authenticate", Hint: write}
	}
	name, password := "", ""
	if a.User != nil {
		name = a.User.Username()
		password, _ = a.User.Password()
	}
	if name == "" || password == "" {
		return &netguard.Flaw{Text: "sasl needs a user and a password", Hint: write}
	}
	a.credentials = func() (string, string) { return name, password }
	switch mechanism {
	case "plain":
		a.sasl = plain.Plain(func(context.Context) (plain.Auth, error) {
			user, password := a.credentials()
			return plain.Auth{User: user, Pass: password}, nil
		})
	case "scram-sha-256":
		a.sasl = scram.Sha256(a.scram)
	case "scram-sha-512":
		a.sasl = scram.Sha512(a.scram)
	default:
		return &netguard.Flaw{Text: "the sasl mechanism is not known", Hint: write}
	}
	return nil
}

func (a *address) scram(context.Context) (scram.Auth, error) {
	user, password := a.credentials()
	return scram.Auth{User: user, Pass: password}, nil
}

// Redact is a url of this package without credentials, for logs and errors. Of one that cannot be read it leaves the
// scheme.
func Redact(raw string) string {
	a, err := split(raw)
	return a.Redact(raw, a.topic, err)
}
