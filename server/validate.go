package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/labstack/echo/v4"
	"github.com/oapi-codegen/runtime"

	"numhook/server/contract"
	"numhook/server/event"
)

// strictMediaType is a name of our own under which kin-openapi finds the strict parser as its body decoder. What content type the sender wrote does not
// matter: it publishes a malformed one itself.
const strictMediaType = "application/vnd.numhook.strict+json"

// routes are kin-openapi's routes by event name, as the filter wants them.
type routes map[string]*routers.Route

// newRoutes prepares the document's operations for the filter. For a 3.1 document the filter compiles the body's JSON Schema anew on every request, at
// 0.3 to 0.6 ms each; the check that decides has compiled it once (package contract), so the filter is given the same operations under a 3.0 version
// number, for which it walks the schema without compiling. The two are held equal by a differential test in package contract.
func newRoutes(doc *openapi3.T) routes {
	registerStrictDecoder()
	walked := *doc
	walked.OpenAPI = "3.0.3"
	byEvent := make(routes, doc.Paths.Len())
	for path, item := range doc.Paths.Map() {
		if item.Post == nil {
			continue
		}
		operation := *item.Post
		if operation.RequestBody != nil && operation.RequestBody.Value != nil {
			body := *operation.RequestBody.Value
			if media := body.Content.Get("application/json"); media != nil {
				body.Content = openapi3.Content{"*/*": media}
			}
			operation.RequestBody = &openapi3.RequestBodyRef{Value: &body}
		}
		byEvent[strings.TrimPrefix(path, "/")] = &routers.Route{Spec: &walked, Path: path, PathItem: item, Method: http.MethodPost, Operation: &operation}
	}
	return byEvent
}

// registerStrictDecoder makes the strict parser known to the filter, whose list of decoders is one for the whole program and not locked.
var registerStrictDecoder = sync.OnceFunc(func() {
	openapi3filter.RegisterBodyDecoder(strictMediaType,
		func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
			raw, err := io.ReadAll(body)
			if err != nil {
				return nil, err
			}
			document := contract.Parse(raw)
			if len(document.Malformed()) > 0 {
				return nil, &openapi3filter.ParseError{Kind: openapi3filter.KindInvalidFormat, Reason: "not strict JSON"}
			}
			return document.Value(), nil
		})
})

// validate picks the operation, holds the body against the contract, and leaves the validated value on the request for the binder.
func (s *Server) validate(c echo.Context) error {
	t, r := passage(c), c.Request()
	verdict, err := s.judge(t.delivery, t.document)
	t.found = verdict.Result
	if err != nil {
		return err
	}
	t.operation = verdict.Operation
	value, err := s.filter(r.Context(), t.operation, t.delivery.Body)
	if err != nil {
		return err
	}
	// In place: echo routes by the request that came in. Every path of an operation leads to the path that the document gives it.
	r.URL.Path, r.URL.RawPath = "/"+t.operation, ""
	c.SetRequest(r.WithContext(withTransit(r.Context(), t)))
	c.Request().Body = value
	return nil
}

// judge is the contract's verdict; a refusal when it is not to accept.
func (s *Server) judge(d event.Delivery, document *contract.Document) (contract.Verdict, error) {
	verdict := s.contract.Judge(d.Door, d.Received, document, MaxFindings)
	if verdict.Refused == "" {
		return verdict, nil
	}
	return verdict, &refusal{kind: verdict.Refused, event: verdict.Operation, violations: verdict.Violations, omitted: verdict.Omitted}
}

// filter is kin-openapi's request validation. Its result is the request body whose ValidatedValue is what the filter saw.
func (s *Server) filter(ctx context.Context, operation string, raw []byte) (io.ReadCloser, error) {
	route := s.routes[operation]
	request := (&http.Request{
		Method: http.MethodPost,
		Header: http.Header{"Content-Type": {strictMediaType}},
		Body:   io.NopCloser(bytes.NewReader(raw)),
	}).WithContext(ctx)
	err := openapi3filter.ValidateRequest(ctx, &openapi3filter.RequestValidationInput{
		Request: request,
		Route:   route,
		Options: &openapi3filter.Options{KeepValidatedValue: true, SkipSettingDefaults: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	})
	if err != nil {
		// Its text quotes the value. The contract check, which never does, has found nothing, so all that can be said is where the filter stopped.
		violation := event.Finding{Kind: event.Violation, Rule: "filter", Pointer: pointerOf(err), Message: "the request filter refuses what stands here"}
		return nil, &refusal{kind: event.Invalid, event: operation, violations: []event.Finding{violation}}
	}
	return request.Body, nil
}

// pointerOf is the place in the body that the filter's error speaks of, as a JSON pointer.
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

// validatedBinder binds the value that the filter validated, matching member names exactly. It never decodes the body a second time: encoding/json
// matches names without regard to case, and could see another payload than the one that was validated.
type validatedBinder struct{}

// Bind implements echo.Binder.
func (validatedBinder) Bind(target any, c echo.Context) error {
	validated, ok := c.Request().Body.(interface{ ValidatedValue() any })
	if !ok {
		return errors.New("cannot bind the delivery: it was not validated")
	}
	if err := runtime.BindJSONValue(validated.ValidatedValue(), target); err != nil {
		// The model is narrower than the contract. That is a mistake of ours, but one that no retry mends: keep the delivery until the code is mended.
		violation := event.Finding{Kind: event.Violation, Rule: "bind", Message: "the generated model cannot hold this body"}
		return &refusal{kind: event.Invalid, event: passage(c).operation, violations: []event.Finding{violation}, err: err}
	}
	return nil
}
