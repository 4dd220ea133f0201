package dbsc_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/dbsc"
	"github.com/pump-go/sessions/internal/testapp"
)

func increment(s *sessions.Session) { testapp.Increment(s) }

func TestSignInRegisterRefresh(t *testing.T) {
	s := newSite(t)
	d := s.device()
	got := d.send("POST", "/sign-in", nil, signIn)
	offer := got.Header.Get("Secure-Session-Registration")
	if !strings.HasPrefix(offer, `(ES256 RS256);path="/device-bound-session/register";challenge="`) {
		t.Errorf("offer: %s", offer)
	}
	got = d.register()
	testapp.Equal(t, "status", got.StatusCode, http.StatusOK)
	testapp.Equal(t, "Content-Type", got.Header.Get("Content-Type"), "application/json")
	testapp.Equal(t, "Cache-Control", got.Header.Get("Cache-Control"), "no-store")
	testapp.Equal(t, "Cross-Origin-Resource-Policy", got.Header.Get("Cross-Origin-Resource-Policy"), "same-origin")
	testapp.Equal(t, "body", got.Body, `{"session_identifier":"`+d.id+`","refresh_url":"/device-bound-session/refresh",`+
		`"scope":{"include_site":false},"credentials":[{"type":"cookie","name":"pump-session-bound","attributes":"Path=/; HttpOnly; Secure; SameSite=Lax"}]}`)
	testapp.Equal(t, "Set-Cookie", strings.Replace(got.Header.Get("Set-Cookie"), d.Cookies[boundName], "…", 1),
		"pump-session-bound=…; Path=/; Max-Age=540; HttpOnly; Secure; SameSite=Lax")
	for range 4 {
		d.wantUse("with both cookies", http.StatusOK)
		s.Clock.Advance(9 * time.Minute)
		d.dropBound()
		d.wantRefresh("after nine minutes")
	}
	s.Clock.Advance(9 * time.Minute)
	d.dropBound()
	d.wantUse("without the bound cookie", http.StatusForbidden)
	d.wantRefresh("after a refusal")
	d.wantUse("after the refresh", http.StatusOK)
}

func TestBound(t *testing.T) {
	s := newSite(t)
	d := s.device()
	bound := func() (since time.Time, ok bool) {
		d.use(func(s *sessions.Session) { since, ok = dbsc.Bound(s) })
		return since, ok
	}
	d.signIn()
	if _, ok := bound(); ok {
		t.Error("bound before the registration")
	}
	d.register()
	at := s.Clock.Now()
	if _, ok := bound(); !ok { // this request confirms it
		t.Error("not bound after the registration")
	}
	s.Clock.Advance(time.Minute)
	since, ok := bound()
	testapp.Equal(t, "bound", ok, true)
	testapp.Equal(t, "since", since, at)
	for other, err := range s.Manager.Owned(t.Context(), "ann") {
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := dbsc.Bound(other); !ok {
			t.Error("a listing does not show that the session is bound")
		}
	}
}

func TestRSA(t *testing.T) {
	s := newSite(t)
	d := s.device()
	d.key = rsaKey(t, 2048)
	d.signIn()
	testapp.Equal(t, "status", d.register().StatusCode, http.StatusOK)
	d.wantRefresh("with an RSA key")
	d.wantUse("with an RSA key", http.StatusOK)
}

// Browsers without the protocol use the session cookie alone.
func TestBrowserWithoutTheProtocol(t *testing.T) {
	s := newSite(t)
	d := s.device()
	d.signIn()
	for range 3 {
		s.Clock.Advance(time.Hour)
		d.wantUse("unbound", http.StatusOK)
	}
	s.wantLogged(0, "level=WARN")
}

func TestUntouchedRequestsCheckNothing(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	d.dropBound()
	s.Store.Calls()
	testapp.Equal(t, "status", d.use(func(*sessions.Session) {}), http.StatusOK)
	testapp.Equal(t, "calls", s.Store.Calls(), "")
	s.wantLogged(0, withoutDevice)
}

