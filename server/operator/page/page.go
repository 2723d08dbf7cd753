package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"numhook/server/operator"
	"numhook/server/terminal"
)

//go:embed templates static
var files embed.FS

// mostForm is how many bytes of a form are read.
const mostForm = 16 << 10

// policy is what a browser may load and where it may send: nothing but what is named, and that from here.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Config is what the page is made of.
type Config struct {
	API    http.Handler           // answers operator.Path
	Tokens func() operator.Tokens // those of the file now
	Secure bool                   // people come by TLS
	Log    *slog.Logger
	Now    func() time.Time // nil means time.Now
}

// Page shows the screens. It is safe for concurrent use.
type Page struct {
	Config
	sessions *sessions
	screens  map[string]*template.Template
	version  string // of style and script, so that a browser may keep them
	mux      *http.ServeMux
	cross    *http.CrossOriginProtection
}

// New makes the handler of all that is no call of the API.
func New(c Config) (*Page, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	p := &Page{Config: c, screens: map[string]*template.Template{}, mux: http.NewServeMux(),
		sessions: &sessions{tokens: c.Tokens, now: c.Now, secure: c.Secure, by: map[[sha256.Size]byte]*session{}},
		cross:    http.NewCrossOriginProtection()}
	if err := p.read(); err != nil {
		return nil, fmt.Errorf("cannot read the screens of the page: %w", err)
	}
	p.mux.HandleFunc("GET /static/", p.static)
	p.mux.HandleFunc("GET /login", p.showLogin)
	p.mux.HandleFunc("POST /login", p.login)
	p.mux.HandleFunc("POST /logout", p.logout)
	for pattern, s := range screens {
		p.mux.HandleFunc(pattern, p.visited(s))
	}
	return p, nil
}

// read parses the templates, each screen with the frame around it.
func (p *Page) read() error {
	frame, err := template.New("frame.html").Funcs(p.functions()).ParseFS(files, "templates/frame.html",
		"templates/table.html")
	if err != nil {
		return err
	}
	sum := sha256.New()
	err = fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		_, _ = sum.Write(content) // it never fails
		name, isScreen := strings.CutPrefix(path, "templates/")
		if !isScreen || name == "frame.html" || name == "table.html" {
			return nil
		}
		screen, err := frame.Clone()
		if err == nil {
			screen, err = screen.ParseFS(files, path)
		}
		p.screens[strings.TrimSuffix(name, ".html")] = screen
		return err
	})
	const digits = 12
	p.version = hex.EncodeToString(sum.Sum(nil))[:digits]
	return err
}

// ServeHTTP implements http.Handler.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "same-origin") // with none a form would be sent with the origin null
	h.Set("Cache-Control", "no-store")
	if err := p.foreign(r); err != nil {
		p.refuse(w, r, nil, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	p.mux.ServeHTTP(w, r)
}

// foreign refuses what another site had the browser send. A browser says where a request comes from: what says nothing
// and yet has a session is no form of ours.
func (p *Page) foreign(r *http.Request) error {
	const text = "The request does not come from this page. Open the page anew, and try again."
	if err := p.cross.Check(r); err != nil {
		return &refusal{status: http.StatusForbidden, detail: text}
	}
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !safe && r.Header.Get("Cookie") != "" && r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return &refusal{status: http.StatusForbidden, detail: text}
	}
	return nil
}

// static answers what does not change as long as the program does not.
func (p *Page) static(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery == "v="+p.version {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if strings.HasSuffix(r.URL.Path, "/") {
		http.NotFound(w, r)
		return
	}
	http.FileServerFS(files).ServeHTTP(w, r)
}

// visit is one request of somebody who is logged in.
type visit struct {
	page    *Page
	w       http.ResponseWriter
	r       *http.Request
	session *session
}

// asked is a parameter of the query or of the form.
func (v *visit) asked(name string) string { return v.r.FormValue(name) }

// visited lets those through to a screen who are logged in, and sends others to the login.
func (p *Page) visited(screen func(v *visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, ok := p.sessions.of(r)
		if !ok {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		r = r.WithContext(operator.As(r.Context(), s.holder))
		if err := r.ParseForm(); err != nil {
			p.refuse(w, r, s, &refusal{status: http.StatusBadRequest, detail: "The form cannot be read."})
			return
		}
		if err := screen(&visit{p, w, r, s}); err != nil {
			p.refuse(w, r, s, err)
		}
	}
}

// refuse shows what went wrong.
func (p *Page) refuse(w http.ResponseWriter, r *http.Request, s *session, err error) {
	refused, ok := errors.AsType[*refusal](err)
	if !ok {
		p.Log.Error("cannot show an operator's page", slog.String("path", r.URL.Path), slog.String("error", err.Error()))
		refused = &refusal{status: http.StatusInternalServerError, detail: "The receiver failed. Its log says why."}
	}
	if refused.retry != "" {
		w.Header().Set("Retry-After", refused.retry)
	}
	p.render(w, refused.status, "refused", s, refused.detail, http.StatusText(refused.status))
}

// frame is what every screen has.
type frame struct {
	Title, Screen, Version string
	Holder                 *operator.Holder // nil before the login
	Reads                  bool
	Now                    time.Time
	Data                   any
}

// show answers a screen.
func (v *visit) show(screen, title string, data any) error {
	v.page.render(v.w, http.StatusOK, screen, v.session, data, title)
	return nil
}

// render writes a screen. Only what is whole is written.
func (p *Page) render(w http.ResponseWriter, status int, screen string, s *session, data any, title string) {
	f := frame{Title: title, Screen: screen, Version: p.version, Now: p.Now().UTC(), Data: data}
	if s != nil {
		f.Holder, f.Reads = &s.holder, s.holder.Role.May(operator.Reader)
	}
	var out bytes.Buffer
	if err := p.screens[screen].ExecuteTemplate(&out, "frame.html", f); err != nil {
		http.Error(w, "The receiver failed. Its log says why.", http.StatusInternalServerError)
		p.Log.Error("cannot show an operator's page", slog.String("error", err.Error()))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(harmless(out.Bytes())) // whoever has gone needs no answer
}

// harmless is the text with everything that turns or hides what stands beside it as an escape that is seen.
func harmless(text []byte) []byte {
	shown := make([]byte, 0, len(text)+len(text)/16)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r != '\n' && terminal.Steers(r) || r == utf8.RuneError && size == 1 {
			shown = append(shown, terminal.Line(string(text[:size]))...)
		} else {
			shown = append(shown, text[:size]...)
		}
		text = text[size:]
	}
	return shown
}
