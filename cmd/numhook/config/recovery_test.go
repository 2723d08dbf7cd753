package config

import (
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const goodRecovery = "downstreams: []\nrecovery:\n  app_id: a\n  account_id: b\n  client_id: c\n"

func TestRecovery(t *testing.T) {
	at := folder(t)
	write(t, at, "client.secret", "a-secret-of-a-client\n", 0o600)
	got, err := load(t, at, goodRecovery+"  client_secret_file: client.secret\n")
	if err != nil {
		t.Fatal(err)
	}
	want := &Recovery{AppID: "a", AccountID: "b", ClientID: "c", ClientSecretFile: filepath.Join(at, "client.secret"),
		ReachBack: 168 * time.Hour, APIURL: "https://api.zoom.us", TokenURL: "https://zoom.us"}
	if !reflect.DeepEqual(got.Recovery, want) {
		t.Errorf("got %+v", got.Recovery)
	}
	got, err = load(t, at, goodRecovery+"  client_secret_file: client.secret\n  reach_back: 1d\n"+
		"  api_url: http://127.0.0.1:1\n  token_url: https://gov.example/\n  allow_private: true\n")
	if err != nil {
		t.Fatal(err)
	}
	want.ReachBack, want.APIURL, want.TokenURL, want.AllowPrivate = 24*time.Hour, "http://127.0.0.1:1",
		"https://gov.example/", true
	if !reflect.DeepEqual(got.Recovery, want) {
		t.Errorf("got %+v", got.Recovery)
	}
	if secret, err := got.Recovery.ClientSecret(); secret != "a-secret-of-a-client" || err != nil {
		t.Errorf("the secret is %q: %v", secret, err)
	}
	write(t, at, "client.secret", "\n", 0o600)
	if _, err := got.Recovery.ClientSecret(); err == nil || !strings.Contains(err.Error(), "holds 0 secrets") {
		t.Error(err)
	}
}

func TestRecoveryRefuses(t *testing.T) {
	at := folder(t)
	write(t, at, "client.secret", "a-secret-of-a-client\n", 0o600)
	write(t, at, "pair.secret", "a-secret-of-a-client\nanother-secret-of-a-client\n", 0o600)
	const named = "  client_secret_file: client.secret\n"
	for lines, want := range map[string]string{
		"":                                       "the recovery has no client_secret_file",
		"  client_secret_file: none\n":           "the client_secret_file DIR/none cannot be read",
		"  client_secret_file: open.secret\n":    "can be read by others",
		"  client_secret_file: pair.secret\n":    "holds 2 secrets",
		named + "  reach_back: 169h\n":           "reach_back is 169h",
		named + "  reach_back: 7\n":              "reach_back has no unit",
		named + "  api_url: http://h\n":          "would send a secret in the clear",
		named + "  token_url: http://h\n":        "would send a secret in the clear",
		named + "  api_url: https://h/v2\n":      "the api_url is no address of a host",
		named + "  token_url: https://u:p@h\n":   "the token_url is no address of a host",
		named + "  allow_private: 1\n":           "allow_private must be true or false",
		named + "  client_secret: very-secret\n": "unknown key",
	} {
		got := complaints(t, at, goodRecovery+lines)
		if len(got) != 1 || !strings.Contains(got[0], want) || strings.Contains(got[0], "a-secret") {
			t.Errorf("%q: %q, want %q", lines, got, want)
		}
	}
	if got := complaints(t, at, "downstreams: []\nrecovery: {}\n"); len(got) != 4 {
		t.Errorf("got %q", got)
	}
	if got := complaints(t, at, "downstreams: []\nrecovery: x\n"); len(got) != 1 {
		t.Errorf("got %q", got)
	}
}

// The schema explains every key of the recovery, and the example shows it.
func TestSchemaHasEveryKeyOfTheRecovery(t *testing.T) {
	s := schemaOf("/recovery")
	for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
		if s.Properties[key].Description == "" || !strings.Contains(string(Example()), "  "+key+":") {
			t.Errorf("%s is not explained, or not in the example", key)
		}
	}
}
