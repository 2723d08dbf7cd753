package page

import (
	"errors"
	"net/http"
	"strings"
)

// showLogin shows the form.
func (p *Page) showLogin(w http.ResponseWriter, r *http.Request) {
	if _, ok := p.sessions.of(r); ok {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	p.render(w, http.StatusOK, "login", nil, "", "Log in")
}

// login begins a session for whoever has a token. The token is asked of the API, so that it limits and logs failures
// as it does for itself.
func (p *Page) login(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		p.refuse(w, r, nil, &refusal{status: http.StatusBadRequest, detail: "The form cannot be read."})
		return
	}
	token := strings.TrimSpace(r.PostForm.Get("token"))
	asked := r.Clone(r.Context())
	asked.Header.Set("Authorization", "Bearer "+token)
	_, err := p.call(w, asked, "/status", nil)
	if refused, ok := errors.AsType[*refusal](err); ok && refused.status < http.StatusInternalServerError {
		if refused.retry != "" {
			w.Header().Set("Retry-After", refused.retry)
		}
		text := "This token is not known."
		if refused.status == http.StatusTooManyRequests {
			text = "Too many tokens that are not known came from your address. Wait a few seconds."
		}
		p.render(w, refused.status, "login", nil, text, "Log in")
		return
	}
	holder, known := p.Tokens().Find(token)
	if err == nil && !known { // taken out of the file since it was asked for
		err = &refusal{status: http.StatusUnauthorized, detail: "This token is not known."}
	}
	if err != nil {
		p.refuse(w, r, nil, err)
		return
	}
	_ = p.sessions.end(r) // of whoever was logged in in this browser
	http.SetCookie(w, p.sessions.begin(holder))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// logout ends the session.
func (p *Page) logout(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, p.sessions.end(r))
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}
