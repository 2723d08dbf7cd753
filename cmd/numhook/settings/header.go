package settings

import (
	"cmp"
	"errors"
	"fmt"
	"net/textproto"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"numhook/server/dispatch/webhook"
	"numhook/server/event"
)

// reserved are the headers that are not for a configuration: they are ours, or say where the request ends.
var reserved = []string{
	"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding", "Host", "Connection",
	"Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Te", "Trailer", "Upgrade", "Expect", "Accept-Encoding",
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
				r.confide(value, name)
			}
		}
	}
	return headers
}

func (r *reader) headerValue(n *node, name string) bool {
	switch text := n.Value; {
	case strings.Contains(text, "${"):
		r.tell(n, "the header "+name+" holds ${...}, for which nothing is put in", "write the header into a file as "+name+": and its value, and name that in headers_file:")
	case strings.TrimSpace(text) != text:
		r.tell(n, "the header "+name+" begins or ends with white space", "leave it out")
	case strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\t' || c > '~' }):
		r.tell(n, "the header "+name+" holds a line end, another control character, or a character that is not ASCII", "write it without")
	default:
		return true
	}
	return false
}

// headersFile reads the headers that are not in the configuration itself.
func (r *reader) headersFile(o object, d *Downstream) {
	n := o.values["headers_file"]
	path, ok := r.private(n, "headers_file")
	if !ok {
		return
	}
	headers, err := webhook.ReadHeaders(path)
	if flaw, told := errors.AsType[*event.Error](err); told {
		r.tell(n, fmt.Sprintf("the headers_file %s: %v", path, flaw.Err), cmp.Or(flaw.Hint, "write the name of the right file"))
		return
	}
	for name := range headers {
		for there := range d.Headers {
			if strings.EqualFold(there, name) {
				r.tell(n, "the headers_file has the header "+there+", which is below headers, too", "leave one of the two out")
				return
			}
		}
	}
	d.HeadersFile = path
}

// confidential is how what may be a secret is called.
var confidential = regexp.MustCompile(`(?i)auth|token|key|secret|cookie|passw|credential|session`)

// confide notes where the configuration holds what may be a secret, going by its name.
func (r *reader) confide(n *node, name string) {
	if r.secretAt == nil && confidential.MatchString(name) {
		r.secretAt = n
	}
}

// proxy reads what the downstream is reached through.
func (r *reader) proxy(o object, d *Downstream) {
	n := o.values["proxy"]
	text, ok := r.text(n, "proxy")
	if !ok {
		return
	}
	if text != webhook.NoProxy {
		u, err := webhook.ParseProxy(text)
		if flaw, told := errors.AsType[*event.Error](err); told {
			r.tell(n, "the proxy cannot be used: "+flaw.Err.Error(), flaw.Hint)
			return
		}
		if _, password := u.User.Password(); password {
			r.confide(n, "password")
		}
	}
	d.Proxy = text
}
