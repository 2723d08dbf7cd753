package signature_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"numhook/server/signature"
)

// The sender's published vector.
const (
	vectorSecret    = "zoomwebhooksecret"
	vectorTimestamp = "1739923528"
	vectorBody      = `{"payload":{"plainToken":"Kn5a3Wv7SP6YP5b4BWfZpg"},"event":"endpoint.url_validation"}`
	vectorSignature = "v0=4bf1f053cae139d997322576b850785a7c5ba263d9c0dc582d505283b04e95d5"
	vectorToken     = "Kn5a3Wv7SP6YP5b4BWfZpg"
	vectorAnswer    = "2a41c3138d2187a756c51428f78d192e9b88dcf44dd62d1b081ace4ec2241e0a"
)

var vectorNow = time.Unix(1739923528, 0)

func TestSignIsTheSendersVector(t *testing.T) {
	if got := signature.Sign([]byte(vectorSecret), vectorTimestamp, []byte(vectorBody)); got != vectorSignature {
		t.Errorf("Sign = %s, want %s", got, vectorSignature)
	}
	if got := signature.Timestamp(vectorNow); got != vectorTimestamp {
		t.Errorf("Timestamp = %s, want %s", got, vectorTimestamp)
	}
}

func TestVerify(t *testing.T) {
	secrets := signature.Secrets{[]byte("another"), []byte(vectorSecret)}
	good := []string{vectorSignature}
	at := []string{vectorTimestamp}
	digits := strings.TrimPrefix(vectorSignature, "v0=")
	signedAt := func(timestamp string) []string {
		return []string{signature.Sign([]byte(vectorSecret), timestamp, []byte(vectorBody))}
	}
	for _, c := range []struct {
		name       string
		signatures []string
		timestamps []string
		body       string
		after      time.Duration
		want       error
	}{
		{"good", good, at, vectorBody, 0, nil},
		{"good at the old edge", good, at, vectorBody, 5 * time.Minute, nil},
		{"good at the new edge", good, at, vectorBody, -5 * time.Minute, nil},
		{"stale", good, at, vectorBody, 5*time.Minute + time.Second, signature.ErrStale},
		{"future", good, at, vectorBody, -5*time.Minute - time.Second, signature.ErrStale},
		{"no headers", nil, nil, vectorBody, 0, signature.ErrMissing},
		{"no signature", nil, at, vectorBody, 0, signature.ErrMissing},
		{"empty signature", []string{""}, at, vectorBody, 0, signature.ErrMissing},
		{"no timestamp", good, nil, vectorBody, 0, signature.ErrMissing},
		{"two signatures", []string{vectorSignature, vectorSignature}, at, vectorBody, 0, signature.ErrMalformed},
		{"two timestamps", good, []string{vectorTimestamp, vectorTimestamp}, vectorBody, 0, signature.ErrMalformed},
		{"two in one header", []string{vectorSignature + "," + vectorSignature}, at, vectorBody, 0, signature.ErrMalformed},
		{"upper-case hex", []string{"v0=" + strings.ToUpper(digits)}, at, vectorBody, 0, signature.ErrMalformed},
		{"upper-case version", []string{"V0=" + digits}, at, vectorBody, 0, signature.ErrMalformed},
		{"other version", []string{"v1=" + digits}, at, vectorBody, 0, signature.ErrMalformed},
		{"no version", []string{digits}, at, vectorBody, 0, signature.ErrMalformed},
		{"truncated", []string{vectorSignature[:len(vectorSignature)-1]}, at, vectorBody, 0, signature.ErrMalformed},
		{"not hex", []string{vectorSignature[:len(vectorSignature)-1] + "g"}, at, vectorBody, 0, signature.ErrMalformed},
		{"trailing space", []string{vectorSignature + " "}, at, vectorBody, 0, signature.ErrMalformed},
		{"signed timestamp with sign", signedAt("+1739923528"), []string{"+1739923528"}, vectorBody, 0,
			signature.ErrMalformed},
		{"signed timestamp with a letter", signedAt("173992352x"), []string{"173992352x"}, vectorBody, 0,
			signature.ErrMalformed},
		{"signed timestamp in other digits", signedAt("١٧٣٩٩٢٣٥٢٨"), []string{"١٧٣٩٩٢٣٥٢٨"}, vectorBody, 0,
			signature.ErrMalformed},
		{"signed timestamp with a fraction", signedAt("1739923528.0"), []string{"1739923528.0"}, vectorBody, 0,
			signature.ErrMalformed},
		{"signed timestamp in milliseconds", signedAt("1739923528000"), []string{"1739923528000"}, vectorBody, 0,
			signature.ErrMalformed},
		{"signed timestamp of a far year", signedAt("999999999999"), []string{"999999999999"}, vectorBody, 0,
			signature.ErrStale},
		{"body changed by one byte", good, at, strings.Replace(vectorBody, "K", "L", 1), 0, signature.ErrWrong},
		{"timestamp changed", good, []string{"1739923529"}, vectorBody, 0, signature.ErrWrong},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := secrets.Verify(c.signatures, c.timestamps, []byte(c.body), vectorNow.Add(c.after), signature.DefaultTolerance)
			if !errors.Is(err, c.want) {
				t.Errorf("Verify = %v, want %v", err, c.want)
			}
		})
	}
	if err := (signature.Secrets{[]byte("another")}).Verify(good, at, []byte(vectorBody), vectorNow,
		time.Minute); !errors.Is(err, signature.ErrWrong) {
		t.Errorf("Verify with another secret = %v, want ErrWrong", err)
	}
	if err := (signature.Secrets{}).Verify(good, at, []byte(vectorBody), vectorNow, time.Minute); !errors.Is(err,
		signature.ErrWrong) {
		t.Errorf("Verify with no secret = %v, want ErrWrong", err)
	}
}

