package main

import (
	"errors"
	"net/url"

	"numhook/server/event"
)

// What is wrong with --url. Neither quotes anything of it: it may hold a password.
var (
	errTarget = &event.Error{Kind: event.Internal, Text: "cannot send: --url is no address that deliveries can be sent to",
		Hint: "write it as http://HOST:PORT/ or https://HOST/"}
	errShown = &event.Error{Kind: event.Internal, Text: "cannot print a command: --url holds user information, which " +
		"would be shown", Hint: "leave it out of --url, and give it to curl with --user or --netrc"}
)

// checkTarget finds out whether deliveries can be sent to the URL, and shown with it.
func checkTarget(target string, shown bool) error {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return errTarget
	}
	if shown && u.User != nil {
		return errShown
	}
	return nil
}

// withoutURL is what went wrong with a request, without its URL.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
