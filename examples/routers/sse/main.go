// Sse: sessions in a stream of server-sent events.
//
//	go run ./sse    # then open http://127.0.0.1:8080, in two tabs
//
// A stream is one long request whose header is sent by the first Flush:
//
//   - Make changes that need a cookie (the first value, Renew) before it. Flush commits
//     them. If that fails, FlushError returns the error, and the client has got the
//     error page.
//   - Session.Save saves later changes; those left are saved when the handler returns. A
//     change that needs a cookie then fails with ErrHeaderSent.
//   - The request's session has the values from the start of the stream. To see the
//     changes of other requests, keep the token and load the session again: it has
//     another tab's visits, or after its signOut Load returns ErrNotFound, which ends the
//     stream. An outage does not.
//   - Load does not count as use, so an open stream does not prevent an idle timeout
//     unless it calls Save.
//
// A server's WriteTimeout cuts streams off; http.ResponseController can remove it for
// one response.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"log"
	"net/http"
	"time"

	"github.com/pump-go/sessions"
	_ "github.com/pump-go/sessions/memory"
)

const (
	user   sessions.Key[string] = "user"
	visits sessions.Key[int]    = "visits"
	told   sessions.Key[int]    = "told" // events sent
)

//go:embed page.html
var source string

var page = template.Must(template.New("page").Parse(source))

func main() {
	m, err := sessions.New(context.Background(), sessions.Options{Store: "memory"})
	if err != nil {
		log.Fatal(err)
	}
	a := app{sessions: m, every: time.Second}
	err = http.ListenAndServe("127.0.0.1:8080", m.Wrap(a.routes()))
	m.Close()
	log.Fatal(err)
}

type app struct {
	sessions *sessions.Manager
	every    time.Duration // interval between two loads of the session
}

func (a app) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", home)
	mux.HandleFunc("GET /events", a.events)
	mux.HandleFunc("POST /sign-in", signIn)
	mux.HandleFunc("POST /sign-out", signOut)
	return mux
}

func (a app) events(w http.ResponseWriter, r *http.Request) {
	s, ctx := sessions.FromContext(r.Context()), r.Context()
	if !user.Has(s) {
		http.Error(w, "sign in first", http.StatusUnauthorized) // an EventSource does not retry
		return
	}
	told.Set(s, 0)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	stream := http.NewResponseController(w)
	stream.SetWriteDeadline(time.Time{})
	if err := stream.Flush(); err != nil {
		return // the session could not be saved, and the client got the error page
	}

	tick := time.NewTicker(a.every)
	defer tick.Stop()
	for token, last := s.Token(), 0; ; {
		var err error
		last, err = a.look(ctx, w, token, last)
		if errors.Is(err, sessions.ErrNotFound) || errors.Is(err, sessions.ErrEnded) {
			fmt.Fprint(w, "event: signedout\ndata:\n\n")
			return
		}
		if err != nil {
			log.Print(err) // a store error, which may be temporary
		}
		if err := stream.Flush(); err != nil {
			return
		}
		select {
		case <-ctx.Done(): // the client disconnected
			return
		case <-tick.C:
		}
	}
}

// look sends the number of visits if it has changed, and counts the event in the
// session: a change after the header.
func (a app) look(ctx context.Context, w http.ResponseWriter, token string, last int) (int, error) {
	s, err := a.sessions.Load(ctx, token)
	if err != nil {
		return last, err
	}
	n, _ := visits.Get(s)
	if n == last {
		return last, nil
	}
	told.Update(s, func(n int) int { return n + 1 })
	if err := s.Save(ctx); err != nil {
		return last, err
	}
	fmt.Fprintf(w, "data: %d\n\n", n)
	return n, nil
}

func home(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	n := visits.Update(s, func(n int) int { return n + 1 })
	name, _ := user.Get(s)
	if err := page.Execute(w, map[string]any{"User": name, "Visits": n}); err != nil {
		log.Print(err)
	}
}

func signIn(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	name := r.PostFormValue("name") // a real program checks a password here
	s.Renew()
	user.Set(s, name)
	s.SetOwner("user:" + name) // so that DestroyOwned finds the user's sessions
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func signOut(w http.ResponseWriter, r *http.Request) {
	sessions.FromContext(r.Context()).Destroy(r.Context())
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
