// Htmx: sessions with htmx, version 4, and without JavaScript alike.
//
//	go run ./htmx    # then open http://127.0.0.1:8080
//
// The middleware is the same as ever: htmx sends the cookie, and takes it. What
// to know:
//
//   - A redirect (303) is followed by the browser before htmx sees an answer, so the
//     page it leads to would land inside of the present one, and take the session's
//     messages with it. To htmx this program sends HX-Redirect in its place.
//   - A message for the next page waits in the session. One for this answer goes in
//     HX-Trigger, as an event; no later page shows it again. Header fields are
//     ASCII, so the text in it is escaped.
//   - htmx 4 puts every answer into the page, an error page too (htmx 2 drops
//     those). ErrorHandler sends a message and HX-Reswap: none.
//   - Who finds nobody signed in, because another tab signed out, sends the whole
//     page elsewhere.
//   - What is a part for htmx and a whole page for others says so in Vary; the
//     session adds Cookie to it.
package main

import (
	"context"
	_ "embed"
	"errors"
	"html/template"
	"log"
	"net/http"

	"github.com/pump-go/sessions"
	_ "github.com/pump-go/sessions/memory"
)

const (
	user   sessions.Key[string] = "user"
	visits sessions.Key[int]    = "visits"
)

//go:embed page.html
var source string

var page = template.Must(template.New("page").Parse(source))

// view is what the page, and its part, show.
type view struct {
	User     string
	Visits   int
	Messages []string
	Problem  string
}

func main() {
	m, err := sessions.New(context.Background(), sessions.Options{Store: "memory", ErrorHandler: sessionFailed})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", handler(m)))
}

func handler(m *sessions.Manager) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", home)
	mux.HandleFunc("POST /login", login)
	mux.HandleFunc("POST /logout", logout)
	mux.HandleFunc("POST /visit", visit)
	return http.NewCrossOriginProtection().Handler(m.Wrap(mux))
}

func home(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	name, _ := user.Get(s)
	n, _ := visits.Get(s)
	show(w, http.StatusOK, "page", view{User: name, Visits: n, Messages: s.Flashes()})
}

func login(w http.ResponseWriter, r *http.Request) {
	name := r.PostFormValue("name") // a real program checks a password here
	if len(name) < 1 || len(name) > 40 {
		part(w, r, http.StatusUnprocessableEntity, "login", view{Problem: "A name has 1 to 40 letters."})
		return
	}
	s := sessions.FromContext(r.Context())
	s.Renew()
	user.Set(s, name)
	s.AddFlash("Hello, " + name + ".")
	redirect(w, r, "/")
}

func logout(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	s.Destroy(r.Context())
	s.AddFlash("Goodbye.")
	redirect(w, r, "/")
}

func visit(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	if !user.Has(s) {
		s.AddFlash("Please sign in.")
		redirect(w, r, "/")
		return
	}
	n := visits.Update(s, func(n int) int { return n + 1 })
	if !byHtmx(r) {
		s.AddFlash("Counted.")
		redirect(w, r, "/")
		return
	}
	message(w, "Counted.")
	part(w, r, http.StatusOK, "visits", view{Visits: n})
}

// sessionFailed is the sessions.Options.ErrorHandler.
func sessionFailed(w http.ResponseWriter, r *http.Request, err error) {
	status, text := http.StatusServiceUnavailable, "Sessions are not available at the moment. Please try again."
	if errors.Is(err, sessions.ErrEnded) || errors.Is(err, sessions.ErrConflict) {
		status, text = http.StatusConflict, "You were signed out in another tab. Nothing was saved."
	}
	if byHtmx(r) {
		w.Header().Set("HX-Reswap", "none")
		message(w, text)
		w.WriteHeader(status)
		return
	}
	http.Error(w, text, status)
}

// part answers with a part of the page to htmx, and with the page to others.
func part(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	w.Header().Add("Vary", "HX-Request")
	if !byHtmx(r) {
		name = "page"
	}
	show(w, status, name, v)
}

func show(w http.ResponseWriter, status int, name string, v view) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if err := page.ExecuteTemplate(w, name, v); err != nil {
		log.Print(err) // the client has gone, or has the error page
	}
}
