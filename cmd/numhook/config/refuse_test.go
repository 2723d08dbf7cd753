package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// good is the beginning of an entry that lacks nothing; what is appended to it begins on line 5, column 3.
const good = "downstreams:\n- name: a\n  url: https://h.example/x\n  secret_file: good.secret\n"

const (
	writeUTF8  = "save it as UTF-8"
	writeEmpty = "write downstreams: and a list below it, or downstreams: [] for none"
	asProxy    = "; write it as http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT, or none"
	syntax     = "; look at quotes, colons and indentation in this line and before it"
	allKeys    = "name, url, mode, start, events, only, secret_file, headers, headers_file, timeout, concurrency, rate, " +
		"retry, allow_private, ca_file, client_cert, client_key, proxy, args, env, rotate or keep"
	https     = "https, http, exec, nats, kafka or file"
	randomKey = `; write whsec_ and the base64 of 24 to 64 random bytes: echo "whsec_$(openssl rand -base64 32)"`
	absent    = "; write the name of a file that is there; a relative one is looked for beside this file"
)

func TestRefusedFiles(t *testing.T) {
	at := folder(t)
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"empty", "", []string{"1:1: the file is empty; " + writeEmpty}},
		{"a comment", "# nothing\n", []string{"1:1: the file is empty; " + writeEmpty}},
		{"a null", "---\n~\n", []string{"1:1: the file is empty; " + writeEmpty}},
		{"a word", "x", []string{"1:1: the configuration must have keys; write downstreams: and a value"}},
		{"a list", "- name: a\n", []string{"1:1: the configuration must have keys; write downstreams: and a value"}},
		{"another key", "upstreams: []\n", []string{`1:1: unknown key "upstreams"; write one of downstreams or recovery`,
			"1:1: the key downstreams is missing; write downstreams: and a list below it (- name: ...)"}},
		{"a key that is far off", "x: []\n", []string{`1:1: unknown key "x"; write one of downstreams or recovery`,
			"1:1: the key downstreams is missing; write downstreams: and a list below it (- name: ...)"}},
		{"no value", "downstreams:\n", []string{"1:1: the key downstreams has no value; give it one, or leave it out"}},
		{"no list", "downstreams: {}\n", []string{"1:14: downstreams must be a list; write each entry on a line of its " +
			"own, after a hyphen"}},
		{"no keys", "downstreams: [a, ~, []]\n", []string{"1:15: a downstream must have keys; write name: and a value",
			"1:18: a downstream must have keys; write name: and a value", "1:21: a downstream must have keys; write name: " +
				"and a value"}},
		{"a key that is a list", "downstreams: [{[a]: 1}]\n", []string{
			"1:15: the downstream has no name; write name: and a word that stays the same, such as e911",
			"1:15: the downstream has no url; write url: and one of " + https + ", such as https://HOST/PATH",
			"1:16: a key must be a word; write one of " + allKeys}},
		{"Latin-1", "downstreams: [] # \xe4", []string{"1:19: the file is not UTF-8 here; " + writeUTF8}},
		{"Latin-1 further down", "# ä\ndownstreams: []\n# ä\xff", []string{"3:4: the file is not UTF-8 here; " + writeUTF8}},
		{"UTF-16", "\xff\xfed\x00", []string{"1:1: the file is not UTF-8 here; " + writeUTF8}},
		{"a byte order mark", "\ufeffdownstreams: []", nil},
		{"two documents", "downstreams: []\n---\ndownstreams: []\n",
			[]string{"2:1: there is a second document in the file; write one list, without a line --- between its entries"}},
		{"two documents, one broken", "downstreams: []\n---\na: b: c\n",
			[]string{"3:1: the file is not YAML: mapping values are not allowed in this context" + syntax}},
		{"bad indentation", "downstreams:\n  - name: a\n   url: b\n", []string{"3:1: the file is not YAML: did not find " +
			"expected '-' indicator" + syntax}},
		{"an open bracket", "downstreams:\n- name: a\n  events: [a,\n", []string{"3:1: the file is not YAML: did not find " +
			"expected node content" + syntax}},
		{"a control character", "downstreams: \x01", []string{"1:1: the file is not YAML: control characters are " +
			"not allowed" + syntax}},
		{"an anchor that holds itself", "downstreams: &d\n- *d\n", []string{
			"1:14: anchors (&) are not taken; write the value out wherever it is needed",
			"2:3: aliases (*) are not taken; write the value out"}},
		{"a bomb", "downstreams:\n- a: &a [x,x]\n  b: &b [*a,*a]\n  name: n\n  url: &c {x: *b}\n", []string{
			`2:3: unknown key "a"; write one of ` + allKeys,
			"2:6: anchors (&) are not taken; write the value out wherever it is needed",
			`3:3: unknown key "b"; write one of ` + allKeys,
			"3:6: anchors (&) are not taken; write the value out wherever it is needed",
			"3:10: aliases (*) are not taken; write the value out",
			"3:13: aliases (*) are not taken; write the value out",
			"5:8: anchors (&) are not taken; write the value out wherever it is needed",
			"5:8: url must be a text; write one value, without - or keys",
			"5:15: aliases (*) are not taken; write the value out"}},
		{"a tag", "downstreams: !!seq []\n", []string{"1:14: tags (!) are not taken; write the value alone"}},
		{"a merge", "downstreams: []\n<<: {}\n", []string{`2:1: unknown key "<<"; write one of downstreams or recovery`}},
		{"the same key twice", "downstreams: []\ndownstreams: []\n", []string{"2:1: the key downstreams is there already, " +
			"on line 1; leave one of the two out"}},
		{"too long", strings.Repeat("#\n", 600<<10), []string{"1:1: the file has more than 1024 KiB; write the downstreams " +
			"alone into it"}},
		{"too many values", "downstreams: [" + strings.Repeat("[],", 120_000) + "]",
			[]string{"1:300006: the file has more than 100000 values; write the downstreams alone into it"}},
		{"too deep", strings.Repeat("[", 20_000), []string{"1:1: the file is not YAML: exceeded max depth of 10000" +
			syntax}},
	} {
		if got := complaints(t, at, test.text); !slices.Equal(got, test.want) {
			t.Errorf("%s:\n%s\nwant\n%s", test.name, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}
}

// refused are lines that a good downstream is made bad with, and what is told. structural tells whether the schema,
// which knows no files and no names, refuses them, too.
var refused = []struct {
	lines      string
	want       string
	structural bool
}{
	{"  timout: 1s", `5:3: unknown key "timout"; write timeout`, true},
	{"  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: 1",
		`5:3: unknown key "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..."; ` +
			`write one of ` + allKeys, true},
	{"  color: red", `5:3: unknown key "color"; write one of ` + allKeys, true},
	{"  name: b", "5:3: the key name is there already, on line 2; leave one of the two out", true},
	{"  mode: lastest", `5:9: unknown mode "lastest"; write latest`, true},
	{"  mode: 1", "5:9: mode must be a text, and YAML reads something else; put it between quotes", true},
	{"  mode: [latest]", "5:9: mode must be a text; write one value, without - or keys", true},
	{"  mode: ''", "5:9: mode is empty; write a value, or leave it out", true},
	{"  mode:", "5:3: the key mode has no value; give it one, or leave it out", true},
	{"  start: yesterday", `5:10: unknown start "yesterday"; write one of now, beginning or snapshot`, true},
	{"  events: []", "5:11: events is an empty list; leave events out to let everything pass", true},
	{"  events: x", "5:11: events must be a list; write each entry on a line of its own, after a hyphen", true},
	{"  events: [number_management.peering_number_cnam_update]",
		`5:12: unknown event "number_management.peering_number_cnam_update"; write ` +
			`number_management.peering_number_cnam_updated`, false},
	{"  events: [peering_number_cnam_updated]", `5:12: unknown event "peering_number_cnam_updated"; write ` +
		`number_management.peering_number_cnam_updated`, false},
	{"  events: [fax]", `5:12: unknown event "fax"; write one of number_management.peering_number_cnam_updated or ` +
		`number_management.peering_number_emergency_address_updated`, false},
	{"  events: [number_management.peering_number_cnam_updated, number_management.peering_number_cnam_updated]",
		`5:59: "number_management.peering_number_cnam_updated" is in the list twice; leave it out here`, true},
	{"  only: x", "5:9: only must have keys; write carrier_codes: and a value", true},
	{"  only: {country: [US]}", `5:10: unknown key "country"; write countries`, true},
	{"  only: {carrier_codes: [2147483648]}", "5:26: a carrier code is 2147483648; write a number from -2147483648 to " +
		"2147483647", true},
	{"  only: {carrier_codes: [1, 1]}", "5:29: the carrier code 1 is in the list twice; leave it out here", true},
	{"  only: {carrier_codes: []}", "5:25: carrier_codes is an empty list; leave carrier_codes out to let everything pass",
		true},
	{"  only: {carrier_codes: ['1']}", "5:26: a carrier code must be a whole number in decimal digits; write a number " +
		"from -2147483648 to 2147483647", true},
	{"  only: {countries: [us]}", `5:22: the country "us" is not in the form of ISO 3166 alpha-2; write two capital ` +
		`letters, such as US`, true},
	{"  only: {prefixes: [+1312]}", "5:21: an entry of prefixes must be a text, and YAML reads something else; put it " +
		"between quotes", true},
	{"  only: {prefixes: ['1312']}", `5:21: the prefix "1312" is not the beginning of a number in E.164 form; write a ` +
		`plus sign and digits between quotes, such as "+1312"`, true},
	{"  timeout: 10", "5:12: timeout has no unit; write it with ms, s, m, h or d, such as 10s", true},
	{"  timeout: 0s", "5:12: timeout is 0s; write a time from 1ms to 5m", false},
	{"  timeout: 5m1ms", "5:12: timeout is 5m1ms; write a time from 1ms to 5m", false},
	{"  timeout: -1s", "5:12: timeout must be a time such as 500ms, 10s, 15m, 2h or 7d; write a time from 1ms to 5m",
		true},
	{"  timeout: 999999999d999999999d999999999d", "5:12: timeout is 999999999d999999999d999999999d; write a time from " +
		"1ms to 5m", false},
	{"  timeout: soon", "5:12: timeout must be a time such as 500ms, 10s, 15m, 2h or 7d; write a time from 1ms to 5m",
		true},
	{"  timeout: {s: 1}", "5:12: timeout must be a time such as 500ms, 10s, 15m, 2h or 7d; write a time from 1ms to 5m",
		true},
	{"  concurrency: 0", "5:16: concurrency is 0; write a number from 1 to 256", true},
	{"  concurrency: 257", "5:16: concurrency is 257; write a number from 1 to 256", true},
	{"  concurrency: 1.5", "5:16: concurrency must be a whole number in decimal digits; write a number from 1 to 256",
		true},
	{"  concurrency: many", "5:16: concurrency must be a whole number in decimal digits; write a number from 1 to 256",
		true},
	{"  concurrency: 010", "5:16: concurrency must be a whole number in decimal digits; write a number from 1 to 256",
		false},
	{"  concurrency: 99999999999999999999", "5:16: concurrency must be a whole number in decimal digits; write a number " +
		"from 1 to 256", true},
	{"  rate: -1", "5:9: rate is -1; write a number from 0.001 to 1000000 (attempts a second), or leave rate out for " +
		"no limit", true},
	{"  rate: 0", "5:9: rate is 0; write a number from 0.001 to 1000000 (attempts a second), or leave rate out for " +
		"no limit", true},
	{"  rate: .inf", "5:9: rate must be a number; write a number from 0.001 to 1000000 (attempts a second), or leave " +
		"rate out for no limit", true},
	{"  rate: .nan", "5:9: rate must be a number; write a number from 0.001 to 1000000 (attempts a second), or leave " +
		"rate out for no limit", true},
	{"  rate: '5'", "5:9: rate must be a number; write a number from 0.001 to 1000000 (attempts a second), or leave " +
		"rate out for no limit", true},
	{"  retry: 3", "5:10: retry must have keys; write first: and a value", true},
	{"  retry: {times: 3}", `5:11: unknown key "times"; write one of first, factor, max or give_up_after`, true},
	{"  retry: {factor: 0.9}", "5:19: factor is 0.9; write a number from 1 to 100", true},
	{"  retry: {max: 25h}", "5:16: max is 25h; write a time from 1ms to 24h", false},
	{"  retry: {first: 2m, max: 1m}", "5:18: first is longer than max; write at most 1m, or a longer max", false},
	{"  retry: {first: 16m}", "5:18: first is longer than max, which is 15m where it is not written; write a max, too",
		false},
	{"  retry: {max: 999ms}", "5:16: max is shorter than first, which is 1s where it is not written; write a first, too",
		false},
	{"  retry: {give_up_after: always}", "5:26: give_up_after must be a time such as 500ms, 10s, 15m, 2h or 7d; write a " +
		"time from 1ms to 3650d", true},
	{"  allow_private: yes", "5:18: allow_private must be true or false; write true or false", true},
	{"  allow_private: 1", "5:18: allow_private must be true or false; write true or false", true},
	{"  headers: [a]", "5:12: headers must have keys; write the name of a header: and its value", true},
	{"  headers: {'a b': c}", "5:13: the name of a header consists of letters, digits and hyphens; write another one",
		true},
	{"  headers: {Webhook-ID: c}", "5:13: numhook sets the header Webhook-Id by itself; leave it out", false},
	{"  headers: {a: b, A: c}", "5:19: the header A is there already, on line 5; case makes no difference; leave one of " +
		"the two out", false},
	{"  headers: {a: 5550142}", "5:16: the header A must be a text, and YAML reads something else; put it between quotes",
		true},
	{"  headers: {a: \"x\\r\\nb: y\"}", "5:16: the header A holds a line end, another control character, or a character " +
		"that is not ASCII; write it without", true},
	{"  headers: {a: 'Bearer ${TOKEN}'}", "5:16: the header A holds ${...}, for which nothing is put in; " +
		"write the header into a file as A: and its value, and name that in headers_file:", true},
	{"  headers: {a: ' x'}", "5:16: the header A begins or ends with white space; leave it out", true},
	{"  headers: {a: }", "5:16: the header A is empty; write a value", true},
	{"  proxy: ftp://h:1", "5:10: the proxy cannot be used: its scheme is none of http, https and socks5" + asProxy, true},
	{"  proxy: 'http://u:hunter2@'", "5:10: the proxy cannot be used: it names no host" + asProxy, false},
	{"  proxy: http://h:1/x", "5:10: the proxy cannot be used: there is something behind the host" + asProxy, true},
	{"  proxy: 'http://h:99999'", "5:10: the proxy cannot be used: its port is not one of 1 to 65535" + asProxy, false},
	{"  proxy: h:1", "5:10: the proxy cannot be used: its scheme is none of http, https and socks5" + asProxy, true},
	{"  env: [TZ]", "5:3: the key env goes with exec, and not with https; leave it out, or write another url", true},
	{"  args: [a]", "5:3: the key args goes with exec, and not with https; leave it out, or write another url", true},
	{"  rotate: 1MiB", "5:3: the key rotate goes with file, and not with https; leave it out, or write another url", true},
	{"  ca_file: none.pem", "5:12: the ca_file DIR/none.pem cannot be read: no such file or directory" + absent, false},
	{"  ca_file: text", "5:12: the ca_file DIR/text: it holds no certificate; it must be PEM: -----BEGIN CERTIFICATE-----",
		false},
	{"  client_cert: cert.pem", "5:3: client_cert is there without client_key; write both, or none", true},
	{"  client_key: key.pem", "5:3: client_key is there without client_cert; write both, or none", true},
	{"  client_cert: cert.pem\n  client_key: open.key", "6:15: the client_key DIR/open.key can be read by others (mode " +
		"0644); run chmod 600 DIR/open.key", false},
	{"  client_cert: cert.pem\n  client_key: other.key",
		"5:16: client_cert and client_key are not a certificate and its key: the key does not fit the certificate in " +
			"DIR/cert.pem; " +
			"name the key that the certificate was made for, or the certificate of this key", false},
	{"- name: a\n  url: file:x", `5:9: the name "a" is taken by the downstream on line 2; write another name`, false},
	{"- name: B\n  url: file:x", `5:9: the name "B" has other characters than those of a name, or more than 64; write ` +
		`it in lower-case letters, digits, - and _`, true},
	{"- name: 911\n  url: file:x", "5:9: name must be a text, and YAML reads something else; put it between quotes", true},
	{"- url: file:x", "5:3: the downstream has no name; write name: and a word that stays the same, such as e911", true},
	{"- name: b", "5:3: the downstream has no url; write url: and one of " + https + ", such as https://HOST/PATH", true},
	{"- name: b\n  url: file:x\n- name: c\n  url: file:folder/../x", "7:3: the file of this downstream is that of the " +
		"one on line 5; write another file into its url", false},
	{"- name: b\n  url: file:x\n  secret_file: good.secret", "7:3: the key secret_file goes with https or http, and not " +
		"with file; leave it out, or write another url", true},
	{"- name: b\n  url: http://h\n  secret_file: good.secret\n  ca_file: cert.pem", "8:3: the key ca_file goes with " +
		"https, nats or kafka, and not with http; leave it out, or write another url", true},
	{"- name: b\n  url: file:x\n  rotate: 1", "7:11: rotate is 1; write a size from 1KiB to 1024GiB, such as 100MiB",
		true},
	{"- name: b\n  url: file:x\n  rotate: 9999999GiB", "7:11: rotate is 9999999GiB; write a size from 1KiB to 1024GiB, " +
		"such as 100MiB", false},
	{"- name: b\n  url: file:x\n  rotate: 100MB", "7:11: rotate must be a size; write a size from 1KiB to 1024GiB, such " +
		"as 100MiB", true},
	{"- name: b\n  url: file:x\n  keep: 0", "7:9: keep is 0; write a number from 1 to 100000", true},
	{"- name: b\n  url: exec:run\n  args: [1]", "7:10: an entry of args must be a text, and YAML reads something else; " +
		"put it between quotes", true},
	{"- name: b\n  url: exec:run\n  args: [\"a\\0\"]", "7:10: an entry of args holds a NUL character; leave it out",
		false},
}

func TestRefusedKeys(t *testing.T) {
	at := folder(t)
	if got := complaints(t, at, good); got != nil {
		t.Fatal(got)
	}
	for _, test := range refused {
		if got := complaints(t, at, good+test.lines+"\n"); !slices.Equal(got, []string{test.want}) {
			t.Errorf("%s:\n%s\nwant\n%s", test.lines, strings.Join(got, "\n"), test.want)
		}
	}
}

func TestRefusedSecrets(t *testing.T) {
	at := folder(t)
	for file, want := range map[string]string{
		"none.secret":    "the secret_file DIR/none.secret cannot be read: no such file or directory" + absent,
		"folder":         "the secret_file DIR/folder is not a file; write the name of a file",
		"/dev/null":      "the secret_file /dev/null is not a file; write the name of a file",
		"open.secret":    "the secret_file DIR/open.secret can be read by others (mode 0640); run chmod 600 DIR/open.secret",
		"empty.secret":   "the secret_file holds no secret" + randomKey,
		"bare.secret":    "line 2 of the secret_file does not begin with whsec_" + randomKey,
		"garbled.secret": "line 1 of the secret_file is not base64 behind whsec_" + randomKey,
		"short.secret":   "line 1 of the secret_file is a secret of 23 bytes" + randomKey,
		"long.secret":    "line 1 of the secret_file is a secret of 65 bytes" + randomKey,
		"many.secret": "the secret_file holds 9 secrets; leave those that the downstream takes: one, and two while one " +
			"is being changed",
		"huge.secret": "the secret_file DIR/huge.secret cannot be read, or has more than 16 KiB; write the name of the " +
			"right file",
	} {
		got := complaints(t, at, "downstreams:\n- name: a\n  url: http://h/x\n  secret_file: "+file+"\n")
		if !slices.Equal(got, []string{"4:16: " + want}) {
			t.Errorf("%s:\n%s\nwant\n%s", file, strings.Join(got, "\n"), want)
		}
	}
	got := complaints(t, at, "downstreams:\n- name: a\n  url: http://h/x\n")
	if want := []string{"2:3: the downstream has no secret_file, without which it could not tell changes from " +
		"forgeries; " +
		"write secret_file: and the name of a file with whsec_<base64>, one a line"}; !slices.Equal(got, want) {
		t.Errorf("without secret_file: %s", got)
	}
}

// All that is wrong comes at once, in the order of the file, and no more of it than somebody can read.
func TestAllProblemsAtOnce(t *testing.T) {
	at := folder(t)
	got := complaints(t, at, "downstrems: 1\ndownstreams:\n- rate: -1\n  url: ftp://h\n  nme: a\n- url: https://h\n  "+
		"secret_file: none\n  mode: x\n")
	var positions []string
	for _, one := range got {
		positions = append(positions, one[:strings.Index(one, ": ")])
	}
	if want := []string{"1:1", "3:9", "4:8", "5:3", "6:3", "7:16", "8:9"}; !slices.Equal(positions, want) {
		t.Errorf("problems are at %v, want %v: %s", positions, want, strings.Join(got, "\n"))
	}
	_, err := load(t, at, "downstreams:\n"+strings.Repeat("- {}\n", 75))
	problems, ok := errors.AsType[*Problems](err)
	if !ok || len(problems.List) != 100 || problems.Omitted != 50 || strings.Count(err.Error(), "\n") != 101 ||
		!strings.HasSuffix(err.Error(), "\nand 50 more") {
		t.Errorf("%v", err)
	}
	if want := fmt.Sprintf("cannot use the configuration:\n%s/numhook.yaml:2:3: the downstream has no name;",
		at); !strings.HasPrefix(err.Error(), want) {
		t.Errorf("it begins with %.200s", err)
	}
}
