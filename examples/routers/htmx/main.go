// Htmx: sessions with htmx, version 4, and without JavaScript.
//
//	go run ./htmx    # then open http://127.0.0.1:8080
//
// The middleware is used as always; the browser handles the cookie. Notes:
//
//   - The browser follows a redirect (303) before htmx sees a response, so the target
//     would be inserted into the current page, and its flash messages consumed. For
//     htmx this program sends HX-Redirect instead.
//   - A message for the next page is stored in the session. A message for this response
//     is sent in HX-Trigger as an event, and no later page shows it. Its text is
//     escaped, since header fields are ASCII.
//   - htmx 4 inserts every response into the page, including error pages (htmx 2 drops
//     those), so ErrorHandler sends a message and HX-Reswap: none.
//   - If another tab has signed out, the handlers redirect the whole page.
//   - A URL that returns a fragment to htmx and a page otherwise needs a Vary field;
//     the session adds Cookie to it.
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

// view is the data of the page and its fragment.
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
	err = http.ListenAndServe("127.0.0.1:8080", handler(m))
	m.Close()
	log.Fatal(err)
}

func handler(m *sessions.Manager) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", home)
	mux.HandleFunc("POST /sign-in", signIn)
	mux.HandleFunc("POST /sign-out", signOut)
	mux.HandleFunc("POST /visit", visit)
	return http.NewCrossOriginProtection().Handler(m.Wrap(mux))
}

func home(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	name, _ := user.Get(s)
	n, _ := visits.Get(s)
	show(w, http.StatusOK, "page", view{User: name, Visits: n, Messages: s.Flashes()})
}

func signIn(w http.ResponseWriter, r *http.Request) {
	name := r.PostFormValue("name") // a real program checks a password here
	if len(name) < 1 || len(name) > 40 {
		part(w, r, http.StatusUnprocessableEntity, "sign-in", view{Problem: "A name has 1 to 40 letters."})
		return
	}
	s := sessions.FromContext(r.Context())
	s.Renew()
	user.Set(s, name)
	s.SetOwner("user:" + name) // so that DestroyOwned finds the user's sessions
	s.AddFlash("Hello, " + name + ".")
	redirect(w, r, "/")
}

func signOut(w http.ResponseWriter, r *http.Request) {
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

// part sends a fragment of the page to htmx, else the whole page.
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
		log.Print(err) // the client disconnected, or got the error page
	}
}
