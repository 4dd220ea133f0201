package sessions_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/pump-go/sessions"
)

// request sends one request to the handler, on a store of its own.
func request(opts sessions.Options, handler http.HandlerFunc, path string) *http.Response {
	m, err := sessions.New(context.Background(), opts)
	if err != nil {
		panic(err)
	}
	defer m.Close()
	r := httptest.NewRequest("GET", path, nil)
	w := httptest.NewRecorder()
	m.Wrap(handler).ServeHTTP(w, r)
	return w.Result()
}

// One Wrap for all routes. What stands outside sees the answer as it leaves,
// the error page included; what stands inside has the session.
func ExampleManager_Wrap() {
	m, err := sessions.New(context.Background(), sessions.Options{Store: "memory"})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		sessions.FromContext(r.Context()).Set("seen", true)
	})
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "body { color: black }") // no session, no cookie, no cost
	})
	handler := http.NewCrossOriginProtection().Handler(m.Wrap(mux))

	for _, path := range []string{"/", "/style.css"} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		fmt.Println(path, "cookies:", len(w.Result().Cookies()))
	}
	// Output:
	// / cookies: 1
	// /style.css cookies: 0
}

// Two sessions in one request: that of the shop, and a shorter one for its
// administration, under a cookie of its own.
func ExampleManager_FromContext() {
	ctx := context.Background()
	shop, err := sessions.New(ctx, sessions.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer shop.Close()
	admin, err := sessions.New(ctx, sessions.Options{
		IdleTimeout: 10 * time.Minute,
		Cookie:      sessions.Cookie{Name: "admin-session", SameSite: http.SameSiteStrictMode},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer admin.Close()

	handler := shop.Wrap(admin.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shop.FromContext(r.Context()).Set("cart", "tea")
		admin.FromContext(r.Context()).Set("role", "owner")
	})))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	for _, c := range w.Result().Cookies() {
		fmt.Println(c.Name)
	}
	// Unordered output:
	// pump-session
	// admin-session
}

// A program that is reached over HTTPS through a proxy, and plainly from the internal
// network, has two managers, whose cookies have different names: a browser that has a
// Secure cookie ignores a plain one of the same name. The proxy sets X-Forwarded-Proto
// in every request, whatever the client sent.
func ExampleManager_Wrap_plainHTTP() {
	ctx := context.Background()
	secure, err := sessions.New(ctx, sessions.Options{Cookie: sessions.Cookie{Name: "__Host-session", Secure: true}})
	if err != nil {
		log.Fatal(err)
	}
	defer secure.Close()
	plain, err := sessions.New(ctx, sessions.Options{Cookie: sessions.Cookie{Name: "session"}})
	if err != nil {
		log.Fatal(err)
	}
	defer plain.Close()

	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		sessions.FromContext(r.Context()).Set("user", "ann")
	})
	overHTTPS, overHTTP := secure.Wrap(mux), plain.Wrap(mux)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Forwarded-Proto") == "https" {
			overHTTPS.ServeHTTP(w, r)
		} else {
			overHTTP.ServeHTTP(w, r)
		}
	})

	for _, proto := range []string{"https", ""} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Forwarded-Proto", proto)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		c := w.Result().Cookies()[0]
		fmt.Println(c.Name, c.Secure)
	}
	// Output:
	// __Host-session true
	// session false
}

// A health check. It costs what one read costs.
func ExampleManager_Ping() {
	m, err := sessions.New(context.Background(), sessions.Options{Store: "memory"})
	if err != nil {
		log.Fatal(err)
	}
	healthz := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		if err := m.Ping(ctx); err != nil {
			http.Error(w, "sessions: no answer", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	ask := func() {
		w := httptest.NewRecorder()
		healthz.ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
		fmt.Print(w.Code, " ", w.Body)
	}
	ask()
	m.Close()
	ask()
	// Output:
	// 200 ok
	// 503 sessions: no answer
}
