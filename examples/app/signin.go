package main

import (
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pump-go/sessions"
)

// SignIn records who signed in, where and when.
type SignIn struct {
	Name     string
	Device   string
	At       time.Time
	Remember bool
}

// rememberFor is the shortest idle timeout and lifetime of a remembered session.
const rememberFor = 30 * 24 * time.Hour

// owner returns the owner under which the store indexes the session. In a real app
// it is the user's ID, which does not change with the name.
func (l SignIn) owner() string { return "user:" + strings.ToLower(l.Name) }

// limit returns the session's timeout or lifetime: that of the flag, or more if
// remembered. 0 is no limit.
func limit(flag time.Duration, remember bool) time.Duration {
	if remember && flag > 0 {
		return max(flag, rememberFor)
	}
	return flag
}

type signInPage struct {
	Name    string
	Problem string
}

func (a *app) signInForm(w http.ResponseWriter, r *http.Request) {
	a.render(w, r, http.StatusOK, "signin", "Sign in", signInPage{})
}

func (a *app) signIn(w http.ResponseWriter, r *http.Request) {
	l := SignIn{
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

// begin signs the user in to the session.
func (a *app) begin(s *sessions.Session, l SignIn) error {
	// Change the session's ID, so that one known before (planted by an attacker, or
	// read over a shoulder) does not become a signed-in one. The visitor keeps
	// their cart, but another user does not get it.
	move := s.Renew
	if owner := s.Owner(); owner != "" && owner != l.owner() {
		move = s.Invalidate
	}
	if err := move(); err != nil {
		return err
	}
	signIn.Set(s, l)
	// The store can now list this session by its user: see devices.go.
	if err := s.SetOwner(l.owner()); err != nil {
		return err
	}
	// "Remember me" means that the browser keeps the cookie when it is closed, and
	// that the server keeps the session longer. Otherwise the Manager's options apply.
	if !l.Remember {
		return s.ResetSettings()
	}
	return errors.Join(
		s.SetExpires(sessions.ExpireNever()),
		s.SetIdleTimeout(limit(a.timeout, true)),
		s.SetLifetime(limit(a.lifetime, true)),
	)
}

func (a *app) signOut(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	id := s.ID() // empty after Destroy
	// Destroy deletes the record immediately. If the store fails, the middleware
	// retries before the response, and sends the error page if that fails too: so
	// no user who is still signed in is told otherwise.
	if err := s.Destroy(r.Context()); err == nil {
		a.log.Info("signed out", "session", id)
	}
	// Values set after Destroy belong to a new session.
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
