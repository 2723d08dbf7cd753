package config

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"numhook/server/dispatch"
	"numhook/server/dispatch/jetstream"
	"numhook/server/dispatch/kafka"
	"numhook/server/dispatch/webhook"
	"numhook/server/event"
)

var known = []string{"number_management.peering_number_cnam_updated",
	"number_management.peering_number_emergency_address_updated"}

// goodSecret is the test vector of Standard Webhooks.
const goodSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// folder is a folder with the files that configurations of these tests name.
func folder(t testing.TB) string {
	t.Helper()
	at := t.TempDir()
	write(t, at, "good.secret", "\n  "+goodSecret+" \r\n\n", 0o600)
	write(t, at, "two.secret", goodSecret+"\nwhsec_"+base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 64)), 0o400)
	write(t, at, "open.secret", goodSecret, 0o640)
	write(t, at, "empty.secret", "\n \n", 0o600)
	write(t, at, "bare.secret", goodSecret+"\nMfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 0o600)
	write(t, at, "garbled.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa~w", 0o600)
	write(t, at, "short.secret", "whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 23)), 0o600)
	write(t, at, "long.secret", "whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 65)), 0o600)
	write(t, at, "many.secret", strings.Repeat(goodSecret+"\n", 9), 0o600)
	write(t, at, "huge.secret", strings.Repeat("\n", 20<<10), 0o600)
	write(t, at, "user.creds", "us@er:p/a:s?s #\n", 0o600)
	write(t, at, "nats.creds", natsCredentials, 0o600)
	write(t, at, "run", "#!/bin/sh\n", 0o700)
	write(t, at, "windows", "#!/bin/sh\r\necho\r\n", 0o700)
	write(t, at, "text", "no program\n", 0o600)
	write(t, at, "everybodys", "#!/bin/sh\n", 0o777)
	cert, key := keyPair(t)
	write(t, at, "cert.pem", cert, 0o644)
	write(t, at, "key.pem", key, 0o600)
	write(t, at, "open.key", key, 0o644)
	_, other := keyPair(t)
	write(t, at, "other.key", other, 0o600)
	write(t, at, "once", "", 0o600)
	if err := errors.Join(os.Symlink("text", filepath.Join(at, "link")), os.Link(filepath.Join(at, "once"),
		filepath.Join(at, "twice"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(at, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	return at
}

func write(t testing.TB, folder, name, text string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func load(t testing.TB, folder, text string) (*Settings, error) {
	t.Helper()
	write(t, folder, "numhook.yaml", text, 0o600)
	return Load(filepath.Join(folder, "numhook.yaml"), known)
}

// complaints are the problems of a text, each without the file's name, and with the folder as DIR.
func complaints(t testing.TB, folder, text string) (list []string) {
	t.Helper()
	_, err := load(t, folder, text)
	problems, ok := errors.AsType[*Problems](err)
	if err != nil && !ok {
		t.Fatal(err)
	}
	if !ok {
		return nil
	}
	for _, p := range problems.List {
		told := strings.ReplaceAll(p.String(), filepath.Join(folder, "numhook.yaml")+":", "")
		list = append(list, strings.ReplaceAll(told, folder, "DIR"))
	}
	return list
}

func TestDefaults(t *testing.T) {
	at := folder(t)
	got, err := load(t, at, "downstreams:\n- name: e911\n  url: https://e911.example/x\n  secret_file: good.secret\n")
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(goodSecret, "whsec_"))
	want := &Settings{File: filepath.Join(at, "numhook.yaml"), Downstreams: []Downstream{{
		Downstream: event.Downstream{Name: "e911", Mode: event.Latest, Start: event.FromNow},
		Scheme:     HTTPS, Line: 2, Timeout: 10 * time.Second, Concurrency: 4, Rate: 0,
		Backoff: dispatch.Backoff{First: time.Second, Factor: 2, Max: 15 * time.Minute},
		URL:     "https://e911.example/x", SecretFile: filepath.Join(at, "good.secret"), Secrets: Secrets{secret},
	}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%#v, want\n%#v", got, want)
	}
}

func TestEveryKey(t *testing.T) {
	at := folder(t)
	got, err := load(t, at, `downstreams:
- name: a-1_b
  url: https://e911.example:8443/in?token=t
  mode: every
  start: snapshot
  events: [number_management.peering_number_cnam_updated]
  only: {carrier_codes: [3457, -1], countries: [US, NO], prefixes: ["+1312", "+4"]}
  secret_file: `+at+`/two.secret
  headers: {Authorization: Bearer x, x-y: "1"}
  timeout: 1m30s
  concurrency: 256
  rate: 0.5
  retry: {first: 250ms, factor: 1.5, max: 24h, give_up_after: 1.5d}
  allow_private: true
  ca_file: cert.pem
  client_cert: ./folder/../cert.pem
  client_key: key.pem
- {name: p, url: "exec:run", args: [--a, "", "2"], retry: {give_up_after: never}}
- {name: p2, url: "exec://`+at+`/run"}
- {name: n, url: "nats://n1,[2001:db8::1]:4300,n3.example:1/a.b?creds=nats.creds&tls=true&stream=S", start: beginning}
- {name: n2, url: "nats://10.1.2.3/a"}
- {name: k, url: "kafka://k1,k2:9093/t.o-p_1?tls=true", mode: latest, ca_file: cert.pem}
- {name: k2, url: "kafka://k1/t?tls=true&sasl=plain&creds=user.creds"}
- {name: n3, url: "nats://n1/t", client_cert: cert.pem, client_key: key.pem}
- {name: f, url: "file:folder/changes.ndjson", rotate: 1024, keep: 3}
- {name: f2, url: "file:///`+strings.TrimPrefix(at, "/")+`/x y#?.ndjson", rotate: 2GiB}
- {name: h, url: "http://h.example", secret_file: good.secret, retry: {max: 1s}}
`)
	if err != nil {
		t.Fatal(err)
	}
	first := got.Downstreams[0]
	if want := (event.Downstream{Name: "a-1_b", Mode: event.Every, Start: event.FromSnapshot, Events: known[:1],
		Only: event.Only{CarrierCodes: []int32{3457, -1}, Countries: []string{"US", "NO"},
			Prefixes: []string{"+1312", "+4"}}}); !reflect.DeepEqual(first.Downstream, want) {
		t.Errorf("got %+v, want %+v", first.Downstream, want)
	}
	if want := (dispatch.Backoff{First: 250 * time.Millisecond, Factor: 1.5, Max: 24 * time.Hour,
		GiveUpAfter: 36 * time.Hour}); first.Backoff != want {
		t.Errorf("got %+v, want %+v", first.Backoff, want)
	}
	if first.Timeout != 90*time.Second || first.Concurrency != 256 || first.Rate != 0.5 || !first.AllowPrivate ||
		len(first.Secrets) != 2 || len(first.Secrets[1]) != 64 ||
		!reflect.DeepEqual(first.Headers, map[string]string{"Authorization": "Bearer x", "x-y": "1"}) ||
		first.CAFile != at+"/cert.pem" || first.ClientCert != at+"/cert.pem" || first.ClientKey != at+"/key.pem" ||
		first.URL != "https://e911.example:8443/in?token=t" {
		t.Errorf("got %+v", first)
	}
	var where []string
	for _, d := range got.Downstreams {
		where = append(where, strings.ReplaceAll(fmt.Sprintln(d.Line, d.Redacted(), d.URL == "", d.Path, d.Hosts, d.Topic,
			d.TLS, d.Stream, d.Credentials, d.Args, d.Rotate, d.Keep), at, "DIR"))
	}
	if want := []string{
		"2 https://e911.example:8443/... false  []  false   [] 0 0\n",
		"18 exec:DIR/run true DIR/run []  false   [--a  2] 0 0\n",
		"19 exec:DIR/run true DIR/run []  false   [] 0 0\n",
		"20 nats://n1:4222,[2001:db8::1]:4300,n3.example:1/a.b false  [n1:4222 [2001:db8::1]:4300 n3.example:1] a.b true S " +
			"DIR/nats.creds [] 0 0\n",
		"21 nats://10.1.2.3:4222/a false  [10.1.2.3:4222] a false   [] 0 0\n",
		"22 kafka://k1:9092,k2:9093/t.o-p_1 false  [k1:9092 k2:9093] t.o-p_1 true   [] 0 0\n",
		"23 kafka://k1:9092/t false  [k1:9092] t true  DIR/user.creds [] 0 0\n",
		"24 nats://n1:4222/t false  [n1:4222] t true   [] 0 0\n",
		"25 file:DIR/folder/changes.ndjson true DIR/folder/changes.ndjson []  false   [] 1024 3\n",
		"26 file:DIR/x y#?.ndjson true DIR/x y#?.ndjson []  false   [] 2147483648 0\n",
		"27 http://h.example false  []  false   [] 0 0\n",
	}; !slices.Equal(where, want) {
		t.Errorf("got %q,\nwant %q", where, want)
	}
	for i, want := range map[int]string{
		3: "nats://n1:4222,[2001:db8::1]:4300,n3.example:1/a.b?creds=" + strings.ReplaceAll(at, "/", "%2F") +
			"%2Fnats.creds&stream=S&tls=true",
		4: "nats://10.1.2.3:4222/a",
		5: "kafka://k1:9092,k2:9093/t.o-p_1?tls=true",
		6: "kafka://us%40er:p%2Fa%3As%3Fs%20%23@k1:9092/t?sasl=plain&tls=true",
		7: "nats://n1:4222/t?tls=true",
	} {
		if url := got.Downstreams[i].URL; url != want {
			t.Errorf("url %d is %s, want %s", i, url, want)
		}
	}
}

// The senders take what is made for them.
func TestSendersTakeTheURLs(t *testing.T) {
	at := folder(t)
	got, err := load(t, at, `downstreams:
- {name: a, url: "nats://127.0.0.1:1,[::1]:1/a.b?creds=nats.creds&tls=true&stream=S", allow_private: true}
- {name: b, url: "kafka://127.0.0.1:1,localhost/t.o-p_1?sasl=scram-sha-512&creds=user.creds", allow_private: true}
- {name: c, url: "https://h.example/%20x?y=z", secret_file: good.secret, headers: {Authorization: "x y\tz"}}
`)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("not in this test") }
	nats, err := jetstream.New(jetstream.Config{URL: got.Downstreams[0].URL, Dial: refused})
	if err != nil {
		t.Fatal(err)
	}
	queue, err := kafka.New(kafka.Config{URL: got.Downstreams[1].URL, Dial: refused})
	if err != nil {
		t.Fatal(err)
	}
	web, err := webhook.New(webhook.Config{URL: got.Downstreams[2].URL, Headers: got.Downstreams[2].Headers})
	if err != nil {
		t.Fatal(err)
	}
	for _, sender := range []dispatch.Sender{nats, queue, web} {
		if err := sender.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The example is what it says: with the files that it names it is good, and it has every key.
func TestExampleIsGood(t *testing.T) {
	at := folder(t)
	cert, key := keyPair(t)
	for name, text := range map[string]string{"e911.secret": goodSecret, "billing.secret": goodSecret,
		"recovery.secret": "clientsecretofthetests\n",
		"e911.headers":    "Authorization: Bearer x\n", "e911-ca.pem": cert, "numhook.pem": cert, "numhook.key": key} {
		write(t, at, name, text, 0o600)
	}
	if err := os.Mkdir(filepath.Join(at, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, at, "bin/load-cnam", "#!/bin/sh\n", 0o700)
	got, err := load(t, at, string(Example()))
	if err != nil {
		t.Fatal(err)
	}
	var schemesSeen []Scheme
	for _, d := range got.Downstreams {
		schemesSeen = append(schemesSeen, d.Scheme)
	}
	if want := []Scheme{HTTPS, HTTP, Exec, NATS, Kafka, File}; !slices.Equal(schemesSeen, want) {
		t.Errorf("the example has %v, want %v", schemesSeen, want)
	}
	for _, key := range append(slices.Clone(keysOf(schemaOf("/downstreams/0"))), "carrier_codes", "countries",
		"prefixes", "first", "factor", "max", "give_up_after") {
		if !strings.Contains(string(Example()), key+":") {
			t.Errorf("the example does not show %s", key)
		}
	}
}

func TestReadingFails(t *testing.T) {
	at := folder(t)
	for name, want := range map[string]string{
		"none.yaml": "no such file or directory",
		"folder":    "it is not a regular file",
		"text/x":    "not a directory",
	} {
		path := filepath.Join(at, name)
		s, err := Load(path, known)
		if _, isAnswer := errors.AsType[*Problems](err); isAnswer || s != nil || err == nil ||
			err.Error() != "cannot read the configuration "+path+": "+want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNothingShowsASecret(t *testing.T) {
	at := folder(t)
	s, err := load(t, at, "downstreams: [{name: a, url: https://h/x, secret_file: two.secret}]")
	if err != nil {
		t.Fatal(err)
	}
	secrets := s.Downstreams[0].Secrets
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "secrets", secrets)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "secrets", secrets)
	fmt.Fprintf(&out, "%v %+v %#v %s %q %x %d %v %+v", secrets, secrets, secrets, secrets, secrets, secrets, secrets,
		s.Downstreams, *s)
	encoded, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(encoded)
	if n := strings.Count(out.String(), "(2 secrets)"); n != 12 {
		t.Errorf("they are shown as (2 secrets) %d times, want 12: %s", n, &out)
	}
	for _, secret := range secrets {
		for _, form := range []string{string(secret), base64.StdEncoding.EncodeToString(secret),
			fmt.Sprintf("%x", secret[:4]), fmt.Sprint(secret[:4])[1:9]} {
			if strings.Contains(out.String(), form) {
				t.Errorf("%q is in %s", form, &out)
			}
		}
	}
}