// Checking the bound cookie costs no store call, and confirming it one write.
func TestStoreCalls(t *testing.T) {
	s := newSite(t)
	d := s.device()
	d.signIn()
	d.register()
	s.Store.Calls()
	d.wantUse("", http.StatusOK)
	testapp.Equal(t, "calls of the first use", s.Store.Calls(), "Load Save")
	d.wantUse("", http.StatusOK)
	testapp.Equal(t, "calls of a use", s.Store.Calls(), "Load")
	d.refresh()
	testapp.Equal(t, "calls of a refresh", s.Store.Calls(), "Load Load")
}

// Hole 6: a refresh that meets a renewed session.
func TestRefreshOfARenewedSession(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	late := d.copied()
	late.key = d.key
	testapp.Equal(t, "status", d.use(func(s *sessions.Session) { s.Renew() }), http.StatusOK)
	got := late.refreshWith("")
	testapp.Equal(t, "status", got.StatusCode, http.StatusForbidden)
	if late.challenge == "" {
		t.Fatal("the late refresh gets no challenge")
	}
	// The browser has the new session cookie by now.
	late.SetToken(d.Token())
	testapp.Equal(t, "status", late.refreshWith(late.proof(late.challenge, false)).StatusCode, http.StatusOK)
	d.wantUse("after Renew", http.StatusOK)
	d.wantRefresh("after Renew")
	d.use(func(s *sessions.Session) { s.Renew() })
	testapp.Equal(t, "offers after Renew of a bound session", d.send("GET", "/", nil, func(s *sessions.Session) { s.Renew() }).Header.Get("Secure-Session-Registration"), "")
}

// Hole 6: a session that was bound to a planter's key must not stay so when somebody
// signs in to it.
func TestOwnerAndInvalidateDropTheBinding(t *testing.T) {
	for name, change := range map[string]func(*sessions.Session){
		"another owner":             func(s *sessions.Session) { s.SetOwner("bob"); testapp.User.Set(s, "ann") },
		"another owner, with Renew": func(s *sessions.Session) { s.Renew(); s.SetOwner("bob") },
		"Invalidate":                func(s *sessions.Session) { s.Invalidate(); signIn(s) },
	} {
		s := newSite(t)
		planter := s.bound()
		victim := planter.copied()
		victim.use(change)
		victim.dropBound()
		victim.wantUse(name, http.StatusOK)
		victim.use(func(s *sessions.Session) {
			if _, ok := dbsc.Bound(s); ok {
				t.Errorf("%s: still bound", name)
			}
		})
		planter.SetToken(victim.Token())
		got := planter.refresh()
		testapp.Equal(t, name+": the planter's refresh", got.Body, `{"continue":false}`)
	}
}

// Hole 10: a refresh is no use of the session.
func TestRefreshIsNoUse(t *testing.T) {
	s := newSite(t, func(o *sessions.Options) { o.IdleTimeout, o.RenewAfter = time.Hour, 5*time.Minute })
	d := s.bound()
	d.wantUse("the last one that counts", http.StatusOK)
	s.Clock.Advance(59 * time.Minute)
	s.Store.Calls()
	d.wantRefresh("after 59 minutes")
	testapp.Equal(t, "calls", s.Store.Calls(), "Load Load")
	s.Clock.Advance(2 * time.Minute)
	testapp.Equal(t, "answer after 61 minutes", d.refresh().Body, `{"continue":false}`)
	s.WantRecords(0)
	s.Store.Calls()
	d.refresh()
	testapp.Equal(t, "writes", s.Store.Since("Save", "Touch", "Delete"), 0)
}

