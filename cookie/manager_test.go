package cookie_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	_ "github.com/pump-go/sessions/cookie"
)

// Tests of the store through the manager, over HTTP.

const (
	visits sessions.Key[int]    = "visits"
	user   sessions.Key[string] = "user"
)

var secret = []byte("a secret of thirty-two bytes or so, for tests")

// app returns a handler that changes the session as the path says and responds with
// its content.
func app(t testing.TB, o sessions.Options) (*sessions.Manager, http.Handler) {
	t.Helper()
	o.Store = "cookie"
	if o.Cookie.Secret == nil {
		o.Cookie.Secret = secret
	}
	m, err := sessions.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m, m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		switch r.URL.Path {
		case "/visit":
			visits.Update(s, func(n int) int { return n + 1 })
		case "/in":
			user.Set(s, "ann")
			s.Renew()
		case "/out":
			if err := s.Destroy(r.Context()); err != nil {
				t.Error(err)
			}
		case "/fill":
			s.Set("fill", strings.Repeat("x", 3000))
		}
		name, _ := user.Get(s)
		n, _ := visits.Get(s)
		fmt.Fprintf(w, "%q %d %s", name, n, s.ID())
	}))
}

// client is a browser with one cookie.
type client struct {
	t     *testing.T
	app   http.Handler
	value string
}

// get returns the status and the words of the page: user, visits, ID.
func (c *client) get(path string) (int, []string) {
	c.t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	if c.value != "" {
		r.Header.Set("Cookie", name+"="+c.value)
	}
	w := httptest.NewRecorder()
	c.app.ServeHTTP(w, r)
	for _, cookie := range w.Result().Cookies() {
		c.value = cookie.Value
	}
	return w.Code, strings.Fields(w.Body.String())
}

func (c *client) wants(path, wantUser string, wantVisits int) (id string) {
	c.t.Helper()
	status, page := c.get(path)
	if status != 200 || page[0] != fmt.Sprintf("%q", wantUser) || page[1] != fmt.Sprint(wantVisits) {
		c.t.Errorf("%s: got %d %q, want user %q and %d visits", path, status, page, wantUser, wantVisits)
	}
	return page[2]
}

func TestSessionIsInTheCookie(t *testing.T) {
	_, handler := app(t, sessions.Options{})
	a, b := &client{t: t, app: handler}, &client{t: t, app: handler}
	first := a.wants("/visit", "", 1)
	if second := a.wants("/visit", "", 2); second != first {
		t.Error("the ID changed between requests")
	}
	a.wants("/visit", "", 3)
	b.wants("/visit", "", 1)
	before := a.wants("/", "", 3)
	a.wants("/in", "ann", 3)
	if after := a.wants("/", "ann", 3); after == before {
		t.Error("the ID did not change with Renew")
	}

	// Another process with the same secret continues the session.
	_, restarted := app(t, sessions.Options{})
	a.app = restarted
	a.wants("/visit", "ann", 4)
}

func TestSigningOutDeletesTheCookieButCannotRevokeACopy(t *testing.T) {
	now := noon
	_, handler := app(t, sessions.Options{IdleTimeout: time.Hour, Now: func() time.Time { return now }})
	c := &client{t: t, app: handler}
	c.wants("/in", "ann", 0)
	stolen := &client{t: t, app: handler, value: c.value}
	c.wants("/out", "", 0)
	if c.value != "" {
		t.Errorf("the cookie is %q after signing out", c.value)
	}
	c.wants("/", "", 0)
	stolen.wants("/", "ann", 0) // as documented
	replayed := &client{t: t, app: handler, value: stolen.value}
	now = now.Add(time.Hour)
	replayed.wants("/", "", 0) // the timeout ends it
}

