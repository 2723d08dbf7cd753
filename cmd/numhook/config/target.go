package config

import (
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"numhook/server/dispatch/command"
	"numhook/server/dispatch/filelog"
	"numhook/server/dispatch/netguard"
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

var schemeForm = regexp.MustCompile(`^([a-z][a-z0-9+.-]*):(.*)$`)

// schemeOf is the scheme of a url, and whether it is one that is known.
func schemeOf(n *node) (Scheme, bool) {
	if n == nil {
		return "", false
	}
	scheme, _, _ := strings.Cut(n.Value, ":")
	return Scheme(scheme), strings.Contains(n.Value, ":") && slices.Contains(schemes, scheme)
}

// target reads where the changes go. No text quotes more of the URL than its scheme: the rest may hold a credential.
func (e entry) target(d *Downstream) {
	n, text := e.value("url"), e.text("url")
	if n == nil {
		return
	}
	parts := schemeForm.FindStringSubmatch(text)
	if parts == nil || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		e.tell(n, "the url is not one", "write one of "+oneOf(schemes)+", such as "+forms[HTTPS])
		return
	}
	scheme, known := schemeOf(n)
	rest := parts[2]
	if !known {
		wrong, instead := "the url has an unknown scheme", "write one of "+oneOf(schemes)
		if strings.HasPrefix(rest, "//") {
			wrong = "unknown scheme " + quoted(parts[1])
		}
		if meant := nearest(parts[1], schemes); meant != "" {
			instead = "write " + meant
		}
		e.tell(n, wrong, instead)
		return
	}
	d.Scheme = scheme
	switch scheme {
	case HTTPS, HTTP:
		e.web(n, text, d)
	case NATS, Kafka:
		e.broker(n, rest, d)
	case Exec, File:
		e.local(n, rest, d)
	}
}

// web reads the URL of something that takes POSTs.
func (r *reader) web(n *node, text string, d *Downstream) {
	u, err := url.Parse(text)
	wrong, instead := "", "write it as "+forms[d.Scheme]
	switch {
	case err != nil:
		wrong, instead = "the url is not one", instead+", with % and two hex digits for every character that has a meaning "+
			"of its own there"
	case strings.Contains(text, "${"):
		wrong, instead = "the url holds ${...}, for which nothing is put in", "write it out"
	case u.User != nil:
		wrong, instead = "the url holds user information, which ends up in logs",
			"leave it out, and write a credential below headers: (authorization: ...)"
	case u.Hostname() == "":
		wrong = "the url names no host"
	case !goodPort(u.Port()) || strings.HasSuffix(u.Host, ":"):
		wrong, instead = "the port of the url is not one of 1 to 65535", instead+" or with a port behind the host"
	case strings.Contains(text, "#"):
		wrong, instead = "the url has a fragment (#...), which no server ever sees", "leave it out, or write # as %23"
	case isGuarded(u.Hostname()) && !d.AllowPrivate:
		r.tellGuarded(n)
		return
	default:
		d.URL = text
		for name := range u.Query() {
			r.confide(n, name)
		}
		return
	}
	r.tell(n, wrong, instead)
}

// isGuarded reports whether a host will be refused when it is connected to, as far as its name alone tells.
func isGuarded(host string) bool {
	address, err := netip.ParseAddr(host)
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	return err == nil && netguard.Guarded(address) || name == "localhost" || strings.HasSuffix(name, ".localhost")
}

func (r *reader) tellGuarded(n *node) {
	r.tell(n, "the host of the url is "+netguard.GuardedReason, "write allow_private: true, too, if it is meant")
}

func goodPort(port string) bool {
	number, err := strconv.Atoi(port)
	return port == "" || err == nil && number >= 1 && number <= 65535
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
	if d.Scheme == Exec {
		switch info, err := os.Stat(d.Path); {
		case err != nil:
			r.tell(n, fmt.Sprintf("the program %s cannot be run: %v", d.Path, bare(err)), "write the name of a program that "+
				"is there; a relative one is looked for beside this file")
		case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
			r.tell(n, fmt.Sprintf("the program %s cannot be run", d.Path), "write the name of a program, or run chmod +x "+
				d.Path)
		case info.Mode()&0o002 != 0:
			r.tell(n, fmt.Sprintf("the program %s can be changed by everybody, who then run what they like as numhook's user",
				d.Path), "run chmod o-w "+d.Path)
		default:
			if wrong, hint := command.Flaw(d.Path); wrong != "" {
				r.tell(n, fmt.Sprintf("the program %s cannot be run: %s", d.Path, wrong), hint)
			}
		}
		return
	}
	r.written(n, d.Path)
}

// unready tells of what must become another way before a change can be written. Serve takes deliveries in meanwhile,
// and attempts wait.
func (r *reader) unready(n *node, wrong, instead string) {
	if r.serving {
		r.warn(n, wrong, instead)
		return
	}
	r.tell(n, wrong, instead)
}

// written looks at what is there already, and at the folder.
func (r *reader) written(n *node, path string) {
	if wrong, instead := filelog.Flaw(path); wrong != "" {
		r.unready(n, "the file "+path+" is not written to: "+wrong, instead)
	} else if info, err := os.Stat(path); err == nil && info.Mode()&0o022 != 0 && runtime.GOOS != "windows" {
		r.warn(n, fmt.Sprintf("others can write to the file %s (mode %04o), which serve ends", path, info.Mode().Perm()),
			"run chmod go-w "+path)
	}
	folder := filepath.Dir(path)
	info, err := os.Stat(folder)
	switch {
	case err != nil || !info.IsDir():
		r.unready(n, "the folder "+folder+" is not there", "make it, or write another one")
	case info.Mode()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 && runtime.GOOS != "windows":
		r.warn(n, "everybody can rename and remove files in the folder "+folder, "run chmod o-w "+folder)
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