// Holes 11 and 13: with these options the binding would protect nothing, or not reach
// the browser.
func TestNewRefuses(t *testing.T) {
	for name, change := range map[string]func(*sessions.Options){
		"sessions with the clients": func(o *sessions.Options) { o.Store = "sealed" },
		"Cookie.Domain":             func(o *sessions.Options) { o.Cookie.Domain = "shop.example" },
		"Cookie.Partitioned":        func(o *sessions.Options) { o.Cookie.Partitioned = true },
		"Cookie.Secret":             func(o *sessions.Options) { o.Cookie.Secret = nil },
		"Cookie.Secure":             func(o *sessions.Options) { o.Cookie.Secure = false },
		"PublicPath":                func(o *sessions.Options) { o.Cookie.Path = "/app" },
		"__Host-":                   func(o *sessions.Options) { o.Cookie.Name, o.Cookie.Path = "__Host-s", "/device-bound-session" },
	} {
		o := sessions.Options{Guard: newBinding(t, dbsc.Options{})}
		o.Cookie.Secure, o.Cookie.Secret = true, testapp.Secret
		if change(&o); o.Store == "" {
			o.Driver = testapp.NewStore(nil)
		}
		m, err := sessions.New(t.Context(), o)
		if err == nil {
			m.Close()
		}
		if !errors.Is(err, sessions.ErrInvalidOptions) || strings.Contains(err.Error(), "dbsc") != (name != "__Host-") {
			t.Errorf("%s: New returns %v", name, err)
		} else if name != "sessions with the clients" && !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named by: %v", name, err)
		}
	}
	for _, o := range []dbsc.Options{
		{Life: time.Second}, {Life: 25 * time.Hour}, {Path: "/"}, {Path: "x"}, {Path: "/a/"}, {PublicPath: `/a"b`}, {PublicPath: "/a/../b"}, {Exclude: []string{"/a b"}},
	} {
		if _, err := dbsc.New(o); !errors.Is(err, sessions.ErrInvalidOptions) {
			t.Errorf("New(%+v): %v", o, err)
		}
	}
	s := newSite(t)
	o := s.Options
	o.Driver = testapp.NewStore(nil)
	if _, err := sessions.New(t.Context(), o); err == nil {
		t.Error("a Binding is used for two Managers")
	}
}

// Hole 13: no answer names an origin or a host, so none is wrong behind a proxy.
func TestBehindAProxy(t *testing.T) {
	s := newSite(t)
	s.binding = newBinding(t, dbsc.Options{PublicPath: "/shop/sessions/device", Path: "/device", Exclude: []string{"/shop/static"}})
	s.Deploy(func(o *sessions.Options) { o.Guard, o.Cookie.Path = s.binding, "/shop" })
	d := s.device()
	got := d.send("POST", "/sign-in", nil, signIn)
	if offer := got.Header.Get("Secure-Session-Registration"); !strings.Contains(offer, `path="/shop/sessions/device/register"`) {
		t.Errorf("offer: %s", offer)
	}
	got = d.send("POST", "/device/register", http.Header{"Secure-Session-Response": {d.proof(d.offer, true)}}, nil)
	testapp.Equal(t, "status", got.StatusCode, http.StatusOK)
	var said struct {
		RefreshURL string `json:"refresh_url"`
		Scope      map[string]any
	}
	if err := json.Unmarshal([]byte(got.Body), &said); err != nil {
		t.Fatal(err)
	}
	testapp.Equal(t, "refresh_url", said.RefreshURL, "/shop/sessions/device/refresh")
	testapp.Equal(t, "scope", said.Scope, map[string]any{"include_site": false, "scope_specification": []any{
		map[string]any{"type": "exclude", "domain": "*", "path": "/shop/static"},
	}})
	if strings.Contains(got.Body, "example") || !strings.Contains(got.Body, "Path=/shop;") {
		t.Errorf("the answer: %s", got.Body)
	}
}

// Hole 14: a challenge with a good refresh would make the browser prove ahead.
func TestGoodRefreshHasNoChallenge(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	got := d.refresh()
	testapp.Equal(t, "status", got.StatusCode, http.StatusOK)
	testapp.Equal(t, "body", got.Body, "")
	testapp.Equal(t, "challenge", got.Header.Get("Secure-Session-Challenge"), "")
	testapp.Equal(t, "Access-Control-Allow-Origin", got.Header.Get("Access-Control-Allow-Origin"), "")
	testapp.Equal(t, "Cross-Origin-Resource-Policy", got.Header.Get("Cross-Origin-Resource-Policy"), "same-origin")
}

func TestRotatedSecretsKeepTheBinding(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	d.refreshWith("")
	challenge := d.challenge
	s.restart(func(o *sessions.Options) {
		o.Cookie.Secret, o.Cookie.PreviousSecrets = testapp.Secret2, [][]byte{testapp.Secret}
	})
	d.wantUse("with the cookie of the previous secret", http.StatusOK)
	testapp.Equal(t, "status of a proof over a challenge of the previous secret", d.refreshWith(d.proof(challenge, false)).StatusCode, http.StatusOK)
	d.wantRefresh("with the present secret")
	s.restart(func(o *sessions.Options) { o.Cookie.PreviousSecrets = nil })
	d.wantUse("without the previous secret", http.StatusOK)
	d.dropBound()
	s.Clock.Advance(time.Hour)
	d.wantRefresh("without the previous secret")
}

