package cookie_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/pump-go/sessions"
	_ "github.com/pump-go/sessions/cookie"
)

// The session is in the cookie, encrypted. A copy of the cookie stays valid after
// a sign-out, so set an IdleTimeout and a Lifetime.
func Example() {
	m, err := sessions.New(context.Background(), sessions.Options{
		Store:       "cookie",
		IdleTimeout: 30 * time.Minute,
		Lifetime:    12 * time.Hour,
		Cookie: sessions.Cookie{
			Secret: []byte("from the environment: openssl rand -base64 32"),
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	const user sessions.Key[string] = "user"
	handler := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if r.URL.Path == "/sign-in" {
			user.Set(s, "ann")
			return
		}
		name, _ := user.Get(s)
		fmt.Fprint(w, "hello ", name)
	}))

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/sign-in", nil))
	cookie := w.Result().Cookies()[0]
	fmt.Println("readable:", strings.Contains(cookie.Value, "ann"))

	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(cookie)
	w = httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Body)
	// Output:
	// readable: false
	// hello ann
}
