package main

import (
	"errors"
	"net/http"

	"github.com/pump-go/sessions"
)

// The error pages. None uses the session, since that may be what failed.

type message struct {
	Text  string
	Link  string // the page to continue with
	Label string
	Leave bool // offer to sign out too
}

// sessionFailed is the sessions.Options.ErrorHandler. The library has logged the
// cause; the page does not show it.
func sessionFailed(w http.ResponseWriter, r *http.Request, err error) {
	again := message{Link: "/", Label: "Try again"}
	if r.Method == http.MethodGet {
		again.Link = r.URL.RequestURI()
	}
	switch {
	case errors.Is(err, sessions.ErrEnded):
		showMessage(w, http.StatusConflict, "You were signed out elsewhere", message{
			Text: "This session ended during the request, so the change was not saved.", Link: "/", Label: "Continue to the shop"})
	case errors.Is(err, sessions.ErrRefused):
		again.Text = "Your browser could not show that it is on the device where you signed in. If that goes on, sign out, and sign in again."
		again.Leave = true
		showMessage(w, http.StatusForbidden, "Is this your device?", again)
	case errors.Is(err, sessions.ErrConflict):
		again.Text = "Another window did the same at the same time."
		showMessage(w, http.StatusConflict, "Already done", again)
	case errors.Is(err, sessions.ErrTooLarge):
		showMessage(w, http.StatusInsufficientStorage, "Session full", message{
			Text: "Your session is full. Nothing was changed.", Link: "/cart", Label: "See your cart"})
	default:
		again.Text = "The shop cannot reach its sessions at the moment. You are still signed in."
		w.Header().Set("Retry-After", "5")
		showMessage(w, http.StatusServiceUnavailable, "Please try again", again)
	}
}

// fail responds to an error of the session in a handler. It discards the handler's
// earlier changes, so that no partial sign-in is saved.
func (a *app) fail(w http.ResponseWriter, r *http.Request, err error) {
	s := sessions.FromContext(r.Context())
	a.log.Error("request failed", "session", s.ID(), "path", r.URL.Path, "error", err)
	s.Revert()
	sessionFailed(w, r, err)
}

func crossOrigin(w http.ResponseWriter, _ *http.Request) {
	showMessage(w, http.StatusForbidden, "Refused", message{
		Text: "This request came from another site.", Link: "/", Label: "Go to the shop"})
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	showMessage(w, http.StatusNotFound, "Not found", message{
		Text: "There is no such page.", Link: "/", Label: "Go to the shop"})
}

func showMessage(w http.ResponseWriter, status int, title string, m message) {
	write(w, "message", page{Title: title, Status: status, Body: m})
}
