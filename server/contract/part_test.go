package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"numhook/server/contract"
)

func TestParts(t *testing.T) {
	const body = "\xef\xbb\xbf {\"a/b\":{\"c\":[1,{\"d\":\"x\\n\\u00e9\"}, [2]]}, \"*\":7, \"e\":null}"
	for path, want := range map[string]string{
		"":          "whole",
		"a/b":       `/a~1b {"c":[1,{"d":"x\n\u00e9"}, [2]]}`,
		"a/b c 0":   "/a~1b/c/0 1",
		"a/b c 00":  "",
		"a/b c 3":   "",
		"a/b c 2":   "/a~1b/c/2 [2]",
		"a/b c * d": `/a~1b/c/1/d "x\n\u00e9" = ` + "x\né",
		"*":         `/a~1b {"c":[1,{"d":"x\n\u00e9"}, [2]]};/* 7;/e null`,
		"e x":       "",
		"A/B":       "",
	} {
		var list []string
		for _, part := range contract.Parse([]byte(body)).Parts(strings.Fields(path)...) {
			one := fmt.Sprintf("%s %s", part.Pointer, body[part.Start:part.End])
			if part.IsText {
				one += " = " + part.Text
			}
			list = append(list, one)
		}
		if got := strings.Join(list, ";"); got != want && (want != "whole" || got != " "+body[4:]) {
			t.Errorf("%q: want %q, got %q", path, want, got)
		}
	}
	for _, broken := range []string{"", "{", `{"a":1`, `{"a":1} x`, `{"a":"` + "\xff" + `"}`} {
		if parts := contract.Parse([]byte(broken)).Parts("a"); parts != nil {
			t.Errorf("%q: got %v", broken, parts)
		}
	}
}
