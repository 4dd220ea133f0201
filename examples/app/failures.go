package main

import (
	"errors"
	"net/http"

	"github.com/pump-go/sessions"
)

// Pages for when something is wrong. None uses the session: it may be the one
// thing that does not work.

type message struct {
	Text  string
	Link  string // where to go on
	Label string
}

// sessionFailed is the sessions.Options.ErrorHandler. The library has logged
// the cause; the page does not tell it.
func sessionFailed(w http.ResponseWriter, r *http.Request, err error) {
	again := message{Link: "/", Label: "Try again"}
	if r.Method == http.MethodGet {
		again.Link = r.URL.RequestURI()
	}
	switch {
	case errors.Is(err, sessions.ErrEnded):
		showMessage(w, http.StatusConflict, "You were signed out elsewhere", message{
			"This session ended while the page was on its way, so the change was not saved.", "/", "Go on to the shop"})
	case errors.Is(err, sessions.ErrConflict):
		again.Text = "Another window did the same at this moment."
		showMessage(w, http.StatusConflict, "Someone was faster", again)
	case errors.Is(err, sessions.ErrTooLarge):
		showMessage(w, http.StatusInsufficientStorage, "That is too much", message{
			"Your session holds no more. Nothing was changed.", "/cart", "See your cart"})
	default:
		again.Text = "The shop cannot reach its sessions at the moment. That signs nobody out."
		w.Header().Set("Retry-After", "5")
		showMessage(w, http.StatusServiceUnavailable, "Please try again", again)
	}
}

// fail answers when a handler itself met an error of the sessions. What it
// changed before is dropped: half of a sign-in is none.
func (a *app) fail(w http.ResponseWriter, r *http.Request, err error) {
	s := sessions.FromContext(r.Context())
	a.log.Error("request failed", "session", s.ID(), "path", r.URL.Path, "error", err)
	s.Revert()
	sessionFailed(w, r, err)
}

func crossOrigin(w http.ResponseWriter, _ *http.Request) {
	showMessage(w, http.StatusForbidden, "Refused", message{
		"This request came from another site.", "/", "Go to the shop"})
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	showMessage(w, http.StatusNotFound, "Not found", message{
		"There is no such page.", "/", "Go to the shop"})
}

func showMessage(w http.ResponseWriter, status int, title string, m message) {
	write(w, "message", page{Title: title, Status: status, Body: m})
}
