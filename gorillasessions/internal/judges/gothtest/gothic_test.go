package gothtest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	gorilla "github.com/gorilla/sessions"
	"github.com/markbates/goth"
	"github.com/markbates/goth/gothic"
	"github.com/markbates/goth/providers/faux"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/gorillasessions"
	"github.com/pump-go/sessions/gorillasessions/internal/judges"
)

// A user signs in with goth: the program redirects to the provider, which redirects
// back with the state, and the program has a session of its own for the user.
func TestSignIn(t *testing.T) {
	goth.UseProviders(&faux.Provider{})
	judges.EachMount(t, func(t *testing.T, m *sessions.Manager, mount func(http.Handler) http.Handler) {
		gothic.Store = gorillasessions.New(m)
		b := judges.NewBrowser(t, mount(program(gothic.Store)))
		if got := b.Body("/"); got != "nobody" {
			t.Errorf("before: %s", got)
		}
		begin := func() url.Values {
			t.Helper()
			resp, body := b.Get("/auth?provider=faux")
			to, err := resp.Location()
			if resp.StatusCode != http.StatusTemporaryRedirect || err != nil {
				t.Fatalf("the redirect to the provider: %v, %v: %s", resp.Status, err, body)
			}
			return to.Query()
		}
		begin()
		if resp, body := b.Get("/auth/callback?provider=faux&state=forged"); resp.StatusCode != http.StatusForbidden {
			t.Errorf("a forged state: %s: %s", resp.Status, body)
		}
		if got := b.Body("/"); got != "nobody" {
			t.Errorf("after a forged state: %s", got)
		}
		state := begin().Get("state")
		planted := b.Copy()
		if resp, body := b.Another().Get("/auth/callback?provider=faux&state=" + url.QueryEscape(state)); resp.StatusCode != http.StatusForbidden {
			t.Errorf("somebody else's state: %s: %s", resp.Status, body)
		}
		if resp, body := b.Get("/auth/callback?provider=faux&state=" + url.QueryEscape(state)); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("the callback: %s: %s", resp.Status, body)
		}
		if got := b.Body("/"); got != "user id" {
			t.Errorf("signed in: %s", got)
		}
		if len(b.Cookies()) != 1 {
			t.Errorf("cookies: %v", b.Cookies())
		}
		if got := planted.Body("/"); got != "nobody" {
			t.Errorf("the cookie from before the sign-in: %s", got)
		}
		signedIn := b.Copy()
		b.Get("/sign-out")
		if got := b.Body("/"); got != "nobody" || len(b.Cookies()) != 0 {
			t.Errorf("signed out: %s, %v", got, b.Cookies())
		}
		if got := signedIn.Body("/"); got != "nobody" && !strings.Contains(t.Name(), "cookie") {
			t.Errorf("the cookie from before the sign-out: %s", got)
		}
	})
}

func program(store gorilla.Store) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/auth", gothic.BeginAuthHandler)
	mux.HandleFunc("/auth/callback", func(w http.ResponseWriter, r *http.Request) {
		app, err := store.Get(r, "app")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		user, err := gothic.CompleteUserAuth(w, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		app.Values["user"] = user.UserID
		if err := gorillasessions.SignIn(app, "user:"+user.UserID); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if err := app.Save(r, w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc("/sign-out", func(w http.ResponseWriter, r *http.Request) {
		app, _ := store.Get(r, "app")
		app.Options.MaxAge = -1
		if err := app.Save(r, w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		app, err := store.Get(r, "app")
		user, _ := app.Values["user"].(string)
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		case user == "":
			fmt.Fprint(w, "nobody")
		default:
			fmt.Fprint(w, "user ", user)
		}
	})
	return mux
}
