// Websocket: sessions behind a WebSocket, with github.com/coder/websocket.
//
//	go run ./websocket    # then open http://127.0.0.1:8080, in two tabs
//
// The handshake is an ordinary request with the session's cookie. Accept commits the
// session and sends its cookie with status 101. (gorilla/websocket writes the handshake
// to the hijacked connection itself, without header fields set before; pass them as an
// argument.)
//
// A socket lives longer than a request. This one keeps the session's token, and loads
// the session again for each message:
//
//   - it sees the changes of other tabs, and its own are merged with them;
//   - after a signOut in any tab or process, Load returns ErrNotFound, which ends the
//     socket at the next message, or at the next periodic check;
//   - after a Renew, as at sign-in, the token stops working too. The page connects again
//     with its new cookie;
//   - an outage of the store is a different error, and does not end the socket.
//
// Load does not count as use of the session. Save does, even without changes: a socket
// that should prevent the idle timeout calls it.
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

	"github.com/coder/websocket"

	"github.com/pump-go/sessions"
	_ "github.com/pump-go/sessions/memory"
)

const (
	user     sessions.Key[string] = "user"
	messages sessions.Key[int]    = "messages"
)

// signedOut is the close code sent when the session has ended, from the range for
// private use (RFC 6455, 7.4.2).
const signedOut websocket.StatusCode = 4001

//go:embed page.html
var source string

var page = template.Must(template.New("page").Parse(source))

func main() {
	m, err := sessions.New(context.Background(), sessions.Options{Store: "memory"})
	if err != nil {
		log.Fatal(err)
	}
	a := app{sessions: m, check: 10 * time.Second}
	err = http.ListenAndServe("127.0.0.1:8080", m.Wrap(a.routes()))
	m.Close()
	log.Fatal(err)
}

type app struct {
	sessions *sessions.Manager
	check    time.Duration // how long an idle socket may outlive its session
}

func (a app) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", home)
	mux.HandleFunc("POST /sign-in", signIn)
	mux.HandleFunc("POST /sign-out", signOut)
	mux.HandleFunc("GET /socket", a.socket)
	return mux
}

func (a app) socket(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	if !user.Has(s) {
		http.Error(w, "sign in first", http.StatusUnauthorized)
		return
	}
	token := s.Token()
	conn, err := websocket.Accept(w, r, nil) // rejects other origins
	if err != nil {
		return // Accept has sent an error, or the session could not be saved
	}
	defer conn.CloseNow()
	ctx := r.Context() // ends with this function
	go a.watch(ctx, conn, token)
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			return
		}
		reply, err := a.message(ctx, token, string(text))
		switch {
		case errors.Is(err, sessions.ErrNotFound), errors.Is(err, sessions.ErrEnded):
			conn.Close(signedOut, "signed out")
			return
		case err != nil:
			reply = "Please try again." // still signed in
		}
		if err := conn.Write(ctx, websocket.MessageText, []byte(reply)); err != nil {
			return
		}
	}
}

// message counts a message in the current session.
func (a app) message(ctx context.Context, token, text string) (reply string, err error) {
	s, err := a.sessions.Load(ctx, token)
	if err != nil {
		return "", err
	}
	messages.Update(s, func(n int) int { return n + 1 })
	if err := s.Save(ctx); err != nil {
		return "", err
	}
	n, _ := messages.Get(s) // including those of other sockets
	name, _ := user.Get(s)
	return fmt.Sprintf("Message %d, from %s: %s", n, name, text), nil
}

// watch closes an idle socket when its session has ended.
func (a app) watch(ctx context.Context, conn *websocket.Conn, token string) {
	tick := time.NewTicker(a.check)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := a.sessions.Load(ctx, token); errors.Is(err, sessions.ErrNotFound) {
			conn.Close(signedOut, "signed out")
			return
		}
	}
}

func home(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	name, _ := user.Get(s)
	n, _ := messages.Get(s)
	if err := page.Execute(w, map[string]any{"User": name, "Messages": n}); err != nil {
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
