package validation_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"

	"numhook/cmd/numhook/validation"
)

// ruler counts to a byte of a text in the plainest way, one character after the other: lines by LF, CR and CRLF,
// columns in UTF-16 code units, a byte order mark at the beginning as nothing. It is asked in ascending order.
type ruler struct {
	text             string
	at, line, column int
}

func (r *ruler) position(offset int) (line, column int) {
	for i, c := range r.text[r.at:offset] {
		i += r.at
		switch {
		case c == '\ufeff' && i == 0:
		case c == '\n', c == '\r' && !strings.HasPrefix(r.text[i:], "\r\n"):
			r.line, r.column = r.line+1, 0
		default:
			r.column += utf16.RuneLen(c)
		}
	}
	r.at = offset
	return r.line + 1, r.column + 1
}

func TestPositions(t *testing.T) {
	fault := strings.Replace(goodObject, "3457", `"FAULT"`, 1)
	pretty := strings.Replace(example(t, cnamEvent), "3457", `"FAULT"`, 1)
	var elements []string
	for i := range 200 {
		text := strings.Replace(line(goodObject), `"A"`, fmt.Sprintf("\"ä%d\u00a0😀\"", i), 1)
		if i == 137 {
			text = strings.Replace(line(fault), `"A"`, `"😀é"`, 1)
		}
		elements = append(elements, text)
	}
	array := "[" + strings.Join(elements, ",\n  ") + "]"
	for name, text := range map[string]string{
		"pretty.json":         pretty,
		"tabs.json":           strings.ReplaceAll(pretty, "  ", "\t"),
		"crlf.json":           strings.ReplaceAll(pretty, "\n", "\r\n"),
		"cr.json":             strings.ReplaceAll(pretty, "\n", "\r"),
		"bom.json":            "\ufeff" + strings.TrimPrefix(line(fault), " "),
		"bom-crlf.json":       "\ufeff" + strings.ReplaceAll(pretty, "\n", "\r\n"),
		"wide.json":           strings.Replace(line(fault), `"A"`, `"Zürich 東京 😀👩‍👩‍👧"`, 1),
		"array.json":          array,
		"array-bom.json":      "\ufeff" + array,
		"array-one-line.json": strings.ReplaceAll(array, "\n  ", ""),
		"array-tabs.json":     strings.ReplaceAll(array, "\n  ", "\r\n\t"),
		"array-pretty.json": "[\n" + strings.Repeat(example(t, cnamEvent)+",\r\n", 137) + pretty + "\n, " +
			example(t, cnamEvent) + "]\n",
		"lines.ndjson":      strings.Join(elements, "\n"),
		"lines-crlf.ndjson": strings.Join(elements, "\r\n") + "\r\n",
		"lines-bom.jsonl":   "\ufeff" + strings.Join(elements, "\n") + "\n",
		"lines-space.jsonl": "\n\n \t \r\n" + strings.Join(elements, " \n\t  ") + "\n",
		"lines-cr.ndjson":   strings.ReplaceAll(strings.Join(elements, "\n"), `,"event_ts"`, "\r,\"event_ts\""),
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, validation.Options{Paths: []string{file(t, name, text)}})
			if len(got.findings) == 0 {
				t.Fatal("nothing was found")
			}
			f := got.findings[len(got.findings)-1]
			line, column := (&ruler{text: text}).position(strings.Index(text, `"FAULT"`))
			if f.Line != line || f.Column != column || f.Rule != "type" || f.Pointer != "/payload/object/carrier_code" ||
				got.summary.Errors != 1 {
				t.Errorf("want %d:%d, got %+v", line, column, got.findings)
			}
			if strings.Contains(text, "😀é") && f.Payload != 138 {
				t.Errorf("it is in payload %d", f.Payload)
			}
		})
	}
}

