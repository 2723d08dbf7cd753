package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"numhook/server/signature"
	"numhook/server/terminal"
)

// longestArgument is what a body may have to be an argument of curl. Linux takes 128 KiB for one.
const longestArgument = 100 << 10

// printCurl prints the delivery as a command that can be pasted into any POSIX shell. Nothing in it makes curl read a
// file, whatever the body or the URL begin with; nothing steers the terminal that it is printed on; and what curl
// sends is the body byte for byte.
func (s *sending) printCurl(header http.Header, body []byte) error {
	to, err := url.Parse(s.flags.url)
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
		return fmt.Errorf("cannot print a command for --url %q: it must begin with http:// or https://", s.flags.url)
	}
	var line strings.Builder
	// --data and --data-binary would take what follows an @ for the name of a file.
	data := "--data-raw " + shellQuote(string(body))
	if needsPrintf(body) {
		line.WriteString("printf '" + printfFormat(body) + "' | ")
		data = "--data-binary @-"
	}
	line.WriteString("curl --silent --show-error --include --globoff --proto =http,https")
	for _, name := range []string{"Content-Type", signature.HeaderTimestamp, signature.HeaderSignature} {
		// It begins with the name, and so never with the @ of a file.
		line.WriteString(" --header " + shellQuote(strings.ToLower(name)+": "+header.Get(name)))
	}
	line.WriteString(" " + data + " --url " + shellQuote(to.String()))
	_, err = fmt.Fprintln(s.out, line.String())
	return err
}

func shellQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// needsPrintf reports whether the body cannot stand in the command as it is: it would steer the terminal, or is too
// long, or nothing.
func needsPrintf(body []byte) bool {
	return len(body) > longestArgument || terminal.Line(string(body)) != string(body)
}

// printfFormat is the format from which printf makes the body, in single quotes. What is not plain ASCII stands as
// octal digits.
func printfFormat(body []byte) string {
	var format strings.Builder
	format.Grow(len(body) + len(body)/4)
	for i, c := range body {
		switch {
		case c == '%':
			format.WriteString("%%")
		case c < ' ' || c > '~' || c == '\'' || c == '\\' || c == '#' || i == 0 && c == '-': // it is no option
			fmt.Fprintf(&format, `\%03o`, c)
		default:
			format.WriteByte(c)
		}
	}
	return format.String()
}