func TestCookieOfAnotherSecretIsANewSession(t *testing.T) {
	o := sessions.Options{IdleTimeout: time.Hour}
	_, handler := app(t, o)
	c := &client{t: t, app: handler}
	id := c.wants("/visit", "", 1)
	o.Cookie.Secret = []byte("another secret, as long as it has to be here")
	_, c.app = app(t, o)
	if c.wants("/visit", "", 1) == id {
		t.Error("the new session has the ID of one that could not be unsealed")
	}
}

func TestManagerRequiresSecret(t *testing.T) {
	for name, bad := range map[string][]byte{"nil": nil, "empty": {}, "31 bytes": secret[:31]} {
		m, err := sessions.New(t.Context(), sessions.Options{Store: "cookie", Cookie: sessions.Cookie{Secret: bad}})
		if err == nil || !strings.Contains(err.Error(), "Cookie.Secret") || strings.Contains(err.Error(), string(secret[:31])) {
			t.Errorf("%s: got error %v", name, err)
		}
		if m != nil {
			t.Errorf("%s: New returned a manager", name)
		}
	}
}

func TestSecretRotationSignsNobodyOut(t *testing.T) {
	_, handler := app(t, sessions.Options{})
	c := &client{t: t, app: handler}
	c.wants("/in", "ann", 0)
	old := c.value

	next := []byte("the secret that comes after, long enough too")
	rotated := sessions.Options{Cookie: sessions.Cookie{Secret: next, PreviousSecrets: [][]byte{secret}}}
	_, c.app = app(t, rotated)
	c.wants("/", "ann", 0)
	if c.value == old {
		t.Fatal("the cookie was not sealed with the new secret")
	}
	_, c.app = app(t, sessions.Options{Cookie: sessions.Cookie{Secret: next}})
	c.wants("/", "ann", 0)
}

func TestAlteredCookieIsANewSession(t *testing.T) {
	_, handler := app(t, sessions.Options{})
	c := &client{t: t, app: handler}
	c.wants("/in", "ann", 0)
	good := c.value
	for i := range good {
		altered := []byte(good)
		altered[i] ^= 1
		c.value = string(altered)
		c.wants("/", "", 0)
	}
	for _, value := range []string{good + "=", good[:len(good)-1], "x" + good, strings.Repeat("A", 1<<20), `"` + good + `"`} {
		c.value = value
		c.wants("/", "", 0)
	}
	c.value = good
	c.wants("/", "ann", 0)
}

func TestTooLargeSessionFailsAndTheOldCookieStays(t *testing.T) {
	_, handler := app(t, sessions.Options{})
	c := &client{t: t, app: handler}
	c.wants("/visit", "", 1)
	before := c.value
	if status, page := c.get("/fill"); status != http.StatusInternalServerError || c.value != before {
		t.Errorf("got %d %q, cookie changed: %v", status, page, c.value != before)
	}
	c.wants("/visit", "", 2)
}

func TestTimeoutEndsOnlyIdleSessions(t *testing.T) {
	now := noon
	_, handler := app(t, sessions.Options{IdleTimeout: 10 * time.Minute, Now: func() time.Time { return now }})
	c := &client{t: t, app: handler}
	id := c.wants("/visit", "", 1)
	before := c.value
	now = now.Add(59 * time.Second)
	if c.wants("/", "", 1); c.value != before {
		t.Error("the cookie was replaced before a tenth of the timeout had passed")
	}
	for range 30 {
		now = now.Add(8 * time.Minute)
		if c.wants("/", "", 1) != id {
			t.Fatal("another session")
		}
	}
	now = now.Add(10 * time.Minute)
	if c.wants("/visit", "", 1) == id {
		t.Error("the ID outlived the timeout")
	}
}

