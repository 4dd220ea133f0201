package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/pump-go/sessions"
	_ "github.com/pump-go/sessions/memory"
)

// serve starts a server for the handler, with the memory store. It returns a function
// that gets a page as one browser, which keeps its cookies.
func serve(opts sessions.Options, handler http.HandlerFunc) (get func(path string) string, m *sessions.Manager, stop func()) {
	m, err := sessions.New(context.Background(), opts)
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(m.Wrap(handler))
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	get = func(path string) string {
		res, err := browser.Get(server.URL + path)
		if err != nil {
			panic(err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		return string(body)
	}
	return get, m, func() { server.Close(); m.Close() }
}

// A visit counter. The middleware commits the changes.
func Example() {
	const visits sessions.Key[int] = "visits"
	get, _, stop := serve(sessions.Options{Store: "memory"}, func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		n := visits.Update(s, func(n int) int { return n + 1 })
		fmt.Fprintf(w, "visit %d", n)
	})
	defer stop()
	fmt.Println(get("/"))
	fmt.Println(get("/"))
	// Output:
	// visit 1
	// visit 2
}

// New reports all faults of the options at once.
func ExampleNew() {
	_, err := sessions.New(context.Background(), sessions.Options{
		Store:       "memory",
		IdleTimeout: time.Hour,
		Lifetime:    time.Minute,
		Cookie:      sessions.Cookie{Name: "__Host-id", Secret: []byte("too short")},
	})
	fmt.Println(errors.Is(err, sessions.ErrInvalidOptions))
	fmt.Println(err)
	// Output:
	// true
	// sessions: invalid options:
	// Options.Lifetime: 1m0s is shorter than Options.IdleTimeout, 1h0m0s
	// Options.Cookie.Name: browsers drop a cookie named __Host-id without Secure
	// Options.Cookie.Secret: 9 bytes, want at least 32; make one with  openssl rand -base64 32
}

type item struct {
	Name  string
	Count int
}

// A value of the program's own type. It may be changed in place.
func ExampleKey() {
	const cart sessions.Key[map[string]*item] = "cart"
	get, _, stop := serve(sessions.Options{Store: "memory"}, func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		goods, ok := cart.Get(s)
		if !ok {
			cart.Set(s, map[string]*item{"tea": {Name: "Tea", Count: 1}})
			return
		}
		goods["tea"].Count++
		fmt.Fprintf(w, "%d × %s", goods["tea"].Count, goods["tea"].Name)
	})
	defer stop()
	get("/")
	get("/")
	fmt.Println(get("/"))
	// Output: 3 × Tea
}

// Decode returns the reason why there is no value.
func ExampleKey_Decode() {
	const seats sessions.Key[int] = "seats"
	get, _, stop := serve(sessions.Options{Store: "memory"}, func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		switch n, err := seats.Decode(s); {
		case errors.Is(err, sessions.ErrNoValue):
			s.Set("seats", "two") // as an earlier version of the program did
			fmt.Fprint(w, "none yet")
		case errors.Is(err, sessions.ErrInvalidValue):
			seats.Set(s, 2)
			fmt.Fprint(w, "not a number")
		case err != nil:
			return // the session could not be loaded: the error page is sent
		default:
			fmt.Fprint(w, n)
		}
	})
	defer stop()
	fmt.Println(get("/"))
	fmt.Println(get("/"))
	fmt.Println(get("/"))
	// Output:
	// none yet
	// not a number
	// 2
}

// No update of parallel requests is lost.
func ExampleKey_Update() {
	const votes sessions.Key[int] = "votes"
	get, _, stop := serve(sessions.Options{Store: "memory"}, func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if r.URL.Path == "/vote" {
			votes.Update(s, func(n int) int { return n + 1 })
		}
		n, _ := votes.Get(s)
		fmt.Fprint(w, n)
	})
	defer stop()
	get("/vote")
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { get("/vote") })
	}
	wg.Wait()
	fmt.Println(get("/"))
	// Output: 51
}

