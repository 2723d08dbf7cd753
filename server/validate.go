package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"numhook/server/contract"
	"numhook/server/event"
)

// validated is what validate finds out. Value and request are there only when the delivery is accepted.
type validated struct {
	contract.Verdict
	value   any           // of the body, as kin-openapi validated it
	request *http.Request // of the operation, as kin-openapi validated it
}

// validate picks the operation of a delivery and holds the body against it: first the contract's check, which decides,
// then kin-openapi's filter.
func validate(
	ctx context.Context, c *contract.Contract, by filters, d event.Delivery, document *contract.Document,
) (validated, error) {
	v := validated{Verdict: c.Judge(d.Path, d.Received, document, MaxFindings)}
	if v.Refused != "" {
		return v, &refusal{kind: v.Refused, event: v.Operation, violations: v.Violations, omitted: v.Omitted}
	}
	v.value = document.Value()
	var err error
	v.request, err = by[v.Operation].admit(ctx, d.Body, v.value)
	return v, err
}

// mediaType is what every delivery counts as: the sender publishes a malformed content type itself.
const mediaType = "application/json"

// filters are kin-openapi's request validation, by event name.
type filters map[string]*filter

// filter is kin-openapi's request validation of one operation. What a request must have besides a body that fits is the
// filter's: parameters, security, a body at all, its media type. The body's schema is visited on the value that the
// strict parse has already made, so the filter is given the operation without it: it would parse the body again.
type filter struct {
	route  *routers.Route
	url    *url.URL
	header http.Header      // url and header are shared by all requests: nobody writes to them
	schema *openapi3.Schema // of the body; nil where the document has none
}

// newFilters prepares the document's operations. For a 3.1 document kin-openapi compiles the body's JSON Schema again
// on every request, at 0.3 to 0.6 ms each; the check that decides has compiled it once (package contract), so here the
// schema is visited without compiling, as kin-openapi does for a 3.0 document. The two are held equal by a differential
// test in package contract.
func newFilters(doc *openapi3.T) filters {
	walked := *doc
	walked.OpenAPI = "3.0.3"
	byEvent := make(filters, doc.Paths.Len())
	for path, item := range doc.Paths.Map() {
		if item.Post == nil {
			continue
		}
		operation, f := *item.Post, &filter{url: &url.URL{Path: path}, header: http.Header{"Content-Type": {mediaType}}}
		if operation.RequestBody != nil && operation.RequestBody.Value != nil {
			body := *operation.RequestBody.Value
			body.Content, f.schema = withoutSchema(body.Content)
			operation.RequestBody = &openapi3.RequestBodyRef{Value: &body}
		}
		f.route = &routers.Route{
			Spec: &walked, Path: path, PathItem: item, Method: http.MethodPost, Operation: &operation,
		}
		byEvent[strings.TrimPrefix(path, "/")] = f
	}
	return byEvent
}

// withoutSchema parts the media types that a body may have from the schema of its JSON.
func withoutSchema(content openapi3.Content) (openapi3.Content, *openapi3.Schema) {
	bare := make(openapi3.Content, len(content))
	for name := range content {
		bare[name] = openapi3.NewMediaType()
	}
	if media := content.Get(mediaType); media != nil && media.Schema != nil {
		return bare, media.Schema.Value
	}
	return bare, nil
}

// filterOptions have the filter change nothing, and trust a delivery whose signature was good.
var filterOptions = &openapi3filter.Options{
	SkipSettingDefaults: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
}

// admit holds a delivery against the operation, and returns it as the operation's request: whatever path and content
// type it came with, it is JSON that is posted to the event's path. Value is the strict parse of the raw body.
func (f *filter) admit(ctx context.Context, raw []byte, value any) (*http.Request, error) {
	request := (&http.Request{
		Method: http.MethodPost,
		URL:    f.url,
		Header: f.header,
		Body:   io.NopCloser(bytes.NewReader(raw)),
	}).WithContext(ctx)
	err := openapi3filter.ValidateRequest(ctx, &openapi3filter.RequestValidationInput{
		Request: request, Route: f.route, Options: filterOptions,
	})
	if err == nil && f.schema != nil {
		err = f.schema.VisitJSON(value, openapi3.VisitAsRequest())
	}
	if err != nil {
		// Its text quotes the value. The contract check, which never does, has found nothing, so all that can be said is
		// where the filter stopped.
		violation := event.Finding{
			Kind: event.Violation, Rule: "filter", Pointer: pointerOf(err),
			Message: "the request filter refuses what stands here",
		}
		name := strings.TrimPrefix(f.url.Path, "/")
		return nil, &refusal{kind: event.Invalid, event: name, violations: []event.Finding{violation}}
	}
	return request, nil
}

// pointerOf is the position in the body that the filter's error speaks of, as a JSON pointer.
func pointerOf(err error) string {
	if schema, ok := errors.AsType[*openapi3.SchemaError](err); ok {
		escape := strings.NewReplacer("~", "~0", "/", "~1")
		var pointer strings.Builder
		for _, token := range schema.JSONPointer() {
			pointer.WriteString("/" + escape.Replace(token))
		}
		return pointer.String()
	}
	return ""
}