func TestSignerIsTheSecretThatSigned(t *testing.T) {
	secrets := signature.Secrets{[]byte("another"), []byte(vectorSecret)}
	if got := secrets.Signer(vectorSignature, vectorTimestamp, []byte(vectorBody)); string(got) != vectorSecret {
		t.Errorf("Signer = %q, want the second secret", got)
	}
	if got := secrets.Signer(vectorSignature, vectorTimestamp, []byte("{}")); got != nil {
		t.Errorf("Signer of another body = %q, want none", got)
	}
	if got := secrets.Signer("v0=", vectorTimestamp, nil); got != nil {
		t.Errorf("Signer of a malformed signature = %q, want none", got)
	}
}

func TestChallenge(t *testing.T) {
	got, err := signature.Challenge([]byte(vectorSecret), vectorToken)
	if err != nil || got != vectorAnswer {
		t.Errorf("Challenge = %s, %v, want %s", got, err, vectorAnswer)
	}
	if _, err := signature.Challenge([]byte(vectorSecret), strings.Repeat("a", 128)); err != nil {
		t.Errorf("Challenge of 128 characters: %v", err)
	}
	for _, token := range []string{"", "v0:1:{}", strings.Repeat("a", 129), strings.Repeat("a", 200), "a b", "a\n", "é",
		"a.b", "a=", "a\x00"} {
		if got, err := signature.Challenge([]byte(vectorSecret), token); !errors.Is(err, signature.ErrToken) || got != "" {
			t.Errorf("Challenge(%q) = %q, %v, want ErrToken", token, got, err)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	secrets := signature.Secrets{[]byte(vectorSecret)}
	for _, text := range []string{fmt.Sprint(secrets), fmt.Sprintf("%v", secrets), fmt.Sprintf("%+v", secrets),
		fmt.Sprintf("%#v", secrets)} {
		if strings.Contains(text, vectorSecret) || text != "1 secrets" {
			t.Errorf("secrets print as %q", text)
		}
	}
}

// FuzzVerify: what is signed is accepted, and nothing else.
func FuzzVerify(f *testing.F) {
	examples, err := filepath.Glob("../../spec/examples/*.json")
	if err != nil || len(examples) == 0 {
		f.Fatalf("no examples: %v", err)
	}
	for _, example := range examples {
		body, err := os.ReadFile(example)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(signature.Sign([]byte(vectorSecret), vectorTimestamp, body), vectorTimestamp, body)
	}
	f.Add(vectorSignature, vectorTimestamp, []byte(vectorBody))
	f.Add("v0=", "", []byte{})
	f.Add("", "1", []byte("{}"))
	secrets := signature.Secrets{[]byte(vectorSecret)}
	f.Fuzz(func(t *testing.T, header, timestamp string, body []byte) {
		err := secrets.Verify([]string{header}, []string{timestamp}, body, vectorNow, signature.DefaultTolerance)
		signed := header == signature.Sign([]byte(vectorSecret), timestamp, body)
		if err == nil && !signed {
			t.Errorf("Verify accepted %q, which is not the signature", header)
		}
		if err != nil && signed && timestamp == vectorTimestamp {
			t.Errorf("Verify refused the signature: %v", err)
		}
	})
}

// What the headers tell, they tell without the body; a stale claim says by how much, and in which direction.
func TestRead(t *testing.T) {
	for after, want := range map[time.Duration]error{
		0: nil, 5 * time.Minute: nil, -5 * time.Minute: nil, 5*time.Minute + 1: signature.ErrStale,
		-6 * time.Minute: signature.ErrStale,
	} {
		now := vectorNow.Add(after)
		claim, err := signature.Read([]string{vectorSignature}, []string{vectorTimestamp}, now, signature.DefaultTolerance)
		if !errors.Is(err, want) || claim.Offset != -after {
			t.Errorf("%v after: %v and %v, want %v", after, claim.Offset, err, want)
		}
		if err == nil && (signature.Secrets{[]byte(vectorSecret)}).Confirm(claim, []byte(vectorBody)) != nil {
			t.Errorf("%v after: not confirmed", after)
		}
	}
	claim, err := signature.Read([]string{vectorSignature}, []string{vectorTimestamp}, vectorNow,
		signature.DefaultTolerance)
	if err != nil {
		t.Fatal(err)
	}
	if err := (signature.Secrets{[]byte("another")}).Confirm(claim, []byte(vectorBody)); !errors.Is(err,
		signature.ErrWrong) {
		t.Errorf("by another secret: %v", err)
	}
	if err := (signature.Secrets{}).Confirm(claim, []byte(vectorBody)); !errors.Is(err, signature.ErrWrong) {
		t.Errorf("without a secret: %v", err)
	}
	if err := (signature.Secrets{[]byte(vectorSecret)}).Confirm(signature.Claim{}, nil); !errors.Is(err,
		signature.ErrWrong) {
		t.Errorf("no claim: %v", err)
	}
}
