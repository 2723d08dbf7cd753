package settings

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// The ports where none is written.
var defaultPort = map[Scheme]string{NATS: "4222", Kafka: "9092"}

// parameters are what may stand behind the ? of a URL.
var parameters = map[Scheme][]string{NATS: {"tls", "stream", "creds"}, Kafka: {"tls"}}

var (
	hostForm    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?$`)
	subjectForm = regexp.MustCompile(`^[!"&-)+-=@-~][!-"$&-)+-=@-~]{0,254}$`) // printable, without * and >, which stand for others, and without # $ % ?
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
		instead = "leave it out; show a client certificate (client_cert, client_key) instead"
		if d.Scheme == NATS {
			instead = "leave it out; write ?creds=FILE behind the subject, or show a client certificate (client_cert, client_key)"
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
		r.tell(n, "the url names no topic, or one that Kafka does not allow", instead+"; a topic has letters, digits, . _ and -")
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
	if hasQuery && !r.parameters(n, query, d) {
		return
	}
	d.URL = string(d.Scheme) + "://" + strings.Join(d.Hosts, ",") + "/" + topic
	if query = d.query(); query != "" {
		d.URL += "?" + query
	}
}

func goodSubject(subject string) bool {
	return subjectForm.MatchString(subject) && !strings.HasPrefix(subject, "_INBOX.") && !slices.Contains(strings.Split(subject, "."), "")
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
func (r *reader) parameters(n *node, query string, d *Downstream) bool {
	known := parameters[d.Scheme]
	values, err := url.ParseQuery(query)
	if err != nil {
		r.tell(n, "the parameters of the url cannot be read", "write them as ?NAME=VALUE&NAME=VALUE, with % and two hex digits for other characters than letters and digits")
		return false
	}
	for name, given := range values {
		if !slices.Contains(known, name) {
			r.tell(n, "unknown parameter "+quoted(name)+" in the url", "write one of "+oneOf(known))
			return false
		}
		if len(given) != 1 || given[0] == "" {
			r.tell(n, "the parameter "+name+" of the url has no value, or two", "write "+name+"= once, and its value")
			return false
		}
	}
	switch tls := values.Get("tls"); tls {
	case "", "true", "false":
		d.TLS = tls == "true"
	default:
		r.tell(n, "the parameter tls of the url is neither true nor false", "write tls=true")
		return false
	}
	if d.Stream = values.Get("stream"); d.Stream != "" && !streamForm.MatchString(d.Stream) {
		r.tell(n, "the parameter stream of the url is not the name of a stream", "write letters, digits, _ and -")
		return false
	}
	if name := values.Get("creds"); name != "" {
		file := *n // where it stands
		file.Value = name
		path, ok := r.private(&file, "credentials file")
		if !ok {
			return false
		}
		d.Credentials = path
	}
	return true
}

// query are the parameters, with the names of files as they are to be opened.
func (d *Downstream) query() string {
	values := url.Values{}
	if d.TLS {
		values.Set("tls", "true")
	}
	if d.Stream != "" {
		values.Set("stream", d.Stream)
	}
	if d.Credentials != "" {
		values.Set("creds", d.Credentials)
	}
	return values.Encode()
}