// A token that can be used once, even if two requests send it at the same time.
func ExampleKey_Pop() {
	const reset sessions.Key[string] = "password-reset"
	get, _, stop := serve(sessions.Options{Store: "memory"}, func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if r.URL.Path == "/ask" {
			reset.Set(s, "4711")
			return
		}
		token, ok := reset.Pop(s)
		if !ok || token != r.URL.Query().Get("token") {
			fmt.Fprint(w, "refused")
			return
		}
		if err := s.Save(r.Context()); err != nil { // be sure before acting on it
			fmt.Fprint(w, "another request was faster")
			return
		}
		fmt.Fprint(w, "password reset")
	})
	defer stop()
	get("/ask")
	fmt.Println(get("/use?token=4711"))
	fmt.Println(get("/use?token=4711"))
	// Output:
	// password reset
	// refused
}

// Messages for the next page.
func ExampleFlash() {
	type notice struct{ Level, Text string }
	const notices sessions.Flash[notice] = "notices"
	get, _, stop := serve(sessions.Options{Store: "memory"}, func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if r.URL.Path == "/save" {
			notices.Add(s, notice{"info", "Saved."})
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		for _, n := range notices.Take(s) {
			fmt.Fprintf(w, "[%s] %s", n.Level, n.Text)
		}
	})
	defer stop()
	fmt.Println(get("/save"))
	fmt.Println(get("/") == "")
	// Output:
	// [info] Saved.
	// true
}

// Signing in, signing out, and signing out everywhere else.
func ExampleManager_DestroyOwned() {
	const user sessions.Key[string] = "user"
	var m *sessions.Manager
	handler := func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		switch r.URL.Path {
		case "/in": // the password was checked
			s.Renew() // an ID seen before is worth nothing now
			s.SetOwner("user:ann")
			s.SetExpires(sessions.ExpireWithBrowser())
			user.Set(s, "ann")
		case "/out":
			s.Destroy(r.Context())
		case "/out-elsewhere":
			n, err := m.DestroyOwned(r.Context(), s.Owner(), s)
			fmt.Fprint(w, n, " signed out, error: ", err)
			return
		}
		name, ok := user.Get(s)
		fmt.Fprint(w, name, " signed in: ", ok)
	}
	phone, m, stop := serve(sessions.Options{Store: "memory"}, handler)
	defer stop()

	server := httptest.NewServer(m.Wrap(http.HandlerFunc(handler)))
	defer server.Close()
	jar, _ := cookiejar.New(nil)
	laptop := &http.Client{Jar: jar}

	fmt.Println(phone("/in"))
	laptop.Get(server.URL + "/in")
	fmt.Println(phone("/out-elsewhere"))
	fmt.Println(phone("/"))
	fmt.Println(phone("/out"))
	// Output:
	// ann signed in: true
	// 1 signed out, error: <nil>
	// ann signed in: true
	//  signed in: false
}

// A WebSocket or a job opens the session by its token, and calls Save.
func ExampleManager_Load() {
	const progress sessions.Key[int] = "progress"
	tokens := make(chan string, 1)
	get, m, stop := serve(sessions.Options{Store: "memory"}, func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if r.URL.Path == "/start" {
			progress.Set(s, 0)
			tokens <- s.Token() // valid once this request is answered
			return
		}
		n, _ := progress.Get(s)
		fmt.Fprintf(w, "%d%%", n)
	})
	defer stop()
	get("/start")

	ctx := context.Background()
	s, err := m.Load(ctx, <-tokens)
	if err != nil {
		fmt.Println(err)
		return
	}
	progress.Set(s, 80)
	if err := s.Save(ctx); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(get("/"))
	// Output: 80%
}

