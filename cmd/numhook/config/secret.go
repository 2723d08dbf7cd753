package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"numhook/server/event"
	"numhook/server/secretfile"
)

// What Standard Webhooks says of a symmetric secret.
const (
	secretStart    = "whsec_"
	shortestSecret = 24 // bytes, before base64
	longestSecret  = 64
)

const (
	maxSecretFile = 16 << 10
	// every one makes every request longer; two are enough while one is being changed
	mostSecrets = 8
	//nolint:gosec // how one is made is none
	randomSecret = `write whsec_ and the base64 of 24 to 64 random bytes: echo "whsec_$(openssl rand -base64 32)"`
)

// Secrets are keys that sign, each of 24 to 64 bytes. They show themselves in no form of printing.
type Secrets [][]byte

// String says how many there are.
func (s Secrets) String() string { return fmt.Sprintf("(%d secrets)", len(s)) }

// Format hides them from every verb of package fmt.
func (s Secrets) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText hides them from encoders.
func (s Secrets) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides them from logs.
func (s Secrets) LogValue() slog.Value { return slog.StringValue(s.String()) }

// secrets reads the file with what signs. Without one nobody could tell our changes from a forger's, so the schema
// wants it.
func (e entry) secrets(d *Downstream) {
	const key = "secret_file"
	n := e.value(key)
	path, ok := e.private(n, key)
	if !ok || d.Scheme == "" {
		return
	}
	text, ok := e.content(n, key, path, maxSecretFile)
	if !ok {
		return
	}
	d.SecretFile = path
	secrets, err := ParseSecrets(path, text)
	if flaw, ok := errors.AsType[*event.Error](err); ok {
		e.tell(n, flaw.Err.Error(), flaw.Hint)
		return
	}
	d.Secrets = secrets
}

// ParseSecrets reads the content of a secret_file. The error is an *event.Error with a hint, and quotes nothing that
// was read.
func ParseSecrets(path string, content []byte) (secrets Secrets, err error) {
	wrong := func(what, remedy string) (Secrets, error) {
		return nil, &event.Error{Kind: event.Invalid, Text: "cannot use " + path, Err: errors.New(what), Hint: remedy}
	}
	lines, err := secretfile.Parse(path, content)
	if fault, ok := errors.AsType[*secretfile.Fault](err); ok {
		position := "the secret_file " + path
		if fault.Line > 0 {
			position = fmt.Sprintf("line %d of the secret_file", fault.Line)
		}
		return wrong(position+" "+fault.What, fault.Remedy)
	}
	for _, line := range lines {
		secret, what := parseSecret(line.Text)
		if what != "" {
			return wrong(fmt.Sprintf("line %d of the secret_file %s", line.Line, what), randomSecret)
		}
		secrets = append(secrets, secret)
	}
	switch {
	case len(secrets) == 0:
		return wrong("the secret_file holds no secret", randomSecret)
	case len(secrets) > mostSecrets:
		return wrong(fmt.Sprintf("the secret_file holds %d secrets", len(secrets)),
			"leave those that the downstream takes: one, and two while one is being changed")
	}
	return secrets, nil
}

func parseSecret(line string) (secret []byte, wrong string) {
	encoded, ok := strings.CutPrefix(line, secretStart)
	if !ok {
		return nil, "does not begin with whsec_"
	}
	secret, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.Contains(encoded, "\r") { // which the decoder passes over
		return nil, "is not base64 behind whsec_"
	}
	if len(secret) < shortestSecret || len(secret) > longestSecret {
		return nil, fmt.Sprintf("is a secret of %d bytes", len(secret))
	}
	return secret, ""
}

// located is where a file is; a name that is relative is so to the configuration's folder.
func (r *reader) located(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(r.folder, name)
}

// regular takes the name of a file that is there.
func (r *reader) regular(n *node, key string) (string, os.FileInfo, bool) {
	if n == nil {
		return "", nil, false
	}
	path := r.located(n.Value)
	info, err := os.Stat(path)
	if err != nil {
		r.tell(n, fmt.Sprintf("the %s %s cannot be read: %v", key, path, bare(err)), "write the name of a file that is "+
			"there; a relative one is looked for beside this file")
		return "", nil, false
	}
	if !info.Mode().IsRegular() {
		r.tell(n, fmt.Sprintf("the %s %s is not a file", key, path), "write the name of a file")
		return "", nil, false
	}
	return path, info, true
}

// private takes the name of a file that nobody but its owner may read.
func (r *reader) private(n *node, key string) (string, bool) {
	path, info, ok := r.regular(n, key)
	if ok && info.Mode()&0o077 != 0 {
		r.tell(n, fmt.Sprintf("the %s %s can be read by others (mode %04o)", key, path, info.Mode().Perm()), "run chmod 600 "+
			path)
		return path, false
	}
	return path, ok
}

// content reads a file of at most that many bytes.
func (r *reader) content(n *node, key, path string, most int64) ([]byte, bool) {
	file, err := os.Open(path)
	if err != nil {
		r.tell(n, fmt.Sprintf("the %s %s cannot be read: %v", key, path, bare(err)), "let the user that numhook runs "+
			"as read it")
		return nil, false
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil || int64(len(text)) > most {
		r.tell(n, fmt.Sprintf("the %s %s cannot be read, or has more than %d KiB", key, path, most>>10),
			"write the name of the right file")
		return nil, false
	}
	return text, true
}
