package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/memory"
)

// The options that most programs set in production.
func ExampleOptions() {
	secret := []byte("from the environment, made by: openssl rand -base64 32")
	m, err := sessions.New(context.Background(), sessions.Options{
		Store:       "memory",
		IdleTimeout: 30 * time.Minute,
		Lifetime:    12 * time.Hour,
		Cookie: sessions.Cookie{
			Name:   "__Host-session",
			Secure: true,
			Secret: secret,
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	fmt.Println("ready")
	// Output: ready
}

// An app sends the token in a header field; browsers still use the cookie. The app
// sends the field in every request, empty if it has no token, and keeps the value of
// the response.
func ExampleOptions_tokenHeader() {
	const field = "X-Session-Token"
	m, err := sessions.New(context.Background(), sessions.Options{Store: "memory", TokenHeader: field})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	const visits sessions.Key[int] = "visits"
	handler := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := visits.Update(sessions.FromContext(r.Context()), func(n int) int { return n + 1 })
		fmt.Fprint(w, "visit ", n)
	}))

	token := ""
	for range 3 {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set(field, token)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if given, ok := w.Header()[field]; ok {
			token = given[0] // empty: the session was ended
		}
		fmt.Println(w.Body, "- cookies:", len(w.Result().Cookies()))
	}
	// Output:
	// visit 1 - cookies: 0
	// visit 2 - cookies: 0
	// visit 3 - cookies: 0
}

// downStore is a store whose server does not respond.
type downStore struct{ driver.Store }

func (downStore) Load(context.Context, driver.Key) (driver.Record, error) {
	return driver.Record{}, errors.New("connection refused")
}

func (downStore) Save(context.Context, driver.Key, driver.Version, driver.Record) error {
	return errors.New("connection refused")
}

// An error page of the program's own. Here, WrapStore makes the store fail.
func ExampleOptions_errorHandler() {
	opts := sessions.Options{
		Store:     "memory",
		WrapStore: func(s driver.Store) driver.Store { return downStore{s} },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if errors.Is(err, sessions.ErrEnded) || errors.Is(err, sessions.ErrConflict) {
				http.Error(w, `{"error":"try again"}`, http.StatusConflict)
				return
			}
			w.Header().Set("Retry-After", "5")
			http.Error(w, `{"error":"unavailable"}`, http.StatusServiceUnavailable)
		},
		Logger: slog.New(slog.DiscardHandler),
	}
	res := request(opts, func(w http.ResponseWriter, r *http.Request) {
		sessions.FromContext(r.Context()).Set("user", "ann")
		fmt.Fprint(w, "you are signed in") // never sent
	}, "/")
	fmt.Println(res.StatusCode, res.Header.Get("Retry-After"), len(res.Cookies()))
	// Output: 503 5 0
}

// With ManualSave, changes that the handler does not save are dropped.
func ExampleOptions_manualSave() {
	const draft sessions.Key[string] = "draft"
	get, _, stop := serve(sessions.Options{Store: "memory", ManualSave: true}, func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if text := r.FormValue("text"); text != "" {
			draft.Set(s, text)
		}
		if r.FormValue("save") != "" {
			if err := s.Save(r.Context()); err != nil {
				fmt.Fprint(w, err)
				return
			}
		}
		text, _ := draft.Get(s)
		fmt.Fprintf(w, "%q", text)
	})
	defer stop()
	fmt.Println(get("/?text=one&save=yes"))
	fmt.Println(get("/?text=two"))
	fmt.Println(get("/"))
	// Output:
	// "one"
	// "two"
	// "one"
}

// Two programs with one backend. Neither sees the other's sessions, even with the same
// cookie name and secret.
func ExampleOptions_namespace() {
	ctx := context.Background()
	secret := []byte("the same for both, of thirty-two bytes or more")
	tokenOf := func(m *sessions.Manager) (token string) {
		handler := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			s.Set("user", "ann")
			token = s.Token()
		}))
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		return token
	}
	open := func(namespace string) *sessions.Manager {
		m, err := sessions.New(ctx, sessions.Options{Store: "memory", Namespace: namespace, Cookie: sessions.Cookie{Secret: secret}})
		if err != nil {
			panic(err)
		}
		return m
	}
	shop, forum := open("shop"), open("forum")
	defer shop.Close()
	defer forum.Close()

	token := tokenOf(shop)
	_, inShop := shop.Load(ctx, token)
	_, inForum := forum.Load(ctx, token)
	fmt.Println(inShop, errors.Is(inForum, sessions.ErrNotFound))
	// Output: <nil> true
}