// A session without a request, as for a sign-in by a remote call or for an end-to-end
// test.
func ExampleManager_NewSession() {
	m, err := sessions.New(context.Background(), sessions.Options{Store: "memory"})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	s := m.NewSession()
	s.SetOwner("user:ann")
	if err := s.Save(context.Background()); err != nil {
		log.Fatal(err)
	}

	// The token is the value of the client's cookie.
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: "pump-session", Value: s.Token()})
	m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(sessions.FromContext(r.Context()).Owner())
	})).ServeHTTP(httptest.NewRecorder(), r)
	// Output: user:ann
}

// A job passes a session to code that calls FromContext.
func ExampleNewContext() {
	const tickets sessions.Key[int] = "tickets"
	book := func(ctx context.Context) {
		tickets.Update(sessions.FromContext(ctx), func(n int) int { return n + 1 })
	}
	tokens := make(chan string, 1)
	get, m, stop := serve(sessions.Options{Store: "memory"}, func(w http.ResponseWriter, r *http.Request) {
		book(r.Context())
		s := sessions.FromContext(r.Context())
		tokens <- s.Token()
		n, _ := tickets.Get(s)
		fmt.Fprint(w, n)
	})
	defer stop()
	fmt.Println(get("/"))

	ctx := context.Background()
	s, err := m.Load(ctx, <-tokens)
	if err != nil {
		log.Fatal(err)
	}
	book(sessions.NewContext(ctx, s))
	if err := s.Save(ctx); err != nil { // as nobody else does
		log.Fatal(err)
	}
	fmt.Println(get("/"))
	// Output:
	// 1
	// 3
}

// Signing in. The old ID stops working, so that one that an attacker planted cannot be
// used. The session keeps its data.
func ExampleSession_Renew() {
	const user sessions.Key[string] = "user"
	const cart sessions.Key[[]string] = "cart"
	get, _, stop := serve(sessions.Options{Store: "memory"}, func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		switch r.URL.Path {
		case "/add":
			cart.Update(s, func(goods []string) []string { return append(goods, "tea") })
		case "/sign-in": // the password was checked
			before := s.ID()
			s.Renew()
			s.SetOwner("user:ann")
			user.Set(s, "ann")
			fmt.Fprintln(w, "a new ID:", s.ID() != before)
		}
		name, _ := user.Get(s)
		goods, _ := cart.Get(s)
		fmt.Fprintf(w, "%q has %q", name, goods)
	})
	defer stop()
	fmt.Println(get("/add"))
	fmt.Println(get("/sign-in"))
	// Output:
	// "" has ["tea"]
	// a new ID: true
	// "ann" has ["tea"]
}

// Signing out. Values that are set afterwards start a new session.
func ExampleSession_Destroy() {
	const user sessions.Key[string] = "user"
	get, _, stop := serve(sessions.Options{Store: "memory"}, func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		switch r.URL.Path {
		case "/sign-in":
			user.Set(s, "ann")
		case "/sign-out":
			s.Destroy(r.Context()) // should the store fail, the client gets the error page
			s.AddFlash("You are signed out.")
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		name, ok := user.Get(s)
		fmt.Fprintf(w, "%q %v %q", name, ok, s.Flashes())
	})
	defer stop()
	fmt.Println(get("/sign-in"))
	fmt.Println(get("/sign-out"))
	// Output:
	// "ann" true []
	// "" false ["You are signed out."]
}

