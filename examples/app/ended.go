package main

import (
	"net/http"

	"github.com/pump-go/sessions"
)

// tellIfEnded adds a notice if the visitor brought a cookie that opens nothing
// any more, so that nobody wonders where their cart is.
func tellIfEnded(r *http.Request, s *sessions.Session) {
	if s.IsNew() && len(r.CookiesNamed(cookieName)) > 0 {
		notices.Add(s, Notice{
			Text:    "Your earlier session is over: it was unused for too long, or another device signed this one out.",
			Problem: true,
		})
	}
}
