package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"numhook/server/event"
	"numhook/server/secretfile"
)

// Recovery is how the sender's log is read, with the defaults filled in.
type Recovery struct {
	AppID, AccountID, ClientID string
	ClientSecretFile           string
	ReachBack                  time.Duration
	APIURL, TokenURL           string
	AllowPrivate               bool
}

const (
	longestReach    = 168 * time.Hour // the sender keeps its log for so long
	defaultAPIURL   = "https://api.zoom.us"
	defaultOAuthURL = "https://zoom.us"
)

// recovery reads how the sender's log is read; nil when the file does not say.
func (r *reader) recovery() *Recovery {
	e := entry{r, "/recovery"}
	if r.at(e.pointer) == nil {
		return nil
	}
	s := &Recovery{
		AppID: e.text("app_id"), AccountID: e.text("account_id"), ClientID: e.text("client_id"), ReachBack: longestReach,
		APIURL:   cmp.Or(e.text("api_url"), defaultAPIURL),
		TokenURL: cmp.Or(e.text("token_url"), defaultOAuthURL), AllowPrivate: e.text("allow_private") == "true",
	}
	if time, ok := e.duration(e.value("reach_back"), "reach_back", longestReach); ok {
		s.ReachBack = time
	}
	for _, key := range []string{"api_url", "token_url"} {
		if n := e.value(key); n != nil && strings.HasPrefix(n.Value, "http:") && !s.AllowPrivate {
			r.tell(n, "the "+key+" would send a secret in the clear", "write https://, or allow_private: true for this machine")
		}
	}
	e.clientSecret(s)
	return s
}

func (e entry) clientSecret(s *Recovery) {
	const key = "client_secret_file"
	n := e.value(key)
	path, ok := e.private(n, key)
	if !ok {
		return
	}
	s.ClientSecretFile = path
	text, ok := e.content(n, key, path, maxSecretFile)
	if !ok {
		return
	}
	if _, err := parseClientSecret(path, text); err != nil {
		e.tell(n, err.Err.Error(), err.Hint)
	}
}

// ClientSecret reads the secret of the app that asks.
func (s *Recovery) ClientSecret() (string, error) {
	text, err := os.ReadFile(s.ClientSecretFile)
	if err != nil {
		return "", &event.Error{Kind: event.Internal, Text: "cannot read " + s.ClientSecretFile, Err: bare(err),
			Hint: "let the user that numhook runs as read it"}
	}
	secret, flaw := parseClientSecret(s.ClientSecretFile, text)
	if flaw != nil {
		return "", flaw
	}
	return secret, nil
}

// parseClientSecret takes the one secret of a file. The error quotes nothing of it.
func parseClientSecret(path string, content []byte) (string, *event.Error) {
	const remedy = "write the client secret of the server-to-server OAuth app on one line"
	wrong := func(what, remedy string) (string, *event.Error) {
		return "", &event.Error{Kind: event.Invalid, Text: "cannot use " + path, Err: errors.New(what), Hint: remedy}
	}
	lines, err := secretfile.Parse(path, content)
	if fault, ok := errors.AsType[*secretfile.Fault](err); ok {
		return wrong("the client_secret_file "+fault.What, fault.Remedy)
	}
	if len(lines) != 1 {
		return wrong(fmt.Sprintf("the client_secret_file holds %d secrets", len(lines)), remedy)
	}
	return lines[0].Text, nil
}
