package operator

import (
	"context"
	"net/http"
	"time"

	gen "numhook/gen/operator"
	"numhook/server/event"
)

// Status is how the receiver stands. Queue, checks, warnings and the certificate are of the one process.
type Status struct {
	Version         string
	Started         time.Time
	Engine          string // of the store: sqlite or postgres
	Ready           bool
	Checks          map[string]string
	Warnings        map[string]string
	Queue           int64
	LastChallenge   time.Time // zero where there was none
	CertificateEnds time.Time // zero without TLS
	Digest          string    // of the document that the process was built with
	QuarantineHeld  int64
}

// ShowStatus implements the document.
func (a *API) ShowStatus(ctx context.Context, _ gen.ShowStatusRequestObject) (gen.ShowStatusResponseObject, error) {
	s, err := a.Config.Status(ctx)
	if err != nil {
		return nil, err
	}
	downstreams, err := a.statuses.get(ctx, a.Store.Downstreams)
	if err != nil {
		return nil, err
	}
	shown := gen.ShowStatus200JSONResponse{
		Version: s.Version, Started: s.Started, At: a.Now().UTC(), Store: gen.StatusStore(s.Engine), Ready: s.Ready,
		Checks: s.Checks, Warnings: map[string]string{}, Queue: s.Queue, LastChallenge: some(s.LastChallenge),
		CertificateEnds: some(s.CertificateEnds), QuarantineHeld: s.QuarantineHeld,
	}
	for name, warning := range s.Warnings {
		shown.Warnings[name] = warning
	}
	shown.Document.Digest, shown.Document.Events = s.Digest, append([]string{}, a.Known...)
	for _, d := range downstreams {
		shown.Owed, shown.Dead = shown.Owed+d.Waiting+d.Attempting, shown.Dead+d.Dead
	}
	return shown, nil
}

// ListAccesses implements the document.
func (a *API) ListAccesses(
	ctx context.Context, r gen.ListAccessesRequestObject,
) (gen.ListAccessesResponseObject, error) {
	before, err := cursor(r.Params.After)
	if err != nil {
		return nil, err
	}
	limit, filter := limitOf(r.Params.Limit), event.AccessFilter{Who: given(r.Params.Who), Object: given(r.Params.Object)}
	list, err := a.Store.Accesses(ctx, filter, before, limit+1)
	if err != nil {
		return nil, err
	}
	detail := narrowed("who", filter.Who, "object", filter.Object, "after", given(r.Params.After))
	if err := a.look(ctx, "accesses list", "", detail); err != nil {
		return nil, err
	}
	page, next := cut(list, limit, func(one event.Access) string { return text(one.ID) })
	return gen.ListAccesses200JSONResponse{Items: mapped(page, accessOf), Next: next}, nil
}

func accessOf(a event.Access) gen.Access {
	return gen.Access{
		Id: a.ID, At: a.At, Who: a.Who, Role: a.Role, From: a.From, Action: a.Action, Object: a.Object, Detail: a.Detail,
		Result: gen.AccessResult(a.Result),
	}
}

// document is the document as it is served, byte for byte.
type document []byte

// VisitShowDocumentResponse implements the generated code's interface of an answer.
func (d document) VisitShowDocumentResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(d)
	return err
}

// ShowDocument implements the document.
func (a *API) ShowDocument(
	context.Context, gen.ShowDocumentRequestObject,
) (gen.ShowDocumentResponseObject, error) {
	return document(a.Document), nil
}