// "Remember me": the browser keeps the cookie when it is closed, and the server keeps
// the session for 30 days instead of 12 hours.
func ExampleSession_SetLifetime() {
	const month = 30 * 24 * time.Hour
	now := time.Date(2026, time.May, 1, 9, 0, 0, 0, time.UTC)
	opts := sessions.Options{
		Store:       "memory",
		IdleTimeout: time.Hour,
		Lifetime:    12 * time.Hour,
		Cookie:      sessions.Cookie{Expires: sessions.ExpireWithBrowser()},
		Now:         func() time.Time { return now },
	}
	signIn := func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		s.Set("user", "ann")
		if r.FormValue("remember") != "" {
			s.SetExpires(sessions.ExpireAfter(month))
			s.SetIdleTimeout(month)
			s.SetLifetime(month)
		} else {
			s.ResetSettings()
		}
		fmt.Println("the session ends", s.Deadline().Format("Jan 2 15:04"))
	}
	for _, path := range []string{"/sign-in", "/sign-in?remember=yes"} {
		cookie := request(opts, signIn, path).Cookies()[0]
		fmt.Println("the cookie lasts", cookie.MaxAge/24/60/60, "days") // 0: until the browser is closed
	}
	// Output:
	// the session ends May 1 10:00
	// the cookie lasts 0 days
	// the session ends May 31 09:00
	// the cookie lasts 30 days
}

// A notice shortly before the session ends.
func ExampleSession_Deadline() {
	const user sessions.Key[string] = "user"
	now := time.Date(2026, time.May, 1, 9, 0, 0, 0, time.UTC)
	opts := sessions.Options{Store: "memory", Lifetime: 12 * time.Hour, Now: func() time.Time { return now }}
	get, _, stop := serve(opts, func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		user.Set(s, "ann")
		if left := s.Deadline().Sub(now); left < 15*time.Minute {
			fmt.Fprintf(w, "You will be signed out in %v.", left)
		} else {
			fmt.Fprint(w, "Welcome.")
		}
	})
	defer stop()
	fmt.Println(get("/"))
	now = now.Add(11*time.Hour + 50*time.Minute)
	fmt.Println(get("/"))
	// Output:
	// Welcome.
	// You will be signed out in 10m0s.
}

// The list of a user's devices.
func ExampleManager_Owned() {
	const device sessions.Key[string] = "device"
	var m *sessions.Manager
	handler := func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if r.URL.Path == "/sign-in" {
			s.SetOwner("user:ann")
			device.Set(s, "phone")
			return
		}
		for other, err := range m.Owned(r.Context(), s.Owner()) {
			if err != nil {
				fmt.Fprint(w, err)
				return
			}
			name, _ := device.Get(other)
			// The form to sign it out takes other.ID(): see Manager.Find.
			fmt.Fprintf(w, "%s, this one: %v", name, other.ID() == s.ID())
		}
	}
	get, m, stop := serve(sessions.Options{Store: "memory"}, handler)
	defer stop()
	get("/sign-in")
	fmt.Println(get("/devices"))
	// Output: phone, this one: true
}

// Signing out one of the devices on the list. The ID comes from a form, so the owner
// must be checked.
func ExampleManager_Find() {
	var m *sessions.Manager
	handler := func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if r.URL.Path == "/sign-in" {
			s.SetOwner("user:ann")
			s.Set("user", "ann")
			fmt.Fprint(w, s.ID())
			return
		}
		other, err := m.Find(r.Context(), r.FormValue("id"))
		if err != nil || other.Owner() != s.Owner() {
			fmt.Fprint(w, "no such device")
			return
		}
		fmt.Fprint(w, "signed out, error: ", other.Destroy(r.Context()))
	}
	get, m, stop := serve(sessions.Options{Store: "memory"}, handler)
	defer stop()
	id := get("/sign-in")
	fmt.Println(get("/sign-out?id=0123"))
	fmt.Println(get("/sign-out?id=" + id))
	// Output:
	// no such device
	// signed out, error: <nil>
}

// One Wrap for all routes. Middleware outside of Wrap sees the response as it is sent,
// including the error page; middleware inside has the session.
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

// Two sessions in one request: one for the shop, and a shorter one for its
// administration, with its own cookie.
func ExampleManager_FromContext() {
	ctx := context.Background()
	shop, err := sessions.New(ctx, sessions.Options{Store: "memory"})
	if err != nil {
		log.Fatal(err)
	}
	defer shop.Close()
	admin, err := sessions.New(ctx, sessions.Options{
		Store:       "memory",
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
