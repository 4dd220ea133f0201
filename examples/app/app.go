package main

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/dbsc"
)

// The values that the app keeps in a session. Each has one typed key. No type needs
// to be registered, and a value is decoded only when a handler reads it.
const (
	signIn  sessions.Key[SignIn]   = "sign-in"
	cart    sessions.Key[Cart]     = "cart"
	visits  sessions.Key[int]      = "visits"
	notices sessions.Flash[Notice] = "notices"
)

// cookieName is the library's default, named here because ended.go looks for it.
const cookieName = "pump-session"

type app struct {
	sessions *sessions.Manager
	binding  *dbsc.Binding // nil without -device-bound
	store    string
	timeout  time.Duration
	lifetime time.Duration
	log      *slog.Logger
}

// handler returns the whole app. One Wrap provides a session to every route, and
// costs nothing on those that do not use it, such as the style sheet.
func (a *app) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.shop)
	mux.HandleFunc("GET /cart", a.showCart)
	mux.HandleFunc("POST /cart/{product}/add", a.addToCart)
	mux.HandleFunc("POST /cart/{product}/change", a.changeQuantity)
	mux.HandleFunc("POST /cart/{product}/remove", a.removeFromCart)
	mux.HandleFunc("GET /sign-in", a.signInForm)
	mux.HandleFunc("POST /sign-in", a.signIn)
	mux.HandleFunc("POST /sign-out", a.signOut)
	mux.HandleFunc("GET /devices", a.devices)
	mux.HandleFunc("POST /devices/sign-out-others", a.signOutOthers)
	mux.HandleFunc("POST /devices/{id}/sign-out", a.signOutDevice)
	mux.HandleFunc("GET /style.css", asset)
	mux.HandleFunc("GET /icon.svg", asset)
	mux.HandleFunc("/", notFound)
	var routes http.Handler = mux
	if a.binding != nil {
		routes = a.binding.Handler(mux) // and what browsers ask of it
	}
	return a.protect(a.sessions.Wrap(routes))
}

// protect rejects cross-site requests: a browser can send the session cookie with
// them as with our own.
func (a *app) protect(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(crossOrigin))
	next = origin.Handler(http.MaxBytesHandler(next, 16<<10))

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		// The pages are personal: no cache may show them after signing out.
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
