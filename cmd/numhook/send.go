package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"numhook/server"
	"numhook/server/event"
	"numhook/server/signature"
	"numhook/server/terminal"
	"numhook/spec"
)

type sendFlags struct {
	url        string
	secretFile string
	print      bool
	challenge  bool
	count      int
	rate       float64
	settings   settings
}

var errNothingSigns = &event.Error{
	Kind: event.Invalid, Text: "cannot send: there is no secret to sign with",
	Hint: "name one with --secret-file or " + secretsVariable + ", or run this in the folder of serve --dev",
}

func newSendCommand() *cobra.Command {
	f := &sendFlags{}
	cmd := &cobra.Command{
		Use: "send (EVENT | FILE | -)...", Short: "Send signed deliveries, as the sender would",
		Long: "Send signed deliveries, as the sender would. EVENT is an event name of the document, or any end of one that " +
			"is no other's: its\n" +
			"example is sent, with an event_ts of now. FILE and - (standard input) are sent byte for byte. Of a FILE\n" +
			"*.ndjson or *.jsonl, each also .gz, each line is a delivery; what is told of one names its line. The exit code " +
			"is 1 when any delivery is refused and 2 when the receiver cannot be reached.",
		RunE: func(cmd *cobra.Command, args []string) error { return send(cmd, f, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "http://127.0.0.1:8080/", "where to send")
	flags.StringVar(&f.secretFile, "secret-file", "", "file with secrets; the first one signs (default: "+secretsVariable+
		", or "+devSecretFile+")")
	flags.BoolVar(&f.print, "print", false, "print each delivery as a curl command instead of sending it")
	flags.BoolVar(&f.challenge, "challenge", false, "send a URL challenge and check the answer")
	flags.IntVar(&f.count, "count", 1,
		"send each so many times; an EVENT is a new event each time, a FILE or a line of it the same one")
	flags.StringVar(&f.settings.number, "number", "", "of an EVENT: name this number in place of the example's")
	flags.StringArrayVar(&f.settings.set, "set", nil, "of an EVENT: set a member, as member=value; the name of one or "+
		"its path from the root")
	flags.Float64Var(&f.rate, "rate", 0, "send at most so many a second; 0 for as fast as they are answered")
	return cmd
}

// load is what one argument asks to send: one body again and again, or the lines of a file.
type load struct {
	name  string
	body  func(n int) ([]byte, error)
	lines string // the file
}

// each visits every delivery of the load, each so many times.
func (l load) each(count int, visit func(name string, body []byte) error) error {
	if l.lines != "" {
		return eachLine(l.lines, func(line int, text []byte) error {
			for range count {
				if err := visit(l.name+":"+strconv.Itoa(line), text); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for n := range count {
		body, err := l.body(n)
		if err == nil {
			err = visit(l.name, body)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func send(cmd *cobra.Command, f *sendFlags, args []string) error {
	if f.count < 1 || !(f.rate >= 0) || math.IsInf(f.rate, 0) { // NaN is not at least anything
		return errors.New("cannot send: --count must be at least 1 and --rate at least 0")
	}
	loads, err := sendLoads(f, args, cmd.InOrStdin())
	if err != nil {
		return err
	}
	if err := checkTarget(f.url, f.print); err != nil {
		return err
	}
	secrets, err := requireSecrets(f.secretFile)
	if errors.Is(err, errNoSecret) {
		return errNothingSigns
	}
	if err != nil {
		return err
	}
	s := &sending{flags: f, secret: secrets[0], out: cmd.OutOrStdout(), client: &http.Client{
		Timeout:       server.SenderPatience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for _, l := range loads {
		s.lines = l.lines != ""
		if err := l.each(f.count, func(name string, body []byte) error {
			if err := s.pace(cmd.Context()); err != nil {
				return err
			}
			return s.one(cmd.Context(), name, body)
		}); err != nil {
			return err
		}
		if s.lines && !f.print {
			fmt.Fprintf(s.out, "%d deliveries sent: %d accepted, %d refused\n", s.sent, s.sent-s.refused, s.refused)
		}
	}
	if s.refused > 0 {
		return &exitError{code: exitNo, err: fmt.Errorf("%d of %d deliveries were refused", s.refused, s.sent)}
	}
	return nil
}

func sendLoads(f *sendFlags, args []string, in io.Reader) ([]load, error) {
	var loads []load
	if f.challenge {
		loads = append(loads, load{name: "challenge", body: func(n int) ([]byte, error) { return challengeBody(n) }})
	}
	for _, arg := range args {
		l, err := loadOf(arg, in, f.settings)
		if err != nil {
			return nil, err
		}
		loads = append(loads, l)
	}
	if len(loads) == 0 {
		return nil, errors.New("cannot send: name an event, a file, or - for standard input (events: " +
			strings.Join(spec.Examples(), ", ") + ")")
	}
	return loads, nil
}

func loadOf(arg string, in io.Reader, changed settings) (load, error) {
	same := func(raw []byte) func(int) ([]byte, error) { return func(int) ([]byte, error) { return raw, nil } }
	if arg == "-" && !changed.any() {
		raw, err := io.ReadAll(in)
		if err == nil && len(raw) == 0 {
			err = errors.New("cannot send: standard input is empty")
		}
		return load{name: "standard input", body: same(raw)}, err
	}
	_, missing := os.Stat(arg)
	if slices.Contains(spec.Examples(), arg) || errors.Is(missing, os.ErrNotExist) {
		switch name, err := eventNamed(arg, spec.Examples()); {
		case err != nil:
			return load{}, fmt.Errorf("cannot send: %w", err)
		case name != "":
			example, _ := spec.Example(name)
			return load{name: name, body: func(n int) ([]byte, error) {
				body, err := fresh(example, n)
				if err == nil {
					body, err = changed.apply(body)
				}
				return body, err
			}}, nil
		}
	}
	if changed.any() {
		return load{}, misuse("cannot send: --number and --set change the example of an event, and a file is sent as it is",
			"name one of "+strings.Join(spec.Examples(), ", "))
	}
	if hasLines(arg) {
		_, err := os.Stat(arg)
		return load{name: arg, lines: arg}, err
	}
	raw, err := os.ReadFile(arg)
	if errors.Is(err, os.ErrNotExist) {
		return load{}, fmt.Errorf("cannot send %q: there is no such file, and no such event (events: %s)", arg,
			strings.Join(spec.Examples(), ", "))
	}
	return load{name: arg, body: same(raw)}, err
}

// fresh is the example with an event_ts of now, and n milliseconds so that no two are the same event.
func fresh(example []byte, n int) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(example, &members); err != nil {
		return nil, fmt.Errorf("cannot read the example: %w", err)
	}
	members["event_ts"] = json.RawMessage(fmt.Sprint(time.Now().UnixMilli() + int64(n)))
	return json.Marshal(members)
}

func challengeBody(n int) ([]byte, error) {
	return json.Marshal(map[string]any{
		"event":    "endpoint.url_validation",
		"event_ts": time.Now().UnixMilli(),
		"payload":  map[string]any{"plainToken": challengeToken(n)},
	})
}

func challengeToken(n int) string { return fmt.Sprintf("numhook-send-%d", n) }

// sending signs, sends and shows one delivery after another.
type sending struct {
	flags   *sendFlags
	secret  []byte
	client  *http.Client
	out     io.Writer
	next    time.Time
	lines   bool // of a file: what is told of each is one line, but for those refused
	sent    int
	refused int
}

// pace waits until the next delivery may go.
func (s *sending) pace(ctx context.Context) error {
	if s.flags.rate <= 0 {
		return ctx.Err()
	}
	if s.next.IsZero() {
		s.next = time.Now()
	}
	timer := time.NewTimer(time.Until(s.next))
	defer timer.Stop()
	s.next = s.next.Add(time.Duration(float64(time.Second) / s.flags.rate))
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *sending) one(ctx context.Context, name string, body []byte) error {
	timestamp := signature.Timestamp(time.Now())
	header := http.Header{
		"Content-Type":            {"application/json; charset=utf-8"},
		"User-Agent":              {"numhook-send"},
		signature.HeaderTimestamp: {timestamp},
		signature.HeaderSignature: {signature.Sign(s.secret, timestamp, body)},
	}
	if s.flags.print {
		return s.printCurl(header, body)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.flags.url, bytes.NewReader(body))
	if err != nil {
		return errTarget
	}
	request.Header = header
	began := time.Now()
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("cannot send %s: %w", name, withoutURL(err))
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, server.DefaultMaxBody))
	if err != nil {
		return fmt.Errorf("cannot read the answer to %s: %w", name, err)
	}
	s.sent++
	took, verdict, refused := time.Since(began), "", s.refused
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNoContent {
		s.refused++
	} else if name == "challenge" {
		verdict = s.checkChallenge(body, answer)
	}
	if s.flags.count > 1 {
		name += " " + strconv.Itoa(s.sent)
	}
	line := fmt.Sprintf("%s: %s in %d ms%s\n", terminal.Escape(name), terminal.Escape(response.Status),
		took.Milliseconds(), verdict)
	if s.flags.count == 1 && (!s.lines || s.refused > refused) {
		line += answerText(bytes.TrimSpace(answer)) + "\n"
	}
	_, err = io.WriteString(s.out, line)
	return err
}

// answerText is the receiver's answer as it can be shown: JSON as it is, and anything else behind a margin.
func answerText(answer []byte) string {
	if len(answer) == 0 || json.Valid(answer) && !bytes.ContainsAny(answer, "\n\r") {
		return string(terminal.JSON(answer))
	}
	return strings.TrimSuffix(terminal.Body(answer), "\n")
}

// checkChallenge holds the receiver's answer against the one that the sender would compute.
func (s *sending) checkChallenge(body, answer []byte) string {
	var asked struct {
		Payload struct {
			PlainToken string `json:"plainToken"`
		} `json:"payload"`
	}
	var got struct {
		PlainToken     string `json:"plainToken"`
		EncryptedToken string `json:"encryptedToken"`
	}
	want := ""
	if err := json.Unmarshal(body, &asked); err == nil {
		want, _ = signature.Challenge(s.secret, asked.Payload.PlainToken)
	}
	if err := json.Unmarshal(answer, &got); err == nil && got.EncryptedToken == want &&
		got.PlainToken == asked.Payload.PlainToken {
		return ", the tokens are right"
	}
	s.refused++
	return ", the tokens are WRONG"
}
