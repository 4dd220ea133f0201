package main

import (
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pump-go/sessions"
)

// Login is who signed in, where and when.
type Login struct {
	Name     string
	Device   string
	At       time.Time
	Remember bool
}

// rememberFor is how long a remembered session may lie unused.
const rememberFor = 30 * 24 * time.Hour

// owner is what the store indexes the session by. In a real app it is the
// user's id, which stays when the name changes.
func (l Login) owner() string { return "user:" + strings.ToLower(l.Name) }

// idleLimit is the session's idle timeout: -timeout, or more if remembered.
func (a *app) idleLimit(remember bool) time.Duration {
	if remember && a.timeout > 0 {
		return max(a.timeout, rememberFor)
	}
	return a.timeout
}

type signInPage struct {
	Name    string
	Problem string
}

func (a *app) signInForm(w http.ResponseWriter, r *http.Request) {
	a.render(w, r, http.StatusOK, "signin", "Sign in", signInPage{})
}

func (a *app) signIn(w http.ResponseWriter, r *http.Request) {
	l := Login{
		Name:     strings.TrimSpace(r.PostFormValue("name")),
		Device:   deviceLabel(r.UserAgent()),
		At:       time.Now(),
		Remember: r.PostFormValue("remember") != "",
	}
	// A real app checks a password or a passkey here.
	if problem := checkName(l.Name); problem != "" {
		a.render(w, r, http.StatusUnprocessableEntity, "signin", "Sign in", signInPage{Name: l.Name, Problem: problem})
		return
	}
	s := sessions.FromContext(r.Context())
	if err := a.begin(s, l); err != nil {
		a.fail(w, r, err)
		return
	}
	a.log.Info("signed in", "session", s.ID(), "device", l.Device, "remember", l.Remember)
	notices.Add(s, Notice{Text: "Welcome, " + l.Name + ". You are signed in on " + l.Device + "."})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// begin makes the session that of the user who signed in.
func (a *app) begin(s *sessions.Session, l Login) error {
	// The session gets a new id, so that one that was known before (planted by
	// an attacker, or read over a shoulder) does not become a signed-in one.
	// The visitor's cart comes along, but not to another user.
	move := s.Renew
	if owner := s.Owner(); owner != "" && owner != l.owner() {
		move = s.Invalidate
	}
	if err := move(); err != nil {
		return err
	}
	login.Set(s, l)
	// The store now finds this session by its user: see devices.go.
	if err := s.SetOwner(l.owner()); err != nil {
		return err
	}
	// "Remember me" is two things: the browser keeps the cookie when it is
	// closed, and the server keeps the session when it lies unused.
	expires := sessions.ExpireWithBrowser()
	if l.Remember {
		expires = sessions.ExpireNever()
	}
	if err := s.SetExpires(expires); err != nil {
		return err
	}
	return s.SetIdleTimeout(a.idleLimit(l.Remember))
}

func (a *app) signOut(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	id := s.ID() // Destroy takes it away
	// Destroy removes the record at once. Should the store fail, the middleware
	// tries again before it answers, and if need be with the error page: so
	// nobody is told that they are signed out who is not.
	if err := s.Destroy(r.Context()); err == nil {
		a.log.Info("signed out", "session", id)
	}
	// What is set after Destroy begins a new session.
	notices.Add(s, Notice{Text: "You are signed out."})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func checkName(name string) (problem string) {
	switch {
	case name == "":
		return "Please enter a name."
	case utf8.RuneCountInString(name) > 40:
		return "Please enter a name of at most 40 characters."
	case !utf8.ValidString(name), strings.ContainsFunc(name, unicode.IsControl):
		return "Please enter a name of letters, digits and signs."
	}
	return ""
}
