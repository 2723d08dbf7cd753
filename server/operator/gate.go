package operator

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/labstack/echo/v4"
)

// mostBody is how many bytes of a body are read.
const mostBody = 16 << 10

// roleMember is where the document says which role a call, or a parameter, needs.
const roleMember = "x-role"

// gate stands before one call.
type gate struct {
	api       *API
	operation string
	role      Role
	query     map[string]Role // the parameters of the query that there are, each with the role that it needs
	route     *routers.Route
}

// gates are those of all calls, by their operation.
func (a *API) gates(document *openapi3.T) (map[string][]echo.MiddlewareFunc, error) {
	all := map[string][]echo.MiddlewareFunc{}
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			g := &gate{api: a, operation: operation.OperationID, role: roleOf(operation.Extensions), query: map[string]Role{},
				route: &routers.Route{Spec: document, Path: path, PathItem: item, Method: method, Operation: operation}}
			if g.role.rank() == 0 {
				return nil, fmt.Errorf("cannot serve %s: the document does not say which role it needs", g.operation)
			}
			for _, p := range operation.Parameters {
				if p.Value.In != openapi3.ParameterInQuery {
					continue
				}
				role := roleOf(p.Value.Extensions)
				if role == "" {
					role = g.role
				}
				g.query[p.Value.Name] = role
			}
			all[g.operation] = []echo.MiddlewareFunc{g.guard}
		}
	}
	return all, nil
}

func roleOf(extensions map[string]any) Role {
	text, _ := extensions[roleMember].(string)
	return Role(text)
}

// guard lets a call through to the generated code: first who asks, then whether they may, then whether it fits the
// document. It answers whatever goes wrong on the way.
func (g *gate) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		harden(c.Response().Header())
		if err := g.call(c, next); err != nil {
			g.api.refuse(c, g.operation, err)
		}
		return nil
	}
}

// harden has a browser keep nothing of an answer, and show nothing of it as a page.
func harden(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
}

// call makes an error of a panic: whoever asks gets an answer.
func (g *gate) call(c echo.Context, next echo.HandlerFunc) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while answering: %T", p) // its value may quote what is personal
		}
	}()
	if err := g.admit(c); err != nil {
		return err
	}
	return next(c)
}

func (g *gate) admit(c echo.Context) error {
	r := c.Request()
	who, err := g.api.authenticate(r)
	if err != nil {
		return err
	}
	if !who.Role.May(g.role) {
		return forbidden(who.Role, "This call", g.role)
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &refusal{status: http.StatusBadRequest, detail: "The query cannot be read."}
	}
	if err := g.parameters(who.Role, query); err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(c.Response(), r.Body, mostBody)
	if err := g.fits(c, query); err != nil {
		return err
	}
	if r.Method != http.MethodGet { // an action may take longer than the server gives an answer
		_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(actionTime)) // or it is cut off sooner
	}
	c.SetRequest(r.WithContext(withCaller(r.Context(), who)))
	return nil
}

// parameters refuses what the document does not have, what comes twice, and what the role may not use.
func (g *gate) parameters(role Role, query url.Values) error {
	for name, values := range query {
		needed, known := g.query[name]
		switch {
		case !known:
			return &refusal{status: http.StatusBadRequest, detail: "The call has no parameter of one of the names in the query."}
		case len(values) != 1:
			return &refusal{status: http.StatusBadRequest, detail: "The parameter " + name + " is there more than once."}
		case !role.May(needed):
			return forbidden(role, "The parameter "+name, needed)
		}
	}
	return nil
}

func forbidden(role Role, what string, needed Role) error {
	return &refusal{status: http.StatusForbidden,
		detail: fmt.Sprintf("%s needs the role %s, and the token has the role %s.", what, needed, role)}
}

// fits has kin-openapi's filter look at the request. Its text may quote a value, so it is not passed on.
func (g *gate) fits(c echo.Context, query url.Values) error {
	path := map[string]string{}
	for i, name := range c.ParamNames() {
		path[name] = c.ParamValues()[i]
		if c.Request().URL.RawPath != "" {
			text, err := url.PathUnescape(path[name])
			if err != nil {
				return &refusal{status: http.StatusBadRequest, detail: "The path cannot be read."}
			}
			path[name] = text
		}
	}
	err := openapi3filter.ValidateRequest(c.Request().Context(), &openapi3filter.RequestValidationInput{
		Request: c.Request(), PathParams: path, QueryParams: query, Route: g.route,
		Options: &openapi3filter.Options{
			SkipSettingDefaults: true, RejectWhenRequestBodyNotSpecified: true, KeepValidatedValue: true,
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, // authenticate has done it
		},
	})
	if err == nil {
		return nil
	}
	detail := "The body is not as the document has it."
	//nolint:errorlint // it is the outermost
	if bad, ok := err.(*openapi3filter.RequestError); ok && bad.Parameter != nil {
		detail = "The parameter " + bad.Parameter.Name + " is not as the document has it."
	}
	return &refusal{status: http.StatusBadRequest, detail: detail}
}

// authenticate finds out who asks.
func (a *API) authenticate(r *http.Request) (caller, error) {
	from := a.Remote(r)
	if host, _, err := net.SplitHostPort(from); err == nil {
		from = host
	}
	if h, ok := heldBy(r); ok {
		return caller{Holder: h, from: from}, nil
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); strings.EqualFold(scheme, "Bearer") && token != "" &&
		len(r.Header.Values("Authorization")) == 1 {
		if h, ok := a.Tokens().Find(token); ok {
			return caller{Holder: h, from: from}, nil
		}
	}
	if a.failures.more(from, a.Now()) {
		return caller{}, &refusal{status: http.StatusTooManyRequests, retry: int(failedEvery.Seconds()),
			detail: "Too many tokens that are not known came from this address."}
	}
	a.Log.Warn("an operator's token was refused", slog.String("remote", from), slog.String("method", r.Method))
	return caller{}, &refusal{status: http.StatusUnauthorized,
		detail: "There is no token, or it is not known: send Authorization: Bearer TOKEN."}
}
