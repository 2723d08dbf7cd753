package webhook

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"numhook/server/event"
)

func TestNewSaysWhatIsWrongAndQuotesNothing(t *testing.T) {
	const good = "https://carrier.example/s3cret"
	folder := t.TempDir()
	noCertificate := filepath.Join(folder, "no.pem")
	if err := os.WriteFile(noCertificate, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	header := func(name, value string) Config { return Config{URL: good, Headers: map[string]string{name: value}} }
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "cannot use the url: its scheme is neither http nor https"},
		{Config{URL: "carrier.example/s3cret"}, "cannot use the url: its scheme is neither http nor https"},
		{Config{URL: "ftp://carrier.example/s3cret"}, "cannot use the url: its scheme is neither http nor https"},
		{Config{URL: "https:carrier.example"}, "cannot use the url: it names no host"},
		{Config{URL: "https:///s3cret"}, "cannot use the url: it names no host"},
		{Config{URL: "https://:443/s3cret"}, "cannot use the url: it names no host"},
		{Config{URL: "https://user:s3cret@carrier.example/"}, "cannot use the url: it holds user information, which would " +
			"end up in logs and proxies"},
		{Config{URL: "https://s3cret@carrier.example/"}, "cannot use the url: it holds user information, which would end " +
			"up in logs and proxies"},
		{Config{URL: "https://carrier.example/#s3cret"}, "cannot use the url: it has a fragment (#...), which no server " +
			"ever sees"},
		{Config{URL: "https://carrier.example:0/"}, "cannot use the url: its port is not one of 1 to 65535"},
		{Config{URL: "https://carrier.example:65536/"}, "cannot use the url: its port is not one of 1 to 65535"},
		{Config{URL: "https://carrier.example:s3cret/"}, "cannot use the url: it is not a URL"},
		{Config{URL: "https://carrier.example/%s3cret\n"}, "cannot use the url: it is not a URL"},
		{Config{URL: "http://127.0.0.1/"}, "cannot use the url: its host is a loop-back, link-local, multicast or " +
			"metadata address"},
		{Config{URL: "http://[::ffff:169.254.169.254]/"}, "cannot use the url: its host is a loop-back, link-local, " +
			"multicast or metadata address"},
		{header("Webhook-ID", "s3cret"), `cannot use the header "Webhook-ID": numhook sets it by itself`},
		{header("webhook-signature", "s3cret"), `cannot use the header "webhook-signature": numhook sets it by itself`},
		{header("content-type", "s3cret"), `cannot use the header "content-type": numhook sets it by itself`},
		{header("HOST", "s3cret"), `cannot use the header "HOST": numhook sets it by itself`},
		{header("transfer-encoding", "s3cret"), `cannot use the header "transfer-encoding": numhook sets it by itself`},
		{header("", "s3cret"), `cannot use the header "": a header's name consists of letters, digits and hyphens`},
		{header("a b", "s3cret"), `cannot use the header "a b": a header's name consists of letters, digits and hyphens`},
		{header("a:", "s3cret"), `cannot use the header "a:": a header's name consists of letters, digits and hyphens`},
		{header("a\r\nb", "s3cret"), `cannot use the header "a\r\nb": a header's name consists of letters, digits ` +
			`and hyphens`},
		{header("a", ""), `cannot use the header "a": its value is empty, or begins or ends with white space`},
		{header("a", "s3cret\n"), `cannot use the header "a": its value is empty, or begins or ends with white space`},
		{header("a", "s3cret\r\nb: c"), `cannot use the header "a": its value holds a line end, another control character, ` +
			`or a character that is not ASCII`},
		{header("a", "s3cret\x00c"), `cannot use the header "a": its value holds a line end, another control character, or ` +
			`a character that is not ASCII`},
		{header("a", "s3crét"), `cannot use the header "a": its value holds a line end, another control character, or a ` +
			`character that is not ASCII`},
		{Config{URL: good, Headers: map[string]string{"X-A": "s3cret", "x-a": "s3cret"}}, "it is there twice, and case " +
			"makes no difference"},
		{Config{URL: good, Secrets: []Secret{{}}}, "cannot use the secret: it is empty"},
		{Config{URL: "http://carrier.example", CAFile: noCertificate}, "cannot use certificate files: the url is http, " +
			"which has no TLS"},
		{Config{URL: good, CAFile: noCertificate}, "cannot read the CA file: cannot use " + noCertificate +
			": it holds no certificate"},
		{Config{URL: good, CAFile: folder + "/none"}, "cannot read the CA file: open " + folder + "/none: no such file or " +
			"directory"},
		{Config{URL: good, CertFile: noCertificate}, "cannot use the client certificate: one of certificate and key file " +
			"is missing"},
		{Config{URL: good, CertFile: noCertificate, KeyFile: noCertificate}, "cannot load the client certificate: " +
			"cannot use " + noCertificate + ": it holds no certificate"},
	} {
		_, err := New(c.cfg)
		if err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.cfg, err, c.want)
			continue
		}
		hint := ""
		if wrong, ok := errors.AsType[*event.Error](err); ok {
			hint = wrong.Hint
		}
		if strings.Contains(err.Error()+hint, "s3cret") {
			t.Errorf("it quotes what it must not: %v %s", err, hint)
		}
	}
	for _, u := range []string{good, "HTTPS://carrier.example", "http://10.0.0.1:8080/x?y=z", "http://[fd12::1]/",
		"http://carrier_1.example/"} {
		if _, err := New(Config{URL: u, Headers: map[string]string{"Authorization": "Bearer x y",
			"User-Agent": "other"}}); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
}
