package gorillasessions_test

import (
	"context"
	"encoding/gob"
	"fmt"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"

	gorilla "github.com/gorilla/sessions"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/gorillasessions"
	_ "github.com/pump-go/sessions/memory"
)

// A program written for gorilla/sessions keeps its handlers. Only the store is
// another.
func Example() {
	m, err := sessions.New(context.Background(), sessions.Options{Store: "memory"})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	store := gorillasessions.New(m)

	handler := func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "app")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		visits, _ := session.Values["visits"].(int)
		session.Values["visits"] = visits + 1
		if err := session.Save(r, w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, "visit", visits+1)
	}

	visit(m.Wrap(http.HandlerFunc(handler)), "/", "/")
	// Output:
	// visit 1
	// visit 2
}

// At sign-in the session gets a new ID, and an owner. A negative MaxAge signs out.
func ExampleSignIn() {
	m, err := sessions.New(context.Background(), sessions.Options{Store: "memory"})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	store := gorillasessions.New(m)

	mux := http.NewServeMux()
	mux.HandleFunc("/sign-in", func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "app")
		session.Values["user"] = "ada" // once the password is checked
		if err := gorillasessions.SignIn(session, "user:ada"); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if err := session.Save(r, w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, "signed in")
	})
	mux.HandleFunc("/sign-out", func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "app")
		session.Options.MaxAge = -1
		if err := session.Save(r, w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, "signed out")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "app")
		fmt.Fprintln(w, "user:", session.Values["user"])
	})

	visit(m.Wrap(mux), "/sign-in", "/", "/sign-out", "/")
	// Output:
	// signed in
	// user: ada
	// signed out
	// user: <nil>
}

// message is a type of the program.
type message struct{ Kind, Text string }

// Types are registered with gob, as with any store of gorilla/sessions. Parallel
// requests lose no flash message.
func ExampleStore_Save() {
	gob.Register(message{})
	m, err := sessions.New(context.Background(), sessions.Options{Store: "memory"})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	store := gorillasessions.New(m)

	handler := func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "app")
		for _, flash := range session.Flashes() {
			fmt.Fprintln(w, flash.(message).Text)
		}
		if r.URL.Path == "/save" {
			session.AddFlash(message{"info", "Your address was saved."})
		}
		if err := session.Save(r, w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}

	visit(m.Wrap(http.HandlerFunc(handler)), "/save", "/", "/")
	// Output:
	// Your address was saved.
}

// ginOptions has the method of Options in github.com/gin-contrib/sessions, which a
// program uses instead.
type ginOptions struct{ MaxAge int }

func (o ginOptions) ToGorillaOptions() *gorilla.Options { return &gorilla.Options{MaxAge: o.MaxAge} }

func ExampleNewGin() {
	m, err := sessions.New(context.Background(), sessions.Options{Store: "memory"})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()

	store := gorillasessions.NewGin[ginOptions](m) // ginsessions.Options in a program
	store.Options(ginOptions{MaxAge: 3600})
	// engine.Use(ginsessions.Sessions("app", store))

	session, err := store.Get(httptest.NewRequest("GET", "/", nil), "app")
	fmt.Println(session.Options.MaxAge, err)
	// Output: 3600 <nil>
}

// visit prints what a browser gets from the paths.
func visit(h http.Handler, paths ...string) {
	server := httptest.NewServer(h)
	defer server.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	for _, path := range paths {
		resp, err := browser.Get(server.URL + path)
		if err != nil {
			log.Fatal(err)
		}
		var body [1000]byte
		n, _ := resp.Body.Read(body[:])
		resp.Body.Close()
		fmt.Print(string(body[:n]))
	}
}
