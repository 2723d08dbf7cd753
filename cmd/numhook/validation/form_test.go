package validation_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"numhook/cmd/numhook/validation"
)

// wideText is the text in UTF-16.
func wideText(text string, order binary.ByteOrder, mark bool) string {
	if mark {
		text = "\ufeff" + text
	}
	var out bytes.Buffer
	_ = binary.Write(&out, order, utf16.Encode([]rune(text))) // a bytes.Buffer takes everything
	return out.String()
}

func TestTextsThatAreNotUTF8(t *testing.T) {
	good := line(goodObject) + "\n" + line(goodObject) + "\n"
	for name, text := range map[string]string{
		"a.json": wideText(line(goodObject), binary.LittleEndian, true), "b.ndjson": wideText(good, binary.BigEndian, true),
		"c.ndjson": wideText(good, binary.LittleEndian, false), "d.jsonl": wideText("[7]", binary.BigEndian, false),
		"e.json.gz": zipped(wideText(good, binary.LittleEndian, true)), "f": wideText(good, binary.LittleEndian, true),
	} {
		got := run(t, validation.Options{Paths: []string{file(t, name, text)}})
		if positions(got.findings) != "1:1 utf8 \n" || !strings.HasPrefix(got.findings[0].Message, "the text is UTF-16, ") ||
			got.summary.Unreadable != 0 {
			t.Errorf("%s: got %s%v", name, positions(got.findings), got.unread)
		}
	}
	name := file(t, "g.json", "{\x00\x00\x00}\x00\x00\x00")
	if got := run(t, validation.Options{Paths: []string{name}}); !strings.HasPrefix(got.findings[0].Message,
		"the text is UTF-32, ") {
		t.Errorf("got %+v", got.findings)
	}
}

func TestFilesThatAreToBeUnpacked(t *testing.T) {
	for text, want := range map[string]string{
		"PK\x03\x04rest":                      "it is a zip archive: unpack it first",
		zipped(line(goodObject)):              "it is gzip data: name it *.gz, or unpack it on the way, such as with zcat",
		"\x28\xb5\x2f\xfd" + line(goodObject): "it is packed with zstd: unpack it first",
		"BZh91AY":                             "it is packed with bzip2: unpack it first",
	} {
		for _, name := range []string{"a.json", "a.ndjson", "a"} {
			got := run(t, validation.Options{Paths: []string{file(t, name, text)}})
			if len(got.findings) != 0 || strings.Join(got.unread, "\n") != "cannot read "+name+": "+want {
				t.Errorf("%s: got %+v, %v", name, got.findings, got.unread)
			}
		}
		got := run(t, validation.Options{Paths: []string{"-"}, Stdin: strings.NewReader(text)})
		if strings.Join(got.unread, "\n") != "cannot read -: "+want {
			t.Errorf("standard input: got %v", got.unread)
		}
	}
	// twice packed
	got := run(t, validation.Options{Paths: []string{file(t, "a.ndjson.gz", zipped("PK\x03\x04"))}})
	if len(got.unread) != 1 || !strings.HasSuffix(got.unread[0], "it is a zip archive: unpack it first") {
		t.Errorf("got %v", got.unread)
	}
}

// pretty is a payload as people read it, on eleven lines.
func pretty(carrier string) string {
	return "{\n  \"event\": \"" + cnamEvent + "\",\n  \"event_ts\": 1739927164902,\n  \"payload\": {\n    " +
		"\"account_id\": \"A\",\n" +
		"    \"object\": {\n      \"carrier_code\": " + carrier + ",\n      \"phone_numbers\": [\"+12025550143\"],\n" +
		"      \"cnam\": \"EXAMPLE\"}\n  }\n}"
}

func TestPrettyPayloadsAmongLines(t *testing.T) {
	good := line(goodObject)
	for _, one := range []struct {
		name, text, found string
		payloads          int
	}{
		{"alone", pretty("1"), "1:1 payload-line \n", 1},
		{"with a fault", pretty(`"x"`) + "\n", "1:1 payload-line \n7:23 type /payload/object/carrier_code\n", 1},
		{"among others", good + "\n" + pretty("1") + "\n" + good + "\n" + pretty("2") + "\n{\"event\":7}\n",
			"2:1 payload-line \n14:1 payload-line \n25:10 type /event\n", 5},
		{"with CRLF", strings.ReplaceAll(pretty("1")+"\n"+good+"\n", "\n", "\r\n"), "1:1 payload-line \n", 2},
		{"an array", "[\n" + good + ",\n" + good + "\n]\n", "1:1 payload-line \n1:1 type \n", 1},
		{"a line that was cut off", `{"event":"x","payload":{` + "\n" + good + "\n" + good, "1:25 syntax /payload\n", 3},
		{"one that was cut off in a string", `{"event":"x` + "\n" + good + "\n", "1:12 syntax /event\n", 2},
		{"cut off at the end", good + "\n{\n  \"event\":\n", "2:2 syntax \n3:3 trailing-data \n", 3},
	} {
		got := run(t, validation.Options{Paths: []string{file(t, "a.ndjson", one.text)}})
		if one.name == "cut off at the end" || strings.HasPrefix(one.name, "one that") ||
			strings.HasPrefix(one.name, "a line") {
			// what the contract says of broken lines is held elsewhere; here no good line may be lost
			if strings.Contains(positions(got.findings), "payload-line") || got.summary.Payloads != one.payloads {
				t.Errorf("%s: got %+v\n%s", one.name, got.summary, positions(got.findings))
			}
			continue
		}
		if positions(got.findings) != one.found || got.summary.Payloads != one.payloads {
			t.Errorf("%s: want\n%sgot %+v\n%s", one.name, one.found, got.summary, positions(got.findings))
		}
	}
	// over the borders of blocks
	const count = 3_000
	got := run(t,
		validation.Options{Paths: []string{file(t, "a.ndjson", strings.Repeat(pretty("1")+"\n"+good+"\n", count))}})
	if got.summary.Payloads != 2*count || got.summary.Errors != count {
		t.Errorf("got %+v", got.summary)
	}
	for i, f := range got.findings {
		if f.Rule != "payload-line" || f.Line != 12*i+1 {
			t.Fatalf("finding %d: got %+v", i, f)
		}
	}
}
