package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTheHeadersFile(t *testing.T) {
	at := folder(t)
	write(t, at, "good.headers", "Authorization: Bearer x\n", 0o600)
	write(t, at, "open.headers", "Authorization: Bearer x\n", 0o644)
	write(t, at, "bad.headers", "Authorization: Bearer x\nhunter2\n", 0o600)
	s, err := load(t, at, good+"  headers: {a: b}\n  headers_file: good.headers\n")
	if err != nil || s.Downstreams[0].HeadersFile != filepath.Join(at, "good.headers") || len(s.Warnings) != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	for lines, want := range map[string]string{
		"  headers_file: none": "5:17: the headers_file DIR/none cannot be read: no such file or directory" + absent,
		"  headers_file: open.headers": "5:17: the headers_file DIR/open.headers can be read by others (mode 0644); run " +
			"chmod 600 DIR/open.headers",
		"  headers_file: bad.headers": "5:17: the headers_file DIR/bad.headers: line 2 is no header; write Name: value, " +
			"one a line",
		"  headers: {authorization: x}\n  headers_file: good.headers": "6:17: the headers_file has the header " +
			"authorization, which is below headers, too; " +
			"leave one of the two out",
	} {
		if got := complaints(t, at, good+lines+"\n"); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q, want %q", lines, got, want)
		}
	}
}

// A configuration that others can read and that holds what may be a secret is told of, and never quoted.
func TestSecretsInAConfigurationThatOthersCanRead(t *testing.T) {
	at := folder(t)
	path := filepath.Join(at, "numhook.yaml")
	for text, want := range map[string]string{
		good + "  headers: {Authorization: Bearer hunter2}\n":                                     "5:28",
		good + "  headers: {X-Api-Key: hunter2}\n":                                                "5:24",
		good + "  headers: {cookie: a=hunter2}\n":                                                 "5:21",
		"downstreams:\n- {name: a, url: 'https://h/x?token=hunter2', secret_file: good.secret}\n": "2:18",
		"downstreams:\n- {name: a, url: 'exec:run', args: ['--password=hunter2']}\n":              "2:37",
		good + "  headers: {X-Carrier: a}\n":                                                      "",
		"downstreams:\n- {name: a, url: 'exec:run', args: ['--database=a']}\n":                    "",
	} {
		for mode, others := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true, 0o644: true} {
			write(t, at, "numhook.yaml", text, mode)
			s, err := Load(path, known)
			if err != nil {
				t.Fatal(err)
			}
			if told := len(s.Warnings) > 0; told != (others && want != "") {
				t.Errorf("%04o: %s: %v", mode, text, s.Warnings)
			}
			for _, w := range s.Warnings {
				if !strings.HasPrefix(w.String(), path+":"+want+": what stands here may be a secret, and others can read the "+
					"configuration (mode 0") ||
					strings.Contains(w.String(), "hunter2") {
					t.Errorf("it says %s, want it at %s", w, want)
				}
			}
		}
	}
}
