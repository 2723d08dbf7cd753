package webhook

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

const exampleSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func parsed(t testing.TB, text string) Secret {
	t.Helper()
	secret, err := ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// randomSecret is one of that many bytes, which are not random.
func randomSecret(bytes int) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", bytes)))
}

// The vectors were computed with the npm package standardwebhooks; the first is the one of the specification's
// libraries.
func TestSignVectors(t *testing.T) {
	for _, c := range []struct {
		secret, id string
		at         int64
		body, want string
	}{
		{exampleSecret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, `{"test": 2432232314}`,
			"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
		{randomSecret(64), "chg_1", 0, "", "v1,eRxpUtptzLnPWO0Lsfgb5weHTuO4Qujep/E2Q1YlKCA="},
		{randomSecret(24), "chg_ü", 253402300799, "{\"name\":\"Zoë\u2028\"}",
			"v1,0JaoJ/nMKqkdrXz5xoSLE9KcaV3NjBwAhW8yQq5XPTU="},
	} {
		if got := Sign(parsed(t, c.secret), c.id, time.Unix(c.at, 999_999_999), []byte(c.body)); got != c.want {
			t.Errorf("the signature is %s, want %s", got, c.want)
		}
	}
}

func TestParseSecret(t *testing.T) {
	for _, good := range []string{exampleSecret, randomSecret(24), randomSecret(32), randomSecret(64)} {
		if _, err := ParseSecret(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	const (
		noPrefix = "cannot read the secret: it must begin with whsec_, and go on with the base64 of 24 to 64 random bytes"
		noBase64 = "cannot read the secret: what follows whsec_ is not base64 (A-Z a-z 0-9 + /, padded with =)"
	)
	for text, want := range map[string]string{
		"":                                     noPrefix,
		"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw":     noPrefix,
		"WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa": noPrefix,
		" " + exampleSecret:                    noPrefix,
		exampleSecret + " ":                    noBase64,
		exampleSecret + "\n":                   noBase64,
		exampleSecret[:20] + "\r\n" + exampleSecret[20:]: noBase64,
		exampleSecret + "=": noBase64,
		"whsec_" + base64.RawStdEncoding.EncodeToString(make([]byte, 32)): noBase64,
		"whsec_" + strings.Repeat("_-", 16):                               noBase64,
		"whsec_" + strings.Repeat("A", 33) + "B==":                        noBase64, // bits behind the last byte
		"whsec_":         "cannot use the secret: it has 0 bytes, and must have 24 to 64",
		randomSecret(23): "cannot use the secret: it has 23 bytes, and must have 24 to 64",
		randomSecret(65): "cannot use the secret: it has 65 bytes, and must have 24 to 64",
	} {
		if _, err := ParseSecret(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestASecretShowsItselfNowhere(t *testing.T) {
	secret := parsed(t, randomSecret(32))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c"} {
		for _, value := range []any{secret, &secret, []Secret{secret}, Config{Secrets: []Secret{secret}}} {
			got := fmt.Sprintf(verb, value)
			if strings.Contains(got, "kk") || strings.Contains(got, "6b6b") || strings.Contains(got, "107") ||
				strings.Contains(got, "6B6B") || strings.Contains(got, "0x6b") {
				t.Errorf("%s of %T shows %s", verb, value, got)
			}
		}
	}
}

func FuzzParseSecret(f *testing.F) {
	f.Add(exampleSecret)
	f.Add(randomSecret(64))
	f.Add("whsec_")
	f.Add("whsec_AAAA\r\nAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		secret, err := ParseSecret(text)
		if err != nil {
			if encoded := strings.TrimPrefix(text, "whsec_"); len(encoded) > 8 && strings.Contains(err.Error(), encoded) {
				t.Errorf("the error quotes the secret: %v", err)
			}
			return
		}
		if again := "whsec_" + base64.StdEncoding.EncodeToString(secret.key); again != text {
			t.Errorf("%q was read as %q", text, again)
		}
	})
}