// Replacing a secret. A client whose cookie was signed with the old one stays signed
// in, and gets one that is signed with the new one.
func ExampleCookie_previousSecrets() {
	oldSecret := []byte("the secret of last year, thirty-two bytes or more")
	newSecret := []byte("the secret of this year, thirty-two bytes or more")
	// The store outlives deployments, as a database does.
	ctx := context.Background()
	store, err := memory.New(memory.Options{}).Open(ctx, driver.Config{})
	if err != nil {
		panic(err)
	}
	defer store.Close()
	same := driver.OpenFunc(func(context.Context, driver.Config) (driver.Store, error) { return store, nil })
	deploy := func(c sessions.Cookie) *sessions.Manager {
		m, err := sessions.New(ctx, sessions.Options{Driver: same, Cookie: c})
		if err != nil {
			panic(err)
		}
		return m
	}
	const user sessions.Key[string] = "user"
	visit := func(m *sessions.Manager, cookies []*http.Cookie) *http.Response {
		r := httptest.NewRequest("GET", "/", nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			if s.IsNew() {
				user.Set(s, "ann")
			}
			name, _ := user.Get(s)
			fmt.Println(name, "is new:", s.IsNew())
		})).ServeHTTP(w, r)
		return w.Result()
	}

	before := deploy(sessions.Cookie{Secret: oldSecret})
	cookies := visit(before, nil).Cookies()

	after := deploy(sessions.Cookie{Secret: newSecret, PreviousSecrets: [][]byte{oldSecret}})
	cookies = visit(after, cookies).Cookies()
	fmt.Println("cookies given:", len(cookies))

	later := deploy(sessions.Cookie{Secret: newSecret}) // when the longest session is over
	visit(later, cookies)
	// Output:
	// ann is new: true
	// ann is new: false
	// cookies given: 1
	// ann is new: false
}

// request sends one request to the handler.
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

// A program that is reached over HTTPS through a proxy, and over plain HTTP from the
// internal network, needs two managers. Their cookies have different names, because a
// browser that has a Secure cookie ignores a plain one of the same name. The proxy must
// set X-Forwarded-Proto in every request, and overwrite the client's.
func ExampleManager_Wrap_plainHTTP() {
	ctx := context.Background()
	secure, err := sessions.New(ctx, sessions.Options{Store: "memory", Cookie: sessions.Cookie{Name: "__Host-session", Secure: true}})
	if err != nil {
		log.Fatal(err)
	}
	defer secure.Close()
	plain, err := sessions.New(ctx, sessions.Options{Store: "memory", Cookie: sessions.Cookie{Name: "session"}})
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

// accounts is a guard that refuses the sessions of disabled accounts.
type accounts struct {
	disabled map[string]bool
}

func (a accounts) Start(sessions.GuardConfig) error { return nil }

func (a accounts) Admit(_ *http.Request, h sessions.Held) error {
	if a.disabled[h.Owner()] {
		return fmt.Errorf("the account %s is disabled: %w", h.Owner(), sessions.ErrRefused)
	}
	return nil
}

func (a accounts) Issue(*http.Request, sessions.Held, http.Header) {}

// The sessions of a disabled account cannot be used. They work again when the account
// is enabled.
func ExampleGuard() {
	disabled := make(map[string]bool)
	m, err := sessions.New(context.Background(), sessions.Options{Store: "memory", Guard: accounts{disabled}})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	handler := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		switch r.URL.Path {
		case "/sign-in":
			if err := errors.Join(s.Renew(), s.SetOwner("user:ann")); err != nil {
				log.Print(err)
			}
		case "/sign-out":
			_ = s.Destroy(r.Context())
		}
		fmt.Fprintf(w, "owner %q\n", s.Owner())
	}))

	r := httptest.NewRequest("GET", "/", nil)
	visit := func(path string) {
		w := httptest.NewRecorder()
		r.URL.Path = path
		handler.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
		for _, c := range w.Result().Cookies() {
			r.Header.Set("Cookie", c.Name+"="+c.Value)
		}
	}
	visit("/sign-in")
	disabled["user:ann"] = true
	visit("/")
	disabled["user:ann"] = false
	visit("/")
	disabled["user:ann"] = true
	visit("/sign-out") // is always possible
	// Output:
	// 200 owner "user:ann"
	// 403 Forbidden
	// 200 owner "user:ann"
	// 200 owner ""
}

// A health check. It costs one read.
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
