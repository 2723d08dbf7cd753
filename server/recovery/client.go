package recovery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"numhook/gen/senderlog"
	"numhook/server/event"
)

const (
	callTime    = 30 * time.Second // that one call may take
	mostTries   = 5                // of one call, where the trouble may pass
	firstWait   = time.Second      // between two tries; twice as long after each
	longestWait = 5 * time.Minute  // that the sender may ask for: after more, the next run goes on
	mostBytes   = 64 << 20         // of one answer: the largest page of bodies of 200 KiB
	tokenMargin = time.Minute      // before its end a token is no longer used
)

// timeForm is how the sender writes times.
const timeForm = "2006-01-02T15:04:05Z"

// errPageGone says that the sender no longer takes a page's token.
var errPageGone = errors.New("the page's token has ended")

// trouble is an error of the sender's side. It holds nothing that was sent: an answer may quote anything.
func trouble(why, hint string) error {
	return &event.Error{Kind: event.Unavailable, Text: "cannot read the sender's log: " + why, Hint: hint}
}

// page is one answer of the log.
type page struct {
	Next string            `json:"next_page_token"`
	Rows []json.RawMessage `json:"webhook_logs"`
}

// page asks for a page of all deliveries, those too that did not fail: what was acknowledged may be lost since.
func (r *Reader) page(ctx context.Context, from, to time.Time, token string) (p page, err error) {
	begin, end, size, all := from.Format(timeForm), to.Format(timeForm), pageSize, senderlog.ListWebhookLogsParamsTypeN1
	params := &senderlog.ListWebhookLogsParams{From: &begin, To: &end, PageSize: &size, Type: &all}
	if token != "" {
		params.NextPageToken = &token
	}
	err = r.call(ctx, r.authorize, func(ctx context.Context) (*http.Response, error) {
		return r.api.ListWebhookLogs(ctx, r.cfg.AppID, params, func(_ context.Context, request *http.Request) error {
			request.Header.Set("Authorization", "Bearer "+r.token)
			return nil
		})
	}, func(status int) error {
		switch {
		case status == http.StatusUnauthorized:
			r.token = "" // it ended early, or was taken back
			return nil
		case status == http.StatusBadRequest && token != "":
			return errPageGone
		}
		return trouble("it answers "+strconv.Itoa(status), "look at app_id, and whether the app that client_id names "+
			"has the scope marketplace_app:read")
	}, func(body []byte) error {
		p = page{}
		if err := json.Unmarshal(body, &p); err != nil || p.Rows == nil {
			return errors.New("a page is not what the document says")
		}
		return nil
	})
	return p, err
}

// authorize has a token that is good for a while.
func (r *Reader) authorize(ctx context.Context) error {
	if r.token != "" && r.cfg.Now().Before(r.ends) {
		return nil
	}
	secret, err := r.cfg.Secret()
	if err != nil {
		return err
	}
	params := &senderlog.CreateTokenParams{GrantType: senderlog.CreateTokenParamsGrantTypeAccountCredentials,
		AccountId: r.cfg.AccountID}
	ready := func(context.Context) error { return nil }
	return r.call(ctx, ready, func(ctx context.Context) (*http.Response, error) {
		return r.tokens.CreateToken(ctx, params, func(_ context.Context, request *http.Request) error {
			request.SetBasicAuth(r.cfg.ClientID, secret)
			return nil
		})
	}, func(status int) error {
		return trouble("no token is given, the answer is "+strconv.Itoa(status), "look at account_id, client_id and "+
			"client_secret_file, and whether the app is activated")
	}, func(body []byte) error {
		var t senderlog.Token
		if err := json.Unmarshal(body, &t); err != nil || t.AccessToken == "" {
			return errors.New("a token is not what the document says")
		}
		r.token, r.ends = t.AccessToken, r.cfg.Now().Add(time.Duration(t.ExpiresIn)*time.Second-tokenMargin)
		return nil
	})
}

// call makes a call until it is answered with 200 and the answer can be read, or the trouble is none that passes: what
// a refusal says of a status below 500, where that is nil the call is made again. Prepare comes before each try.
func (r *Reader) call(
	ctx context.Context, prepare func(context.Context) error, do func(context.Context) (*http.Response, error),
	refusal func(status int) error, read func(body []byte) error,
) error {
	pause, last := firstWait, ""
	for try := 1; ; try++ {
		if err := prepare(ctx); err != nil {
			return err
		}
		status, asked, body, err := r.once(ctx, do)
		switch known, ours := errors.AsType[*event.Error](err); {
		case ctx.Err() != nil:
			return ctx.Err()
		case ours:
			return known
		case err != nil:
			last = "it cannot be reached, or its answer broke off" // the error may hold the address with its query
		case status == http.StatusOK:
			flaw := read(body)
			if flaw == nil {
				return nil
			}
			last = flaw.Error()
		case status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
			last = fmt.Sprintf("it answers %d", status)
		default:
			if err := refusal(status); err != nil {
				return err
			}
			last = fmt.Sprintf("it answers %d", status)
		}
		next := max(pause, asked)
		if try == mostTries || next > longestWait {
			return trouble(last, "what was recovered so far is kept; the next run goes on")
		}
		if err := r.cfg.Wait(ctx, next); err != nil {
			return err
		}
		pause *= 2
	}
}

// once makes a call once, and takes the sender's clock from its answer. Asked is how long the sender wants us to wait.
func (r *Reader) once(
	ctx context.Context, do func(context.Context) (*http.Response, error),
) (status int, asked time.Duration, body []byte, err error) {
	limited, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	answer, err := do(limited)
	if err != nil {
		return 0, 0, nil, err
	}
	defer answer.Body.Close()
	now := r.cfg.Now()
	if shown, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		r.ahead = shown.Sub(now).Truncate(time.Second)
	}
	body, err = io.ReadAll(io.LimitReader(answer.Body, mostBytes+1))
	if err == nil && len(body) > mostBytes {
		err = trouble("an answer is larger than 64 MiB", "")
	}
	return answer.StatusCode, retryAfter(answer.Header.Get("Retry-After"), now.Add(r.ahead)), body, err
}

// retryAfter reads seconds or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil { // as the sender writes it after a day's limit
		return max(at.Sub(now), 0)
	}
	return 0
}
