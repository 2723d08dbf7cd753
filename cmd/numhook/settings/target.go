package settings

import (
	"fmt"
	"net"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// forms are how a URL of each scheme is written.
var forms = map[Scheme]string{
	HTTPS: "https://HOST/PATH",
	HTTP:  "http://HOST/PATH",
	Exec:  "exec:PROGRAM",
	NATS:  "nats://HOST:4222/SUBJECT, with a comma between hosts",
	Kafka: "kafka://HOST:9092/TOPIC, with a comma between hosts",
	File:  "file:PATH",
}

var schemes = []string{string(HTTPS), string(HTTP), string(Exec), string(NATS), string(Kafka), string(File)}

// The ports where none is written.
var defaultPort = map[Scheme]string{NATS: "4222", Kafka: "9092"}

var schemeForm = regexp.MustCompile(`^([a-z][a-z0-9+.-]*):(.*)$`)

// target reads where the changes go. No text quotes more of the URL than its scheme: the rest may hold a credential.
func (r *reader) target(o object, d *Downstream) {
	if o.keys["url"] == nil {
		r.tell(o.node, "the downstream has no url", "write url: and one of "+oneOf(schemes)+", such as "+forms[HTTPS])
		return
	}
	n := o.values["url"]
	text, ok := r.text(n, "url")
	if !ok {
		return
	}
	parts := schemeForm.FindStringSubmatch(text)
	if parts == nil || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		r.tell(n, "the url is not one", "write one of "+oneOf(schemes)+", such as "+forms[HTTPS])
		return
	}
	scheme, rest := Scheme(parts[1]), parts[2]
	if !slices.Contains(schemes, parts[1]) {
		wrong, instead := "the url has an unknown scheme", "write one of "+oneOf(schemes)
		if strings.HasPrefix(rest, "//") {
			wrong = "unknown scheme " + quoted(parts[1])
		}
		if meant := nearest(parts[1], schemes); meant != "" {
			instead = "write " + meant
		}
		r.tell(n, wrong, instead)
		return
	}
	d.Scheme = scheme
	switch scheme {
	case HTTPS, HTTP:
		r.web(n, text, d)
	case NATS, Kafka:
		r.broker(n, rest, d)
	case Exec, File:
		r.local(n, rest, d)
	}
}

// web reads the URL of something that takes POSTs.
func (r *reader) web(n *node, text string, d *Downstream) {
	u, err := url.Parse(text)
	wrong, instead := "", "write it as "+forms[d.Scheme]
	switch {
	case err != nil:
		wrong, instead = "the url is not one", instead+", with % and two hex digits for every character that has a meaning of its own there"
	case u.User != nil:
		wrong, instead = "the url holds user information, which ends up in logs", "leave it out, and write a credential below headers: (authorization: ...)"
	case u.Hostname() == "":
		wrong = "the url names no host"
	case !goodPort(u.Port()) || strings.HasSuffix(u.Host, ":"):
		wrong, instead = "the port of the url is not one of 1 to 65535", instead+" or with a port behind the host"
	case strings.Contains(text, "#"):
		wrong, instead = "the url has a fragment (#...), which no server ever sees", "leave it out, or write # as %23"
	default:
		d.URL = text
		return
	}
	r.tell(n, wrong, instead)
}

func goodPort(port string) bool {
	number, err := strconv.Atoi(port)
	return port == "" || err == nil && number >= 1 && number <= 65535
}

