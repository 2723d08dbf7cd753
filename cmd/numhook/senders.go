package main

import (
	"net/url"

	"numhook/cmd/numhook/config"
	"numhook/server/certreload"
	"numhook/server/dispatch"
	"numhook/server/dispatch/command"
	"numhook/server/dispatch/filelog"
	"numhook/server/dispatch/jetstream"
	"numhook/server/dispatch/kafka"
	"numhook/server/dispatch/netguard"
	"numhook/server/dispatch/webhook"
	"numhook/server/secretfile"
)

// newSender makes the sender for a downstream's scheme. The reloader looks after the files that it uses.
func newSender(d config.Downstream, reloader *certreload.Reloader) (dispatch.Sender, error) {
	switch d.Scheme {
	case config.HTTPS, config.HTTP:
		return newWebhook(d, reloader)
	case config.Exec:
		return command.New(command.Config{Path: d.Path, Args: d.Args, Env: d.Env})
	case config.File:
		return filelog.New(filelog.Config{Path: d.Path, Rotate: d.Rotate, Keep: d.Keep, Anyway: true})
	}
	secured, err := netguard.TLS(netguard.Files{CA: d.CAFile, Cert: d.ClientCert, Key: d.ClientKey, Name: d.Name,
		Watch: reloader.Add})
	if err != nil {
		return nil, err
	}
	dial := netguard.Dialer(d.AllowPrivate).DialContext
	if d.Scheme == config.NATS {
		shown, err := newestCredentials(d, reloader, func(content []byte) ([]byte, error) {
			return content, config.CheckCredentials(d.Credentials, content)
		})
		if err != nil {
			return nil, err
		}
		return jetstream.New(jetstream.Config{URL: d.URL, Dial: dial, TLS: secured, Credentials: shown})
	}
	user, err := newestCredentials(d, reloader, func(content []byte) (*url.Userinfo,
		error) {
		return config.ParseUser(d.Credentials, content)
	})
	if err != nil {
		return nil, err
	}
	c := kafka.Config{URL: d.URL, Dial: dial, TLS: secured}
	if user != nil {
		c.Credentials = func() (string, string) {
			now := user()
			password, _ := now.Password()
			return now.Username(), password
		}
	}
	return kafka.New(c)
}

func newWebhook(d config.Downstream, reloader *certreload.Reloader) (dispatch.Sender, error) {
	secrets, err := certreload.Load(certreload.Reading[[]webhook.Secret]{
		Name: netguard.Called(d.Name, "secret_file"), Files: []string{d.SecretFile}, Open: secretfile.Open,
		Parse: func(contents [][]byte) (all []webhook.Secret, err error) {
			keys, err := config.ParseSecrets(d.SecretFile, contents[0])
			if err != nil {
				return nil, err
			}
			for _, key := range keys {
				secret, err := webhook.NewSecret(key)
				if err != nil {
					return nil, err
				}
				all = append(all, secret)
			}
			return all, nil
		},
	})
	if err != nil {
		return nil, err
	}
	reloader.Add(secrets)
	return webhook.New(webhook.Config{
		URL: d.URL, Renewed: secrets.Newest, Headers: d.Headers, Proxy: d.Proxy, HeadersFile: d.HeadersFile,
		Concurrency:  d.Concurrency,
		AllowPrivate: d.AllowPrivate, CAFile: d.CAFile, CertFile: d.ClientCert, KeyFile: d.ClientKey, Name: d.Name,
		Watch: reloader.Add,
	})
}

// newestCredentials gives what the downstream's credentials file holds, as it is now. It gives nil for a downstream
// without one.
func newestCredentials[T any](
	d config.Downstream, reloader *certreload.Reloader, parse func(content []byte) (T, error),
) (func() T, error) {
	if d.Credentials == "" {
		return nil, nil
	}
	source, err := certreload.Load(certreload.Reading[T]{
		Name: netguard.Called(d.Name, "credentials"), Files: []string{d.Credentials}, Open: secretfile.Open,
		Parse: func(contents [][]byte) (T, error) { return parse(contents[0]) },
	})
	if err != nil {
		return nil, err
	}
	reloader.Add(source)
	return source.Newest, nil
}