func TestRestart(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	d.refreshWith("")
	s.restart(nil)
	d.wantUse("after a restart", http.StatusOK)
	testapp.Equal(t, "status of a proof over a challenge from before", d.refreshWith(d.proof(d.challenge, false)).StatusCode, http.StatusOK)
}

// Requests and refreshes at once, with renewals and values among them: the device is
// never refused.
func TestParallelUse(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				c := d.copied()
				c.key = d.key
				if status := c.use(increment); status != http.StatusOK {
					t.Errorf("a use: %d", status)
				}
				c.wantRefresh("in parallel")
			}
		})
	}
	wg.Wait()
	testapp.Equal(t, "count", d.Count(), 160)
}

// Two managers around one handler, each with its own binding.
func TestSeveralManagers(t *testing.T) {
	s := newSite(t)
	admin := newBinding(t, dbsc.Options{Path: "/admin-device"})
	o := s.Options
	o.Guard, o.Cookie.Name, o.Driver = admin, "admin", testapp.NewStore(nil)
	m, store := testapp.NewManager(t, o)
	d := s.device()
	d.Managers = []*sessions.Manager{s.Manager, m}
	handler := func(use func(shop, admin *sessions.Session)) http.Handler {
		return s.binding.Handler(admin.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			use(s.Manager.FromContext(r.Context()), m.FromContext(r.Context()))
		})))
	}
	send := func(path string, header http.Header, use func(shop, admin *sessions.Session)) *testapp.Response {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "https://shop.example"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != nil {
			r.Header = header
		}
		return d.Send(r, handler(use))
	}
	got := send("/", nil, func(shop, admin *sessions.Session) { signIn(shop); signIn(admin) })
	offers := got.Header.Values("Secure-Session-Registration")
	testapp.Equal(t, "offers", len(offers), 2)
	for _, offer := range offers {
		path, challenge := strings.Split(offer, `"`)[1], strings.Split(offer, `"`)[3]
		got := send(path, http.Header{"Secure-Session-Response": {d.proof(challenge, true)}}, nil)
		testapp.Equal(t, "status of "+path, got.StatusCode, http.StatusOK)
	}
	bound := 0
	use := func(shop, admin *sessions.Session) {
		for _, s := range []*sessions.Session{shop, admin} {
			if _, ok := dbsc.Bound(s); ok {
				bound++
			}
		}
	}
	send("/", nil, use)
	testapp.Equal(t, "bound", bound, 2)
	testapp.Equal(t, "records of the second", len(store.Records(t)), 1)
	if _, ok := d.Cookies["admin-bound"]; !ok {
		t.Errorf("cookies %v", d.Cookies)
	}
}

func TestDestroyOwnedEndsTheBinding(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	if n, err := s.Manager.DestroyOwned(t.Context(), "ann"); n != 1 || err != nil {
		t.Errorf("DestroyOwned: %d, %v", n, err)
	}
	testapp.Equal(t, "refresh", d.refresh().Body, `{"continue":false}`)
}

// The cookie that is left from an earlier session is deleted by the next sign-in.
func TestBoundCookieOfAnEarlierSession(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	d.use(func(s *sessions.Session) { s.Destroy(t.Context()) })
	d.signIn()
	if _, ok := d.Cookies[boundName]; ok {
		t.Error("the bound cookie of the earlier session is still there")
	}
}

func TestHandlerWithoutManagerPanics(t *testing.T) {
	defer func() {
		if p := recover(); p == nil || !strings.Contains(p.(string), "Options.Guard") {
			t.Errorf("panic: %v", p)
		}
	}()
	h := newBinding(t, dbsc.Options{}).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	r, _ := http.NewRequestWithContext(context.Background(), "POST", basePath+"/refresh", nil)
	h.ServeHTTP(nil, r)
}
