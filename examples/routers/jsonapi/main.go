// Jsonapi: a JSON API with session cookies, for example for a single-page app.
//
//	go run ./jsonapi    # then:
//	curl -c jar -b jar -d '{"user":"ann"}' http://127.0.0.1:8080/api/sign-in
//	curl -c jar -b jar -X POST http://127.0.0.1:8080/api/visits
//
// Every response is JSON, including session failures, which Options.ErrorHandler
// formats. 401 means that the client is not signed in, 409 that the session ended
// during the request or that another request used the value first, 503 that the store
// failed. A client that gets 503 is still signed in, and may retry.
//
// Since browsers may send the cookie with cross-site requests, the whole API is behind
// http.CrossOriginProtection. With that and SameSite=Lax, no CSRF token is needed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"strings"

	"github.com/pump-go/sessions"
	_ "github.com/pump-go/sessions/memory"
)

const (
	user   sessions.Key[string] = "user"
	visits sessions.Key[int]    = "visits"
)

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
	mux.HandleFunc("POST /api/sign-in", signIn)
	mux.HandleFunc("POST /api/sign-out", signOut)
	mux.HandleFunc("GET /api/me", me)
	mux.HandleFunc("POST /api/visits", visit)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusNotFound, "no such resource") })

	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusForbidden, "this request came from another site")
	}))
	return origin.Handler(http.MaxBytesHandler(m.Wrap(mux), 64<<10))
}

// account is the JSON for the signed-in user.
type account struct {
	User   string `json:"user"`
	Visits int    `json:"visits"`
}

func signIn(w http.ResponseWriter, r *http.Request) {
	var in account
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		fail(w, http.StatusBadRequest, "the body is not the JSON that is expected here")
		return
	}
	in.User = strings.TrimSpace(in.User)
	if in.User == "" || len(in.User) > 100 { // a real program checks a password here
		fail(w, http.StatusUnprocessableEntity, "user: 1 to 100 bytes")
		return
	}
	s := sessions.FromContext(r.Context())
	s.Invalidate() // drop the values of the previous user
	s.SetOwner("user:" + in.User)
	user.Set(s, in.User)
	show(w, s)
}

func signOut(w http.ResponseWriter, r *http.Request) {
	sessions.FromContext(r.Context()).Destroy(r.Context())
	w.WriteHeader(http.StatusNoContent)
}

func me(w http.ResponseWriter, r *http.Request) { show(w, sessions.FromContext(r.Context())) }

func visit(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	if user.Has(s) {
		visits.Update(s, func(n int) int { return n + 1 })
		// Save first, so that the response has the stored number, including the
		// increments of concurrent requests.
		if err := s.Save(r.Context()); err != nil {
			s.Revert() // or the commit would retry and count a visit reported as failed
			sessionFailed(w, r, err)
			return
		}
	}
	show(w, s)
}

func show(w http.ResponseWriter, s *sessions.Session) {
	name, ok := user.Get(s)
	if !ok {
		fail(w, http.StatusUnauthorized, "not signed in")
		return
	}
	n, _ := visits.Get(s)
	write(w, http.StatusOK, "application/json", account{name, n})
}

// sessionFailed is the sessions.Options.ErrorHandler.
func sessionFailed(w http.ResponseWriter, _ *http.Request, err error) {
	switch {
	case errors.Is(err, sessions.ErrEnded):
		fail(w, http.StatusConflict, "the session ended during the request; nothing was saved")
	case errors.Is(err, sessions.ErrConflict):
		fail(w, http.StatusConflict, "another request was faster; nothing was saved")
	case errors.Is(err, sessions.ErrTooLarge):
		fail(w, http.StatusInsufficientStorage, "the session holds no more")
	default:
		w.Header().Set("Retry-After", "5")
		fail(w, http.StatusServiceUnavailable, "sessions are not available at the moment")
	}
}

// problem is an error in the format of RFC 9457.
type problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

func fail(w http.ResponseWriter, status int, detail string) {
	write(w, status, "application/problem+json", problem{status, http.StatusText(status), detail})
}

func write(w http.ResponseWriter, status int, mediaType string, v any) {
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // fails if the client disconnected or got the error page
}
