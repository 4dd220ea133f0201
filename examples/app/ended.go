package main

import (
	"net/http"

	"github.com/pump-go/sessions"
)

// noticeEnded adds a notice if the request's cookie no longer opens a session, to
// explain why the cart is empty.
func noticeEnded(r *http.Request, s *sessions.Session) {
	if s.IsNew() && len(r.CookiesNamed(cookieName)) > 0 {
		notices.Add(s, Notice{
			Text:    "Your earlier session is over: it was unused for too long, or another device signed this one out.",
			Problem: true,
		})
	}
}
