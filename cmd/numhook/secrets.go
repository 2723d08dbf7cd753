package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"numhook/server"
	"numhook/server/certreload"
	"numhook/server/event"
	"numhook/server/secretfile"
	"numhook/server/signature"
)

var errNoSecret = &event.Error{
	Kind: event.Internal,
	Text: "cannot tell the sender's deliveries from forgeries: there is no secret",
	Hint: "put the app's secret token into a file and name it with --secret-file, or set " + secretsVariable +
		" (comma-separated); to try things out, use serve --dev",
}

// requireSecrets reads the secrets of the file, if one is given, and those of the environment, in this order. Without
// any it is the secret of the development mode that is meant, where there is one.
func requireSecrets(file string) (signature.Secrets, error) {
	file, fixed, err := findSecrets(file, false)
	if err != nil || file == "" {
		return fixed, err
	}
	raw, err := secretfile.Open(file)
	if err != nil {
		return nil, err
	}
	return joinSecrets(file, raw, fixed)
}

// findSecrets gives the file with secrets, or none, and the secrets of the environment. It is an error that there is
// neither. In dev mode a file is made, which later calls find.
func findSecrets(file string, dev bool) (found string, fixed signature.Secrets, err error) {
	named, err := secretfile.ParseVariable(secretsVariable, os.Getenv(secretsVariable))
	if err != nil {
		return "", nil, err
	}
	for _, secret := range named {
		fixed = append(fixed, []byte(secret.Text))
	}
	if file != "" || len(fixed) > 0 {
		return file, fixed, nil
	}
	if dev {
		if err := makeDevSecret(); err != nil {
			return "", nil, err
		}
	}
	if _, err := os.Stat(devSecretFile); dev || err == nil {
		return devSecretFile, nil, nil
	}
	return "", nil, errNoSecret
}

// joinSecrets are those of the file and, behind them, those of the environment that the file does not hold.
func joinSecrets(file string, raw []byte, fixed signature.Secrets) (all signature.Secrets, err error) {
	held, err := secretfile.Parse(file, raw)
	if err != nil {
		return nil, err
	}
	if len(held) == 0 {
		return nil, &event.Error{
			Kind: event.Invalid, Text: "cannot read the secrets", Err: errors.New(file + " holds none"),
			Hint: "write the app's secret token into it, alone on its line; a line that begins with # is a comment",
		}
	}
	for _, secret := range held {
		all = append(all, []byte(secret.Text))
	}
	for _, secret := range fixed {
		if !holds(all, secret) {
			all = append(all, secret)
		}
	}
	return all, nil
}

// leavingTime is how long a secret that the file no longer holds goes on being good, from the last change of the file.
// A file that is written into in pieces holds a part of a secret for a while, and the sender does not repeat what is
// refused meanwhile.
const leavingTime = 3 * time.Second

// leaving are secrets that the file does not hold any more, until their time is over.
type leaving struct {
	secrets signature.Secrets
	until   time.Time
}

// renewedSecrets are the secrets of a file, and those of the environment, as the file has them now, and for a while
// those that it had.
type renewedSecrets struct {
	*certreload.Source[signature.Secrets]
	left *atomic.Pointer[leaving]
}

// Current is what holds now.
func (r renewedSecrets) Current() signature.Secrets {
	now := r.Source.Current()
	if left := r.left.Load(); left != nil && time.Now().Before(left.until) {
		return slices.Concat(now, left.secrets)
	}
	return now
}

// leave has those of the secrets before that the newest lack hold a while longer.
func (r renewedSecrets) leave(before, newest signature.Secrets) {
	now := time.Now()
	if left := r.left.Load(); left != nil && now.Before(left.until) {
		before = slices.Concat(before, left.secrets)
	}
	gone := slices.DeleteFunc(slices.Clone(before), func(secret []byte) bool { return holds(newest, secret) })
	r.left.Store(&leaving{secrets: gone, until: now.Add(leavingTime)})
}

func holds(secrets signature.Secrets, secret []byte) bool {
	return slices.ContainsFunc(secrets, func(other []byte) bool { return bytes.Equal(other, secret) })
}

// Newer looks at the file. A delivery may be signed with a secret that was put there a moment ago, and the sender does
// not repeat what was refused.
func (r renewedSecrets) Newer(than signature.Secrets) (signature.Secrets, bool) {
	r.Renew(false)
	now := r.Current()
	return now, !slices.EqualFunc(now, than, bytes.Equal)
}

// servedSecrets are the secrets that serve verifies with. Those of a file are renewed with it.
func servedSecrets(
	file string, dev bool, reloader *certreload.Reloader, log *slog.Logger,
) (server.SecretSource, error) {
	file, fixed, err := findSecrets(file, dev)
	if err != nil {
		return nil, err
	}
	if file == "" {
		log.Info("secrets are read", slog.Int("secrets", len(fixed)), slog.Int("environment", len(fixed)))
		return fixed, nil
	}
	renewed := renewedSecrets{left: new(atomic.Pointer[leaving])}
	var before signature.Secrets // a source reads one change after the other
	source, err := certreload.Load(certreload.Reading[signature.Secrets]{
		Name: "secrets", Files: []string{file}, Open: secretfile.Open,
		Parse: func(contents [][]byte) (signature.Secrets, error) {
			newest, err := joinSecrets(file, contents[0], fixed)
			if err == nil {
				renewed.leave(before, newest)
				before = newest
			}
			return newest, err
		},
		Sum: func(s signature.Secrets) []slog.Attr { return []slog.Attr{slog.Int("secrets", len(s))} },
	})
	if err != nil {
		return nil, err
	}
	reloader.Add(source)
	log.Info("secrets are read", slog.Int("secrets", len(source.Current())), slog.Int("environment", len(fixed)))
	renewed.Source = source
	return renewed, nil
}

func makeDevSecret() error {
	if err := os.MkdirAll(dataFolder, 0o700); err != nil {
		return fmt.Errorf("cannot make the development secret: %w", err)
	}
	file, err := os.OpenFile(devSecretFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot make the development secret: %w", err)
	}
	random := make([]byte, 16)
	_, _ = rand.Read(random) // it never fails
	_, err = file.WriteString(hex.EncodeToString(random) + "\n")
	return errors.Join(err, file.Close())
}
