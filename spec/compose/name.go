package compose

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// names hands out the Go names of one generated package, each for one thing.
// name -> content of the schema that has it; operations and the templates' own names have no content
type names map[string]string

// claim gives the wanted name, or, where another thing has it, the name with the lowest number that makes it free. Two
// schemas of equal content share a name.
func (n names) claim(want, content string) (name string, shared bool) {
	for i := 1; ; i++ {
		name = want
		if i > 1 {
			name += strconv.Itoa(i)
		}
		owner, taken := n[name]
		if !taken {
			n[name] = content
			return name, false
		}
		if content != "" && owner == content {
			return name, true
		}
	}
}

func (n names) reserve(taken ...string) {
	for _, name := range taken {
		if _, ok := n[name]; !ok {
			n[name] = ""
		}
	}
}

// operationNames gives each event the name of its method: the event's name without the product in front of its first
// dot, or with it where two events would otherwise be called the same.
func operationNames(events []string) map[string]string {
	short := map[string]int{}
	for _, event := range events {
		short[withoutProduct(event)]++
	}
	ids := names{}
	ids.reserve("Handler") // a field of the generated wrapper, whose methods are the operations
	named := map[string]string{}
	for _, event := range events {
		want := withoutProduct(event)
		if short[want] > 1 {
			want = goName(event)
		}
		if want == "" || !unicode.IsUpper(rune(want[0])) || want == "Handler" {
			want = "Event" + want
		}
		named[event], _ = ids.claim(want, "")
	}
	return named
}

func withoutProduct(event string) string {
	if _, rest, found := strings.Cut(event, "."); found && goName(rest) != "" {
		return goName(rest)
	}
	return goName(event)
}

// goName makes one word in Go's way of a name in the sender's: letters and digits of ASCII stay, letters beyond it
// become their code point, all else parts words. It may begin with a digit, and is empty for a name without letters and
// digits.
func goName(s string) string {
	var b strings.Builder
	up := true
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			if up {
				r = unicode.ToUpper(r)
			}
			b.WriteRune(r)
			up = false
		case r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			fmt.Fprintf(&b, "U%04X", r)
			up = true
		default:
			up = true
		}
	}
	return b.String()
}
