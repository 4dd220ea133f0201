// Chi: sessions in a chi router.
//
//	go run ./chi    # then open http://127.0.0.1:8080
//
// The first middleware is outermost. Logger outside m.Wrap logs the status that was
// sent, including that of the error page. Recoverer outside m.Wrap lets a panic pass
// through it, so that the changes of the failed request are not saved; inside, it
// would hide the panic, and they would be.
package main

import (
	"context"
	"io"
	"log"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

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
	err = http.ListenAndServe("127.0.0.1:8080", routes(m))
	m.Close()
	log.Fatal(err)
}

func routes(m *sessions.Manager) *chi.Mux {
	r := chi.NewRouter()
	r.Use(middleware.Logger, middleware.Recoverer, m.Wrap)
	r.Get("/", home)
	r.Post("/sign-in", signIn)
	r.Post("/sign-out", signOut)
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