// TestPositionsAcrossBlocks has files of many blocks, whose payloads are of all lengths, so that every kind of place
// meets a block's end.
func TestPositionsAcrossBlocks(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	filler := []string{"x", "é", "東", "😀", `\n`, `\"`, `\\`, "[", "{", "]", "}", ","}
	for _, kind := range []struct{ name, begin, separator, end string }{
		{"a.ndjson", "", "\r\n", ""},
		{"b.json", "[", ",\r\n\t", "\n]"},
		{"c.json", " [ ", ",", "]"},
		{"d.json", "[\r", "\r,\r\n", "\r]\r\n"},
		{"e.txt", "", "\n", "\n"},
	} {
		var text strings.Builder
		var want []int
		text.WriteString(kind.begin)
		for i := 0; text.Len() < 3<<20; i++ {
			if i > 0 {
				text.WriteString(kind.separator)
			}
			long := random.IntN(2000)
			if random.IntN(500) == 0 {
				long = random.IntN(400_000)
			}
			accountID := ""
			for len(accountID) < long {
				accountID += strings.Repeat(filler[random.IntN(len(filler))], 1+random.IntN(long))
			}
			payload := strings.Replace(line(goodObject), `"A"`, `"A`+accountID+`"`, 1)
			if random.IntN(4) == 0 {
				want = append(want, text.Len()+strings.Index(payload, "3457"))
				payload = strings.Replace(payload, "3457", "1.50", 1)
			}
			text.WriteString(payload)
		}
		text.WriteString(kind.end)
		whole := text.String()
		got := run(t, validation.Options{Paths: []string{file(t, kind.name, whole)}})
		if len(got.findings) != len(want) || len(want) < 20 {
			t.Fatalf("%s: want %d findings, got %d: %s", kind.name, len(want), len(got.findings),
				got.report[:min(len(got.report), 1000)])
		}
		count := &ruler{text: whole}
		for i, f := range got.findings {
			if line, column := count.position(want[i]); f.Line != line || f.Column != column {
				t.Fatalf("%s: want %d:%d, got %+v", kind.name, line, column, f)
			}
		}
	}
}

func TestSyntaxErrorsHavePositions(t *testing.T) {
	good := line(goodObject)
	for _, one := range []struct{ name, text, want string }{
		{"cut.json", "{\n \"event\": ", "2:11 syntax /event\n"},
		{"empty.json", "", "1:1 empty \n"},
		{"blank.json", " \n ", "2:2 empty \n"},
		{"two.json", good + "\n" + good, "2:1 trailing-data \n"},
		{"comma.json", "{\"event\":\"x\",}", "1:14 syntax \n"},
		{"utf8.json", "{\"event\":\"\xff\"}", "1:11 utf8 /event\n"},
		{"lines.ndjson", good + "\n{\"event\":\n" + good + "\r\n{]\r\n", "2:10 syntax /event\n4:2 syntax \n"},
		{"element.json", "[" + good + ",\n{\"event\" 1}, " + good + "]", "2:10 syntax \n"},
		{"missing-comma.json", "[" + good + "\n" + good + "]", "2:1 syntax \n"},
		{"last-comma.json", "[" + good + ",\n]", "2:1 syntax \n"},
		{"first-comma.json", "[,", "1:2 syntax \n"},
		{"open.json", "[" + good + "\n", "2:1 syntax \n"},
		{"open-comma.json", "[" + good + ",\n ", "2:2 syntax \n"},
		{"open-element.json", "[" + good + ",\n {\"event\":", "2:11 syntax /event\n"},
		{"open-number.json", "[\n7", "2:1 type \n2:2 syntax \n"},
		{"after.json", "[" + good + "]\nx", "2:1 trailing-data \n"},
		{"wrong-bracket.json", "[\n{\"event\":[}, " + good + "]", "2:11 syntax /event/0\n"},
		{"open-quote.json", "[{\"event\":\"x,\n" + good + "]", "1:14 syntax /event\n"},
		{"word.json", "[tru]", "1:2 syntax \n"},
		{"colon.json", "[:]", "1:2 syntax \n"},
		{"junk.json", "\x00\x01\x02\xff", "1:1 syntax \n"},
	} {
		got := run(t, validation.Options{Paths: []string{file(t, one.name, one.text)}})
		if positions(got.findings) != one.want || got.err != nil {
			t.Errorf("%s: want\n%sgot\n%s%v", one.name, one.want, positions(got.findings), got.err)
		}
	}
}