// A touch seals nothing of an unsaved Renew or Invalidate, in particular not the
// new session's later expiry.
func TestUnsavedRenewalIsNotSealed(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session) error{
		"Renew":      (*sessions.Session).Renew,
		"Invalidate": (*sessions.Session).Invalidate,
	} {
		t.Run(name, func(t *testing.T) {
			now := noon
			m, handler := app(t, sessions.Options{
				ManualSave: true, IdleTimeout: 10 * time.Hour, Lifetime: 10 * time.Hour, Now: func() time.Time { return now },
			})
			serve := func(f func(*sessions.Session) error) http.Handler {
				return m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if err := f(sessions.FromContext(r.Context())); err != nil {
						t.Error(err)
					}
					fmt.Fprint(w, "done")
				}))
			}
			c := &client{t: t, app: serve(func(s *sessions.Session) error { user.Set(s, "ann"); return s.Save(t.Context()) })}
			c.get("/")
			c.app = handler
			id := c.wants("/", "ann", 0)
			now = now.Add(9 * time.Hour)
			c.app = serve(f)
			c.get("/")
			c.app = handler
			if c.wants("/", "ann", 0) != id {
				t.Error("the ID changed")
			}
			now = now.Add(time.Hour)
			c.wants("/", "", 0)
		})
	}
}

func TestUnsupportedManagerMethods(t *testing.T) {
	m, handler := app(t, sessions.Options{})
	c := &client{t: t, app: handler}
	id := c.wants("/in", "ann", 0)
	ctx := t.Context()
	_, destroying := m.DestroyOwned(ctx, "ann")
	_, finding := m.Find(ctx, id)
	_, sweeping := m.Sweep(ctx)
	faults := map[string]error{"DestroyOwned": destroying, "Find": finding, "Sweep": sweeping}
	for _, err := range m.All(ctx) {
		faults["All"] = err
	}
	for _, err := range m.Owned(ctx, "ann") {
		faults["Owned"] = err
	}
	for op, err := range faults {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: got error %v", op, err)
		}
	}
	if len(faults) != 5 {
		t.Errorf("only %d of the methods were called", len(faults))
	}

	s, err := m.Load(ctx, c.value)
	if err != nil {
		t.Fatal(err)
	}
	if name, _ := user.Get(s); name != "ann" || s.ID() != id || s.Token() != c.value {
		t.Error("Load returned another session for the token")
	}
}

// A change that is too late for a cookie is not lost silently.
func TestChangeAfterTheHeaderIsAnError(t *testing.T) {
	m, _ := app(t, sessions.Options{})
	w := httptest.NewRecorder()
	m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		visits.Set(s, 1)
		w.WriteHeader(200)
		visits.Set(s, 2)
		var errs []error
		errs = append(errs, s.Save(r.Context()), s.Renew(), s.Destroy(r.Context()))
		if slices.ContainsFunc(errs, func(err error) bool { return !errors.Is(err, sessions.ErrHeaderSent) }) {
			t.Errorf("after the header: %v", errs)
		}
	})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
}

// A copied cookie can be used after a sign-out. Lifetime limits the copy in any case;
// IdleTimeout limits it only while it is not used.
func TestReplayedCopyEndsWithTheLifetime(t *testing.T) {
	now := noon
	_, handler := app(t, sessions.Options{
		IdleTimeout: time.Hour, Lifetime: 8 * time.Hour, Now: func() time.Time { return now },
	})
	c := &client{t: t, app: handler}
	c.wants("/in", "ann", 0)
	idle := &client{t: t, app: handler, value: c.value}
	thief := &client{t: t, app: handler, value: c.value}
	c.wants("/out", "", 0)
	for began := now; now.Sub(began) < 8*time.Hour; now = now.Add(30 * time.Minute) {
		thief.wants("/visit", "ann", int(now.Sub(began)/(30*time.Minute))+1) // each response has a newer cookie
	}
	thief.wants("/", "", 0)
	idle.wants("/", "", 0)

	// A new ID does not extend the lifetime.
	now = noon
	c.wants("/in", "ann", 0)
	thief.value = c.value
	for range 15 {
		now = now.Add(30 * time.Minute)
		thief.wants("/in", "ann", 0) // Renew
	}
	now = noon.Add(8*time.Hour - time.Millisecond)
	thief.wants("/", "ann", 0)
	now = noon.Add(8 * time.Hour)
	thief.wants("/", "", 0)
}
