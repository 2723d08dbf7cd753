package settings

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"numhook/server/dispatch/program"
	"numhook/server/event"
)

// keys are those of a downstream, in the order in which they are explained, and the schemes that each goes with: nil for all.
var keys = []struct {
	name    string
	schemes []Scheme
}{
	{"name", nil}, {"url", nil}, {"mode", nil}, {"start", nil}, {"events", nil}, {"only", nil},
	{"secret_file", []Scheme{HTTPS, HTTP}}, {"headers", []Scheme{HTTPS, HTTP}}, {"headers_file", []Scheme{HTTPS, HTTP}},
	{"timeout", nil}, {"concurrency", nil}, {"rate", nil}, {"retry", nil},
	{"allow_private", []Scheme{HTTPS, HTTP, NATS, Kafka}},
	{"ca_file", []Scheme{HTTPS, NATS, Kafka}}, {"client_cert", []Scheme{HTTPS, NATS, Kafka}}, {"client_key", []Scheme{HTTPS, NATS, Kafka}},
	{"proxy", []Scheme{HTTPS, HTTP}}, {"args", []Scheme{Exec}}, {"env", []Scheme{Exec}}, {"rotate", []Scheme{File}}, {"keep", []Scheme{File}},
}

func keyNames() (names []string) {
	for _, key := range keys {
		names = append(names, key.name)
	}
	return names
}

// downstream reads one entry of the list. name is where its name stands, if it has a good one.
func (r *reader) downstream(n *node) (d Downstream, name *node, ok bool) {
	d = Downstream{
		Downstream: event.Downstream{Mode: event.Latest, Start: event.FromNow},
		Line:       n.Line, Timeout: defaultTimeout, Concurrency: defaultConcurrency, Backoff: defaultBackoff,
	}
	o, ok := r.object(n, "a downstream", keyNames()...)
	if !ok {
		return d, nil, false
	}
	if d.Name, ok = r.name(o); ok {
		name = o.values["name"]
	}
	d.AllowPrivate = r.yes(o.values["allow_private"], "allow_private")
	r.target(o, &d)
	r.fit(o, d.Scheme)
	if mode, ok := word(r, o.values["mode"], "mode", event.Latest, event.Every); ok {
		d.Mode = mode
	}
	if start, ok := word(r, o.values["start"], "start", event.FromNow, event.FromBeginning, event.FromSnapshot); ok {
		d.Start = start
	}
	d.Events = r.eventNames(o)
	d.Only = r.only(o)
	r.pace(o, &d)
	r.secrets(o, &d)
	d.Headers = r.headers(o)
	r.headersFile(o, &d)
	r.proxy(o, &d)
	r.certificates(o, &d)
	r.brokerURL(o, &d)
	r.arguments(o, &d)
	r.environment(o, &d)
	r.rotation(o, &d)
	return d, name, true
}

// fit tells of keys that say nothing for the scheme. Of an unknown scheme it says nothing.
func (r *reader) fit(o object, scheme Scheme) {
	if scheme == "" {
		return
	}
	for _, key := range keys {
		at := o.keys[key.name]
		if at == nil || key.schemes == nil || slices.Contains(key.schemes, scheme) {
			continue
		}
		var with []string
		for _, one := range key.schemes {
			with = append(with, string(one))
		}
		r.tell(at, fmt.Sprintf("the key %s goes with %s, and not with %s", key.name, oneOf(with), scheme), "leave it out, or write another url")
		o.values[key.name] = nil
	}
}

var nameForm = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

func (r *reader) name(o object) (string, bool) {
	if o.lacks("name") {
		r.tell(o.node, "the downstream has no name", "write name: and a word that stays the same, such as e911")
		return "", false
	}
	n := o.values["name"]
	name, ok := r.text(n, "name")
	if ok && !nameForm.MatchString(name) {
		r.tell(n, "the name "+quoted(name)+" has other characters than those of a name, or more than 64", "write it in lower-case letters, digits, - and _")
		return "", false
	}
	return name, ok
}