var (
	hostForm    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?$`)
	subjectForm = regexp.MustCompile(`^[!-)+-=?-~]{1,255}$`) // printable, without * and >, which stand for others
	topicForm   = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)
)

// broker reads the servers and the subject or topic.
func (r *reader) broker(n *node, rest string, d *Downstream) {
	authority, topic, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
	instead := "write it as " + forms[d.Scheme]
	switch {
	case !strings.HasPrefix(rest, "//") || authority == "":
		r.tell(n, "the url names no host", instead)
		return
	case strings.Contains(authority, "@"):
		r.tell(n, "the url holds user information, which ends up in logs", "leave it out; show a client certificate (client_cert, client_key) instead")
		return
	case d.Scheme == NATS && (!subjectForm.MatchString(topic) || slices.Contains(strings.Split(topic, "."), "")):
		r.tell(n, "the url names no subject that can be published to", instead)
		return
	case d.Scheme == Kafka && (!topicForm.MatchString(topic) || topic == "." || topic == ".."):
		r.tell(n, "the url names no topic, or one that Kafka does not allow", instead+"; a topic has letters, digits, . _ and -")
		return
	}
	for address := range strings.SplitSeq(authority, ",") {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			host, port, err = net.SplitHostPort(address + ":" + defaultPort[d.Scheme])
		}
		if err != nil || port == "" || !goodPort(port) || net.ParseIP(host) == nil && !hostForm.MatchString(host) {
			r.tell(n, "the url has a host that is none, or a port that is not one of 1 to 65535", instead)
			return
		}
		d.Hosts = append(d.Hosts, net.JoinHostPort(host, port))
	}
	d.Topic = topic
}

// local reads the program or the file. It is a name as the system has it, without escapes.
func (r *reader) local(n *node, rest string, d *Downstream) {
	instead := "write it as " + forms[d.Scheme]
	if absolute, ok := strings.CutPrefix(rest, "//"); ok {
		if rest = absolute; !strings.HasPrefix(rest, "/") {
			r.tell(n, "the url names a host", instead+", or "+string(d.Scheme)+":///PATH")
			return
		}
	}
	if rest == "" || strings.HasSuffix(rest, "/") {
		r.tell(n, "the url names no file", instead)
		return
	}
	d.Path = r.located(rest)
	info, err := os.Stat(d.Path)
	if d.Scheme == Exec {
		switch {
		case err != nil:
			r.tell(n, fmt.Sprintf("the program %s cannot be run: %v", d.Path, bare(err)), "write the name of a program that is there; a relative one is looked for beside this file")
		case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
			r.tell(n, fmt.Sprintf("the program %s cannot be run", d.Path), "write the name of a program, or run chmod +x "+d.Path)
		}
		return
	}
	if err == nil && !info.Mode().IsRegular() {
		r.tell(n, d.Path+" is there, and not a regular file", "write the name of a file")
	}
	if folder, err := os.Stat(filepath.Dir(d.Path)); err != nil || !folder.IsDir() {
		r.tell(n, "the folder "+filepath.Dir(d.Path)+" is not there", "make it, or write another one")
	}
}

// Redacted is where the changes go, as far as it may be shown: of a URL with a path or a query only the host.
func (d *Downstream) Redacted() string {
	switch d.Scheme {
	case HTTPS, HTTP:
		u, err := url.Parse(d.URL)
		if err != nil {
			return string(d.Scheme) + "://..."
		}
		shown := u.Scheme + "://" + u.Host
		if u.Path != "" && u.Path != "/" || u.RawQuery != "" {
			shown += "/..."
		}
		return shown
	case NATS, Kafka:
		return string(d.Scheme) + "://" + strings.Join(d.Hosts, ",") + "/" + d.Topic
	}
	return string(d.Scheme) + ":" + d.Path
}

// reserved are the headers that are not for a configuration: they are ours, or say where the request ends.
var reserved = []string{
	"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding", "Host", "Connection",
	"Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Upgrade", "Expect", "Accept-Encoding",
}

var headerForm = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// headers reads what is sent along. No text quotes a value: it may be a credential.
func (r *reader) headers(o object) map[string]string {
	n := o.values["headers"]
	if n == nil || n.Kind == yaml.AliasNode {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		r.tell(n, "headers must have keys", "write the name of a header: and its value")
		return nil
	}
	headers, canonical := map[string]string{}, map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := textproto.CanonicalMIMEHeaderKey(key.Value)
		switch {
		case key.Kind == yaml.AliasNode || value.Kind == yaml.AliasNode:
		case key.Kind != yaml.ScalarNode || !headerForm.MatchString(key.Value):
			r.tell(key, "the name of a header consists of letters, digits and hyphens", "write another one")
		case slices.Contains(reserved, name):
			r.tell(key, "numhook sets the header "+name+" by itself", "leave it out")
		case canonical[name] != 0:
			r.tell(key, fmt.Sprintf("the header %s is there already, on line %d; case makes no difference", name, canonical[name]), "leave one of the two out")
		default:
			canonical[name] = key.Line
			if text, ok := r.text(value, "the header "+name); ok && r.headerValue(value, name) {
				headers[key.Value] = text
			}
		}
	}
	return headers
}

func (r *reader) headerValue(n *node, name string) bool {
	switch text := n.Value; {
	case strings.TrimSpace(text) != text:
		r.tell(n, "the header "+name+" begins or ends with white space", "leave it out")
	case strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\t' || c > '~' }):
		r.tell(n, "the header "+name+" holds a line end, another control character, or a character that is not ASCII", "write it without")
	default:
		return true
	}
	return false
}
