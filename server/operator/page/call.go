package page

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"

	gen "numhook/gen/operator"
	"numhook/server/operator"
)

// refusal is an answer of the API that is none of what was asked for.
type refusal struct {
	status int
	detail string
	retry  string // the header Retry-After
}

func (r *refusal) Error() string { return r.detail }

// answer is what the API writes, kept in memory: its lists are bounded. Unwrap lets the API set the times
// of the connection.
type answer struct {
	to     http.ResponseWriter
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.body.Write(p)
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Unwrap() http.ResponseWriter { return a.to }

// call asks the API as whoever made the request r: it comes from the same address, and r's context says who it is.
func (p *Page) call(w http.ResponseWriter, r *http.Request, path string, query url.Values) (*answer, error) {
	asked := r.Clone(r.Context())
	asked.Method, asked.Form, asked.PostForm, asked.Pattern = http.MethodGet, nil, nil, ""
	asked.Header.Del("Cookie")
	asked.Header.Del("Content-Type")
	asked.Body, asked.ContentLength = http.NoBody, 0
	target := operator.Path + path
	asked.URL = &url.URL{RawQuery: query.Encode()}
	var err error
	if asked.URL.Path, err = url.PathUnescape(target); err != nil {
		return nil, err
	}
	asked.URL.RawPath = target
	asked.RequestURI = asked.URL.RequestURI()
	got := &answer{to: w, header: http.Header{}}
	p.API.ServeHTTP(got, asked)
	if got.status == http.StatusOK {
		return got, nil
	}
	refused := &refusal{status: got.status, retry: got.header.Get("Retry-After")}
	var problem gen.Problem
	if json.Unmarshal(got.body.Bytes(), &problem) == nil {
		refused.detail = problem.Detail
	}
	return nil, refused
}

// get reads what the API answers into a value.
func (v *visit) get(into any, path string, query url.Values) error {
	got, err := v.page.call(v.w, v.r, path, query)
	if err != nil {
		return err
	}
	return json.Unmarshal(got.body.Bytes(), into)
}
