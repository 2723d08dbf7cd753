package config

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"

	"numhook/server/dispatch/command"
	"numhook/server/event"
)

// downstream reads one entry of the list.
func (e entry) downstream(n *node) Downstream {
	d := Downstream{
		Downstream: event.Downstream{
			Name:   e.text("name"),
			Mode:   cmp.Or(event.Mode(e.text("mode")), event.Latest),
			Start:  cmp.Or(event.Start(e.text("start")), event.FromNow),
			Events: e.eventNames(),
			Only: event.Only{
				CarrierCodes: e.carrierCodes(), Countries: e.texts("only/countries"), Prefixes: e.texts("only/prefixes"),
			},
		},
		Line: n.Line, AllowPrivate: e.text("allow_private") == "true",
	}
	e.target(&d)
	e.pace(&d)
	e.secrets(&d)
	d.Headers = e.headers()
	e.headersFile(&d)
	e.proxy(&d)
	e.certificates(&d)
	e.brokerURL(&d)
	e.arguments(&d)
	e.environment(&d)
	e.rotation(&d)
	return d
}

// number is the whole number behind a key, which the schema found good; 0 when there is none.
func (e entry) number(key string) int {
	number, _ := strconv.Atoi(e.text(key))
	return number
}

// eventNames reads which of the sender's events are wanted.
func (e entry) eventNames() (names []string) {
	for _, text := range e.list("events") {
		if !slices.Contains(e.events, text.Value) {
			e.tellUnknown(text, "event", e.events)
			continue
		}
		names = append(names, text.Value)
	}
	return names
}

func (e entry) carrierCodes() (codes []int32) {
	for _, text := range e.texts("only/carrier_codes") {
		code, _ := strconv.ParseInt(text, 10, 32) // the schema has the bounds
		codes = append(codes, int32(code))
	}
	return codes
}

// arguments reads those of a program, in which every text is allowed.
func (e entry) arguments(d *Downstream) {
	d.Args = e.texts("args")
	for _, arg := range e.list("args") {
		e.confide(arg, arg.Value)
	}
}

// environment reads which of numhook's variables a program gets. One that is not there is told of, and not refused: the
// configuration may be checked elsewhere.
func (e entry) environment(d *Downstream) {
	for _, text := range e.list("env") {
		wrong, instead := command.FlawOfVariable(text.Value)
		if wrong != "" {
			name, _, _ := strings.Cut(text.Value, "=") // what stands behind it may be a secret
			e.tell(text, "the variable "+quoted(name)+" "+wrong, instead)
			continue
		}
		if _, there := os.LookupEnv(text.Value); !there {
			e.warn(text, "the variable "+text.Value+" is not set, and the program does not get it",
				"set it for numhook, or leave it out")
		}
		d.Env = append(d.Env, text.Value)
	}
}

// The bounds of a file's rotation.
const (
	defaultRotate = 100 << 20
	leastRotate   = 1 << 10
	mostRotate    = 1 << 40
)

func (e entry) rotation(d *Downstream) {
	if d.Scheme != File {
		return
	}
	d.Rotate, d.Keep = defaultRotate, e.number("keep")
	if size, ok := e.size(e.value("rotate"), "rotate", leastRotate, mostRotate); ok {
		d.Rotate = size
	}
}