// eventNames reads which of the sender's events are wanted.
func (r *reader) eventNames(o object) []string {
	if o.values["events"] == nil {
		return nil
	}
	return r.words(o.values["events"], "events", func(word *node) (string, string) {
		if slices.Contains(r.events, word.Value) {
			return "", ""
		}
		instead := "write one of " + oneOf(r.events)
		if meant := nearest(word.Value, r.events); meant != "" {
			instead = "write " + meant
		}
		return "unknown event " + quoted(word.Value), instead
	})
}

var (
	countryForm = regexp.MustCompile(`^[A-Z]{2}$`)
	prefixForm  = regexp.MustCompile(`^\+[1-9][0-9]{0,14}$`)
)

// only reads the filter.
func (r *reader) only(o object) (only event.Only) {
	n := o.values["only"]
	if n == nil {
		return only
	}
	filter, ok := r.object(n, "only", "carrier_codes", "countries", "prefixes")
	if !ok {
		return only
	}
	if codes := filter.values["carrier_codes"]; codes != nil {
		only.CarrierCodes = r.carrierCodes(codes)
	}
	if countries := filter.values["countries"]; countries != nil {
		only.Countries = r.words(countries, "countries", func(word *node) (string, string) {
			if countryForm.MatchString(word.Value) {
				return "", ""
			}
			return "the country " + quoted(word.Value) + " is not in the form of ISO 3166 alpha-2", "write two capital letters, such as US"
		})
	}
	if prefixes := filter.values["prefixes"]; prefixes != nil {
		only.Prefixes = r.words(prefixes, "prefixes", func(word *node) (string, string) {
			if prefixForm.MatchString(word.Value) {
				return "", ""
			}
			return "the prefix " + quoted(word.Value) + " is not the beginning of a number in E.164 form", `write a plus sign and digits between quotes, such as "+1312"`
		})
	}
	return only
}

func (r *reader) carrierCodes(n *node) (codes []int32) {
	elements, ok := r.list(n, "carrier_codes")
	if ok && len(elements) == 0 {
		r.tell(n, "carrier_codes is an empty list", "leave carrier_codes out to let everything pass")
	}
	for _, element := range elements {
		code, ok := r.whole(element, "a carrier code", -1<<31, 1<<31-1)
		switch {
		case ok && slices.Contains(codes, int32(code)):
			r.tell(element, fmt.Sprintf("the carrier code %d is in the list twice", code), "leave it out here")
		case ok:
			codes = append(codes, int32(code))
		}
	}
	return codes
}

// arguments reads those of a program, in which every text is allowed.
func (r *reader) arguments(o object, d *Downstream) {
	elements, _ := r.list(o.values["args"], "args")
	for _, element := range elements {
		if element.Value == "" && element.ShortTag() == "!!str" {
			d.Args = append(d.Args, "")
		} else if arg, ok := r.text(element, "an entry of args"); ok {
			r.confide(element, arg)
			d.Args = append(d.Args, arg)
		}
	}
}

// environment reads which of numhook's variables a program gets. One that is not there is told of, and not refused: the configuration may be checked elsewhere.
func (r *reader) environment(o object, d *Downstream) {
	if o.values["env"] == nil {
		return
	}
	d.Env = r.words(o.values["env"], "env", func(word *node) (string, string) {
		wrong, instead := program.FlawOfVariable(word.Value)
		if wrong == "" {
			if _, there := os.LookupEnv(word.Value); !there {
				r.warn(word, "the variable "+word.Value+" is not set, and the program does not get it", "set it for numhook, or leave it out")
			}
			return "", ""
		}
		name, _, _ := strings.Cut(word.Value, "=") // what stands behind it may be a secret
		return "the variable " + quoted(name) + " " + wrong, instead
	})
}

// The bounds of a file's rotation.
const (
	defaultRotate = 100 << 20
	leastRotate   = 1 << 10
	mostRotate    = 1 << 40
	mostKept      = 100_000
)

func (r *reader) rotation(o object, d *Downstream) {
	if d.Scheme == File {
		d.Rotate = defaultRotate
	}
	if size, ok := r.size(o.values["rotate"], "rotate", leastRotate, mostRotate); ok {
		d.Rotate = size
	}
	if keep, ok := r.whole(o.values["keep"], "keep", 1, mostKept); ok {
		d.Keep = int(keep)
	}
}
