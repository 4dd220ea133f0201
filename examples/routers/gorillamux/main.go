// Gorillamux: sessions in a gorilla/mux router.
//
//	go run ./gorillamux    # then open http://127.0.0.1:8080
//
// m.Wrap is around the router. Router.Use works for the routes, but not for a
// NotFoundHandler or MethodNotAllowedHandler, which would have no session.
package main

import (
	"context"
	"io"
	"log"
	"net/http"

	"github.com/gorilla/mux"

	"github.com/pump-go/sessions"
	_ "github.com/pump-go/sessions/memory"

	"github.com/pump-go/sessions/examples/routers/internal/page"
)

const (
	user   sessions.Key[string] = "user"
	visits sessions.Key[int]    = "visits"
)

func main() {
	m, err := sessions.New(context.Background(), sessions.Options{Store: "memory"})
	if err != nil {
		log.Fatal(err)
	}
	err = http.ListenAndServe("127.0.0.1:8080", m.Wrap(routes()))
	m.Close()
	log.Fatal(err)
}

func routes() *mux.Router {
	r := mux.NewRouter()
	r.HandleFunc("/", home).Methods("GET")
	r.HandleFunc("/sign-in", signIn).Methods("POST")
	r.HandleFunc("/sign-out", signOut).Methods("POST")
	return r
}

func home(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	n := visits.Update(s, func(n int) int { return n + 1 })
	name, _ := user.Get(s)
	io.WriteString(w, page.Home(name, n, s.Flashes()))
}

func signIn(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	name := r.PostFormValue("name") // a real program checks a password here
	s.Renew()                       // any earlier ID stops working
	user.Set(s, name)
	s.SetOwner("user:" + name) // so that DestroyOwned finds the user's sessions
	s.AddFlash("Hello, " + name + ".")
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func signOut(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	s.Destroy(r.Context()) // if the store fails, the client gets the error page
	s.AddFlash("Goodbye.")
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
