package jetstream

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"strings"

	"numhook/server/dispatch/netguard"
)

const (
	defaultPort = "4222"
	example     = "write nats://HOST[:4222]/SUBJECT, for example nats://bus.example:4222/numhook.changes"
)

// address is what a downstream's url says.
type address struct {
	netguard.Servers
	secure  bool
	subject string
	stream  string // the one expected; empty for any
	creds   string // path of a credentials file
}

func parse(raw string) (address, error) {
	a, err := split(raw)
	if err != nil {
		return address{}, netguard.Unusable("NATS", a.Redact(raw, a.subject, err), err, example)
	}
	return a, nil
}

func split(raw string) (a address, err error) {
	if a.Servers, err = netguard.SplitServers(raw, defaultPort, "nats", "tls"); err != nil {
		return a, err
	}
	if a.subject, err = subjectOf(a.Path); err != nil {
		return a, err
	}
	return a, a.parameters()
}

// servers are the urls of the servers, without credentials.
func (a *address) servers() []string {
	urls := make([]string, len(a.Hosts))
	for i, host := range a.Hosts {
		urls[i] = "nats://" + host
	}
	return urls
}

func subjectOf(path string) (string, error) {
	subject, err := url.PathUnescape(path)
	if err != nil || subject == "" {
		return "", errors.New("it names no subject")
	}
	if strings.ContainsAny(subject, " \t\r\n*>") || strings.ContainsFunc(subject, func(r rune) bool {
		return r < ' ' ||
			r == 0x7f || r == '\uFFFD'
	}) {
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

func (a *address) parameters() error {
	given, err := a.Parameters("tls", "stream", "creds")
	if err != nil {
		return err
	}
	a.secure = a.Scheme == "tls"
	if value, ok := given["tls"]; ok {
		yes, err := strconv.ParseBool(value)
		if err != nil {
			return errors.New("tls is neither true nor false")
		}
		a.secure = a.secure || yes
	}
	a.stream, a.creds = given["stream"], given["creds"]
	if strings.ContainsAny(a.stream, " \t\r\n.*>/\\") {
		return &netguard.Flaw{Text: "stream is not the name of a stream", Hint: "a stream's name has no blanks, dots, " +
			"wildcards or slashes"}
	}
	if a.creds != "" && a.User != nil {
		return &netguard.Flaw{Text: "it has both user and creds", Hint: "give one of them"}
	}
	return a.checkCreds()
}

// checkCreds looks at the file while somebody is looking at the configuration. Every connection reads it again.
func (a *address) checkCreds() error {
	if a.creds == "" {
		return nil
	}
	info, err := os.Stat(a.creds)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &netguard.Flaw{Text: "the credentials file does not exist", Hint: "give its path as creds=FILE, relative to " +
			"where numhook is started or absolute"}
	case err != nil || info.IsDir():
		return &netguard.Flaw{Text: "the credentials file cannot be read", Hint: "give its path as creds=FILE"}
	case info.Mode().Perm()&0o007 != 0:
		return &netguard.Flaw{Text: "everybody may read the credentials file", Hint: "chmod 600 " + a.creds}
	}
	return nil
}

// Redact is a url of this package without credentials, for logs and errors. Of one that cannot be read it leaves the
// scheme.
func Redact(raw string) string {
	a, err := split(raw)
	return a.Redact(raw, a.subject, err)
}
