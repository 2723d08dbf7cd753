// Package recovery reads the log that the sender keeps of its deliveries, and has what was missed taken in. It
// guarantees that a row goes the way of a delivery or is counted as what it is, and that a run which could not read all
// of its time ends in an error: what was taken in until then stays, and the next run finds it there.
package recovery

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"numhook/gen/senderlog"
	"numhook/server/event"
)

// What the sender documents of its log.
const (
	Kept     = 7 * 24 * time.Hour // how long it keeps a row, and the longest time that one question may span
	pageSize = 300                // the largest page
)

const (
	// edge is how much less than Kept is asked for: the end moves while pages are read.
	edge = time.Minute
	// span is the longest time that one question spans: after a page's token has ended, so much is read again.
	span = 24 * time.Hour
	// mostRestarts is how often a span is begun again because a page's token had ended.
	mostRestarts = 3
)

// Intake takes in what was found.
type Intake interface {
	Has(event string) bool // whether the contract has it
	Recover(ctx context.Context, found event.Delivery) (event.Recovered, error)
}

// Config is what a Reader of the log needs. Client, Secret, the ids and both URLs are required.
type Config struct {
	AppID, AccountID, ClientID string
	Secret                     func() (string, error) // of the client; asked before each token
	APIURL, TokenURL           string                 // of the sender's, without the paths of the document
	Client                     *http.Client
	Log                        *slog.Logger
	Now                        func() time.Time
	Wait                       func(ctx context.Context, d time.Duration) error
}

// Reader reads the sender's log. It is for one goroutine at a time.
type Reader struct {
	cfg    Config
	api    *senderlog.Client
	tokens *senderlog.Client
	token  string
	ends   time.Time     // of the token
	ahead  time.Duration // of the sender's clock, as it was told last
}

// New makes a Reader. It connects to nothing.
func New(cfg Config) (*Reader, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Wait == nil {
		cfg.Wait = wait
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	// Whoever is redirected would take the secret, or the token, elsewhere.
	client := *cfg.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	api, err := senderlog.NewClient(cfg.APIURL, senderlog.WithHTTPClient(&client))
	if err != nil {
		return nil, err
	}
	tokens, err := senderlog.NewClient(cfg.TokenURL, senderlog.WithHTTPClient(&client))
	if err != nil {
		return nil, err
	}
	return &Reader{cfg: cfg, api: api, tokens: tokens}, nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Report is what a run found.
type Report struct {
	From       time.Time `json:"from"` // what was asked for, by the sender's clock
	To         time.Time `json:"to"`
	Rows       int       `json:"rows"`
	Known      int       `json:"known"`      // ours, and stored before
	New        int       `json:"new"`        // stored now
	Refused    int       `json:"refused"`    // into quarantine
	Held       int       `json:"quarantine"` // in quarantine before
	Others     int       `json:"others"`     // not of our events
	Unreadable int       `json:"unreadable"` // rows without what a delivery needs
}

// Run reads the log from one time to another, the oldest first, and has what is ours taken in. A zero from begins where
// the log does, and a zero to ends now; what lies beyond either is not asked for.
func (r *Reader) Run(ctx context.Context, from, to time.Time, intake Intake) (report Report, err error) {
	if err := r.authorize(ctx); err != nil { // which tells the sender's clock, too
		return report, err
	}
	now := r.cfg.Now().Add(r.ahead)
	if to.IsZero() || to.After(now) {
		to = now
	}
	report.From, report.To = r.within(from), to.UTC().Truncate(time.Second)
	if !report.From.Before(report.To) {
		return report, &event.Error{Kind: event.NotFound, Text: "cannot recover: the sender keeps nothing of that time",
			Hint: "its log has the last seven days"}
	}
	restarts := 0
	for begin := report.From; begin.Before(report.To); {
		end := begin.Add(span)
		if end.After(report.To) {
			end = report.To
		}
		err := r.read(ctx, r.within(begin), end, intake, &report)
		if errors.Is(err, errPageGone) && restarts < mostRestarts {
			restarts++
			continue
		}
		if err != nil {
			return report, err
		}
		begin, restarts = end, 0
	}
	return report, nil
}

// within is the time, or the oldest that the sender may be asked for now.
func (r *Reader) within(from time.Time) time.Time {
	oldest := r.cfg.Now().Add(r.ahead - Kept + edge)
	if from.Before(oldest) {
		from = oldest
	}
	return from.UTC().Truncate(time.Second)
}

// read reads all pages of a span.
func (r *Reader) read(ctx context.Context, from, to time.Time, intake Intake, report *Report) error {
	token := ""
	for {
		page, err := r.page(ctx, from, to, token)
		if err != nil {
			return err
		}
		for _, raw := range page.Rows {
			if err := r.take(ctx, raw, intake, report); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		if page.Next == token {
			return trouble("its next page is the one that was read", "")
		}
		token = page.Next
	}
}

// take has one row taken in.
func (r *Reader) take(ctx context.Context, raw []byte, intake Intake, report *Report) error {
	report.Rows++
	found, ok := readRow(raw)
	switch {
	case ok && !intake.Has(found.event):
		report.Others++
		return nil
	case !ok || len(found.delivery.Body) == 0:
		report.Unreadable++
		r.cfg.Log.Warn("a row of the sender's log cannot be read", slog.String("request_id",
			cleaned(found.delivery.Header.RequestID)))
		return nil
	}
	found.delivery.Received = r.cfg.Now().UTC()
	became, err := intake.Recover(ctx, found.delivery)
	if err != nil {
		return err
	}
	switch became {
	case event.RecoveredNew:
		report.New++
	case event.RecoveredRefused:
		report.Refused++
	case event.RecoveredHeld:
		report.Held++
	default:
		report.Known++
	}
	return nil
}
