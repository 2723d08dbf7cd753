package config

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"numhook/server/dispatch/jetstream"
	"numhook/server/event"
)

// The ports where none is written.
var defaultPort = map[Scheme]string{NATS: "4222", Kafka: "9092"}

// parameters are what may stand behind the ? of a URL.
var parameters = map[Scheme][]string{NATS: {"tls", "stream", "creds"}, Kafka: {"tls", "sasl", "creds"}}

// mechanisms are how Kafka is shown a user and a password.
var mechanisms = []string{saslPlain, "scram-sha-256", "scram-sha-512"}

const saslPlain = "plain" // sends the password as it is

const maxCredentials = 16 << 10

var (
	hostForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?$`)
	// printable, without * and >, which stand for others, and without # $ % ?
	subjectForm = regexp.MustCompile(`^[!"&-)+-=@-~][!-"$&-)+-=@-~]{0,254}$`)
	topicForm   = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)
	streamForm  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
)

// broker reads the servers, the subject or topic, and the parameters.
func (r *reader) broker(n *node, rest string, d *Downstream) {
	rest, query, hasQuery := strings.Cut(rest, "?")
	authority, topic, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
	instead := "write it as " + forms[d.Scheme]
	switch {
	case strings.Contains(rest, "@"):
		instead = "leave it out; write ?sasl=scram-sha-256&creds=FILE behind the topic, with USER:PASSWORD in the file, or " +
			"show a client certificate (client_cert, client_key)"
		if d.Scheme == NATS {
			instead = "leave it out; write ?creds=FILE behind the subject, or show a client certificate (client_cert, " +
				"client_key)"
		}
		r.tell(n, "the url holds user information, which ends up in logs", instead)
		return
	case !strings.HasPrefix(rest, "//") || authority == "":
		r.tell(n, "the url names no host", instead)
		return
	case d.Scheme == NATS && !goodSubject(topic):
		r.tell(n, "the url names no subject that can be published to", instead)
		return
	case d.Scheme == Kafka && (!topicForm.MatchString(topic) || topic == "." || topic == ".."):
		r.tell(n, "the url names no topic, or one that Kafka does not allow", instead+"; a topic has letters, digits, "+
			". _ and -")
		return
	}
	for address := range strings.SplitSeq(authority, ",") {
		host, port, ok := splitHost(address, defaultPort[d.Scheme])
		if !ok {
			r.tell(n, "the url has a host that is none, or a port that is not one of 1 to 65535", instead)
			return
		}
		if isGuarded(host) && !d.AllowPrivate {
			r.tellGuarded(n)
			return
		}
		d.Hosts = append(d.Hosts, net.JoinHostPort(host, port))
	}
	d.Topic = topic
	if hasQuery {
		r.parameters(n, query, d)
	}
}

func goodSubject(subject string) bool {
	return subjectForm.MatchString(subject) && !strings.HasPrefix(subject, "_INBOX.") &&
		!slices.Contains(strings.Split(subject, "."), "")
}

func splitHost(address, usual string) (host, port string, ok bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port, err = net.SplitHostPort(address + ":" + usual)
	}
	_, notIP := netip.ParseAddr(host)
	return host, port, err == nil && port != "" && goodPort(port) && (notIP == nil || hostForm.MatchString(host))
}

// parameters reads what stands behind the ?.
func (r *reader) parameters(n *node, query string, d *Downstream) {
	known := parameters[d.Scheme]
	values, err := url.ParseQuery(query)
	if err != nil {
		r.tell(n, "the parameters of the url cannot be read", "write them as ?NAME=VALUE&NAME=VALUE, with % and two hex "+
			"digits for other characters than letters and digits")
		return
	}
	for name, given := range values {
		if !slices.Contains(known, name) {
			r.tell(n, "unknown parameter "+quoted(name)+" in the url", "write one of "+oneOf(known))
			return
		}
		if len(given) != 1 || given[0] == "" {
			r.tell(n, "the parameter "+name+" of the url has no value, or two", "write "+name+"= once, and its value")
			return
		}
	}
	d.Stream, d.SASL = values.Get("stream"), values.Get("sasl")
	switch tls := values.Get("tls"); {
	case tls != "" && tls != "true" && tls != "false":
		r.tell(n, "the parameter tls of the url is neither true nor false", "write tls=true")
	case d.Stream != "" && !streamForm.MatchString(d.Stream):
		r.tell(n, "the parameter stream of the url is not the name of a stream", "write letters, digits, _ and -")
	case d.SASL != "" && !slices.Contains(mechanisms, d.SASL):
		r.tell(n, "the parameter sasl of the url is no mechanism that is known", "write sasl="+oneOf(mechanisms))
	case d.Scheme == Kafka && (d.SASL == "") != (values.Get("creds") == ""):
		r.tell(n, "the url has one of the parameters sasl and creds, and not the other",
			"write sasl=scram-sha-256&creds=FILE, with USER:PASSWORD in the file")
	default:
		d.TLS = tls == "true"
		r.credentials(n, values.Get("creds"), d)
	}
}

// credentials looks at the file that the url names.
func (r *reader) credentials(n *node, name string, d *Downstream) {
	if name == "" {
		return
	}
	const key = "credentials file"
	file := *n // where it stands
	file.Value = name
	path, ok := r.private(&file, key)
	if !ok {
		return
	}
	d.Credentials = path
	text, ok := r.content(&file, key, path, maxCredentials)
	if !ok {
		return
	}
	if d.Scheme == NATS {
		if flaw, ok := errors.AsType[*event.Error](CheckCredentials(path, text)); ok {
			r.tell(&file, "the credentials file "+path+": "+flaw.Err.Error(), flaw.Hint)
		}
		return
	}
	user, err := ParseUser(path, text)
	if flaw, ok := errors.AsType[*event.Error](err); ok {
		r.tell(&file, "the credentials file "+flaw.Err.Error(), flaw.Hint)
		return
	}
	d.user = user
}

// CheckCredentials says what is wrong with the content of a credentials file of NATS. The error is an *event.Error with
// a hint, and quotes nothing that was read.
func CheckCredentials(path string, content []byte) error {
	if err := jetstream.CheckCredentials(content); err != nil {
		return &event.Error{
			Kind: event.Invalid, Text: "cannot use " + path, Err: err, Hint: "write the name of a .creds file, as nsc " +
				"generate creds makes it",
		}
	}
	return nil
}

// ParseUser reads the content of a file with a user and a password. The error is an *event.Error with a hint, and
// quotes nothing that was read.
func ParseUser(path string, content []byte) (*url.Userinfo, error) {
	user, password, ok := strings.Cut(strings.TrimRight(string(content), "\r\n"), ":")
	if !ok || user == "" || password == "" || strings.ContainsAny(password, "\r\n") {
		return nil, &event.Error{
			Kind: event.Invalid, Text: "cannot use " + path, Err: errors.New("does not hold a user and a password"),
			Hint: "write USER:PASSWORD into it, on one line",
		}
	}
	return url.UserPassword(user, password), nil
}

// brokerURL puts the URL together as the sender reads it: every host with its port, files as they are to be opened, and
// TLS where there are files for it.
func (e entry) brokerURL(d *Downstream) {
	if len(d.Hosts) == 0 {
		return
	}
	d.TLS = d.TLS || d.CAFile != "" || d.ClientCert != ""
	if d.SASL == saslPlain && d.user != nil && !d.TLS {
		e.tell(e.value("url"), "sasl=plain without TLS shows the password to everybody on the way",
			"write tls=true, too, or another mechanism")
	}
	values := url.Values{}
	if d.TLS {
		values.Set("tls", "true")
	}
	for name, value := range map[string]string{"stream": d.Stream, "sasl": d.SASL} {
		if value != "" {
			values.Set(name, value)
		}
	}
	who := ""
	if d.user != nil {
		who = d.user.String() + "@"
	} else if d.Credentials != "" {
		values.Set("creds", d.Credentials)
	}
	d.URL = string(d.Scheme) + "://" + who + strings.Join(d.Hosts, ",") + "/" + d.Topic
	if len(values) > 0 {
		d.URL += "?" + values.Encode()
	}
}
