package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/textproto"
	"regexp"
	"slices"
	"strings"

	"numhook/server/dispatch/webhook"
	"numhook/server/event"
)

// reserved are the headers that are not for a configuration: they are ours, or say where the request ends.
var reserved = []string{
	"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "Content-Type", "Content-Length", "Content-Encoding",
	"Transfer-Encoding", "Host", "Connection",
	"Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Te", "Trailer", "Upgrade", "Expect", "Accept-Encoding",
}

func canonical(header string) string { return textproto.CanonicalMIMEHeaderKey(header) }

// headers reads what is sent along. No text quotes a value: it may be a credential.
func (e entry) headers() map[string]string {
	n := e.value("headers")
	if n == nil {
		return nil
	}
	headers, before := map[string]string{}, map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, name := n.Content[i], canonical(n.Content[i].Value)
		value := e.value("headers" + child("", key.Value))
		switch {
		case e.keys[e.pointer+"/headers"+child("", key.Value)] == nil: // no name of a header: that has been told
		case slices.Contains(reserved, name):
			e.tell(key, "numhook sets the header "+name+" by itself", "leave it out")
		case before[name] != 0:
			e.tell(key, fmt.Sprintf("the header %s is there already, on line %d; case makes no difference", name, before[name]),
				"leave one of the two out")
		default:
			before[name] = key.Line
			if value != nil && e.headerValue(value, name) {
				headers[key.Value] = value.Value
				e.confide(value, name)
			}
		}
	}
	return headers
}

func (r *reader) headerValue(n *node, name string) bool {
	switch text := n.Value; {
	case strings.Contains(text, "${"):
		r.tell(n, "the header "+name+" holds ${...}, for which nothing is put in", "write the header into a file as "+name+
			": and its value, and name that in headers_file:")
	case strings.TrimSpace(text) != text:
		r.tell(n, "the header "+name+" begins or ends with white space", "leave it out")
	case strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\t' || c > '~' }):
		r.tell(n, "the header "+name+" holds a line end, another control character, or a character that is not ASCII",
			"write it without")
	default:
		return true
	}
	return false
}

// headersFile reads the headers that are not in the configuration itself.
func (e entry) headersFile(d *Downstream) {
	n := e.value("headers_file")
	path, ok := e.private(n, "headers_file")
	if !ok {
		return
	}
	headers, err := webhook.ReadHeaders(path)
	if flaw, told := errors.AsType[*event.Error](err); told {
		e.tell(n, fmt.Sprintf("the headers_file %s: %v", path, flaw.Err),
			cmp.Or(flaw.Hint, "write the name of the right file"))
		return
	}
	for name := range headers {
		for there := range d.Headers {
			if strings.EqualFold(there, name) {
				e.tell(n, "the headers_file has the header "+there+", which is below headers, too", "leave one of the two out")
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
func (e entry) proxy(d *Downstream) {
	n, text := e.value("proxy"), e.text("proxy")
	if n == nil {
		return
	}
	if text != webhook.NoProxy {
		u, err := webhook.ParseProxy(text)
		if flaw, told := errors.AsType[*event.Error](err); told {
			e.tell(n, "the proxy cannot be used: "+flaw.Err.Error(), flaw.Hint)
			return
		}
		if _, password := u.User.Password(); password {
			e.confide(n, "password")
		}
	}
	d.Proxy = text
}
