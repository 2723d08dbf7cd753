package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// writes counts what is written to it.
type writes struct {
	strings.Builder
	count int
}

func (w *writes) Write(b []byte) (int, error) {
	w.count++
	return w.Builder.Write(b)
}

// A page of a table is written in few pieces, and when it is complete.
func TestTableIsWrittenInLargePieces(t *testing.T) {
	out := &writes{}
	l := newList[rowChanged](out, &listFlags{format: &choice{value: "text"}}, "NUMBER", "WHY")
	row := func() {
		for range 100 {
			l.entry(nil, []string{"+12025550143", "it is not what the event that it comes from says"})
		}
	}
	calls := 0
	err := l.pages(0, func(want int) (int, error) {
		if calls++; calls > 1 {
			if lines := strings.Count(out.String(), "\n"); lines != 101 {
				t.Errorf("%d lines are there before the second page, want 101", lines)
			}
			row()
			return want - 1, nil
		}
		row()
		return want, nil
	})
	if lines := strings.Count(out.String(), "\n"); err != nil || lines != 201 || out.count != 2 {
		t.Errorf("%d lines in %d pieces, %v; want 201 in 2", lines, out.count, err)
	}
}

// A table fits the screen whatever it holds, and a wide one shows all.
func TestTableFitsTheScreen(t *testing.T) {
	columns := []string{"ID", "DOWNSTREAM", "NUMBER", "STATE wide", "EVENT", "REASON"}
	row := []string{"1234567", strings.Repeat("d", 200), "+120255501431234", "waiting", strings.Repeat("\x1b", 50),
		strings.Repeat("é", 500)}
	for _, wide := range []bool{false, true} {
		out := &writes{}
		l := newList[rowChanged](out, &listFlags{format: &choice{value: "text"}, wide: &wide}, columns...)
		l.entry(nil, row)
		l.entry(nil, []string{"1", "d", "-", "dead", "e", "r"})
		if err := l.close(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			width := utf8.RuneCountInString(strings.TrimSuffix(line, "\n"))
			if strings.Contains(line, "waiting") != (wide && strings.HasPrefix(line, "1234567")) ||
				width > screenWidth && !wide {
				t.Errorf("wide %t: %d characters: %s", wide, width, line)
			}
		}
	}
}

func TestCSV(t *testing.T) {
	out := &writes{}
	l := newList[deliveryRow](out, &listFlags{format: &choice{value: "csv"}})
	l.entry(deliveryRow{ID: 7, Downstream: "=1+1", Number: "+12025550143", Value: json.RawMessage(`{"a":"\"\u001b"}`),
		Reason: "-a\x1b,\"b\"", Output: "not in a list"})
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	header, rest, _ := strings.Cut(out.String(), "\n")
	if want := "id,change_id,downstream,number,attribute,state,event_id,event,event_ts,value,tries,since,due,attempted," +
		"reason"; header != want {
		t.Errorf("header %s", header)
	}
	if want := `7,,'=1+1,+12025550143,,,` + strings.Repeat("0", 64) + `,,0,"{""a"":""\""\u001b""}",0,` +
		`0001-01-01T00:00:00Z,,,"'-a\u001b,""b"""` + "\n"; rest != want {
		t.Errorf("record\n%s\nwant\n%s", rest, want)
	}
}

func TestPlainValue(t *testing.T) {
	for value, want := range map[string]string{
		`"ACME"`: "ACME", `{"zip":"20001","address_line1":"1 A St","address_line2":"","x":{"y":1},` +
			`"city":"W"}`: "1 A St, W, " +
			`20001, {"y":1}`, "7": "7",
	} {
		if got := plainValue(json.RawMessage(value)); got != want {
			t.Errorf("%s is shown as %s, want %s", value, got, want)
		}
	}
}
