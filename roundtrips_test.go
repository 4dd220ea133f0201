package sessions_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/testapp"
)

func TestStoreCalls(t *testing.T) {
	ctx := t.Context()
	for name, test := range map[string]struct {
		f    func(*sessions.Session)
		want string
	}{
		"untouched":                  {func(s *sessions.Session) {}, ""},
		"logged":                     {func(s *sessions.Session) { _ = s.String(); s.LogValue() }, ""},
		"read":                       {func(s *sessions.Session) { testapp.User.Get(s); s.Keys(); s.ID(); s.Owner() }, "Load"},
		"token":                      {func(s *sessions.Session) { s.Token() }, "Load"},
		"write":                      {func(s *sessions.Session) { testapp.User.Set(s, "bob"); s.Set("a", 1) }, "Load Save"},
		"update":                     {testapp.Increment, "Load Save"},
		"delete":                     {func(s *sessions.Session) { testapp.User.Delete(s) }, "Load Save"},
		"delete of nothing":          {func(s *sessions.Session) { s.Delete("missing") }, "Load"},
		"renew":                      {func(s *sessions.Session) { s.Renew() }, "Load Renew"},
		"renew and write":            {func(s *sessions.Session) { s.Renew(); testapp.Increment(s) }, "Load Renew"},
		"invalidate":                 {func(s *sessions.Session) { s.Invalidate() }, "Load Renew"},
		"destroy":                    {func(s *sessions.Session) { s.Destroy(ctx) }, "Load Delete"},
		"read and destroy":           {func(s *sessions.Session) { s.Keys(); s.Destroy(ctx) }, "Load Delete"},
		"destroy and write":          {func(s *sessions.Session) { s.Destroy(ctx); testapp.Increment(s) }, "Load Delete Save"},
		"save and no more":           {func(s *sessions.Session) { testapp.Increment(s); s.Save(ctx) }, "Load Save"},
		"save and write":             {func(s *sessions.Session) { testapp.Increment(s); s.Save(ctx); testapp.Increment(s) }, "Load Save Save"},
		"same owner":                 {func(s *sessions.Session) { s.SetOwner("") }, "Load"},
		"write that is taken back":   {func(s *sessions.Session) { testapp.User.Set(s, "bob"); s.Revert() }, "Load"},
		"several reads and one Save": {func(s *sessions.Session) { s.Keys(); s.Keys(); s.Save(ctx) }, "Load"},
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
			c := a.SignedIn()
			c.OK(test.f)
			testapp.Equal(t, "store calls", a.Store.Calls(), test.want)
		})
	}
}

func TestStoreCallsOfNewClient(t *testing.T) {
	ctx := t.Context()
	for name, test := range map[string]struct {
		f    func(*sessions.Session)
		want string
	}{
		"read":            {func(s *sessions.Session) { testapp.User.Get(s); s.Keys(); s.ID(); s.Token(); s.Flashes() }, ""},
		"write":           {func(s *sessions.Session) { testapp.User.Set(s, "bob") }, "Save"},
		"write and renew": {func(s *sessions.Session) { testapp.User.Set(s, "bob"); s.Renew() }, "Save"},
		"destroy":         {func(s *sessions.Session) { s.Destroy(ctx) }, ""},
		"write, destroy":  {func(s *sessions.Session) { s.Set("a", 1); s.Destroy(ctx) }, ""},
		"renew":           {func(s *sessions.Session) { s.Renew() }, ""},
		"invalidate":      {func(s *sessions.Session) { s.Invalidate() }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			a.Client().OK(test.f)
			testapp.Equal(t, "store calls", a.Store.Calls(), test.want)
		})
	}
}

func TestAccessIsThrottled(t *testing.T) {
	for name, test := range map[string]struct {
		timeout, every time.Duration
	}{
		"with a Timeout, at 1% of it": {100 * time.Minute, time.Minute},
		"a short Timeout":             {time.Second, 10 * time.Millisecond},
		"a long Timeout, daily":       {300 * 24 * time.Hour, 24 * time.Hour},
		"without a Timeout, daily":    {0, 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = test.timeout })
			c := a.SignedIn()
			first := a.Store.Record(t).Record

			a.Clock.Advance(test.every - time.Millisecond)
			c.OK(testapp.Look)
			testapp.Equal(t, "store calls within the throttle", a.Store.Calls(), "Load")
			testapp.Equal(t, "record within the throttle", a.Store.Record(t).Record, first)

			a.Clock.Advance(time.Millisecond)
			c.OK(testapp.Look)
			testapp.Equal(t, "store calls when it is due", a.Store.Calls(), "Load Touch")
			want := first
			want.Accessed += driver.Millis(test.every.Milliseconds())
			want.Expires += driver.Millis(test.every.Milliseconds())
			testapp.Equal(t, "record: the times alone have moved", a.Store.Record(t).Record, want)

			c.OK(testapp.Look)
			testapp.Equal(t, "store calls right after", a.Store.Calls(), "Load")
		})
	}
}

func TestSaveWithinThrottleKeepsTimes(t *testing.T) {
	a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = 100 * time.Minute })
	c := a.SignedIn()
	first := a.Store.Record(t).Record

	a.Clock.Advance(59 * time.Second)
	c.OK(testapp.Increment)
	rec := a.Store.Record(t).Record
	if rec.Version == first.Version || rec.Accessed != first.Accessed || rec.Expires != first.Expires {
		t.Errorf("got record %+v after %+v, want another version and the same times", rec, first)
	}
	a.Clock.Advance(time.Second)
	c.OK(testapp.Increment)
	rec = a.Store.Record(t).Record
	if rec.Accessed != first.Accessed+60_000 || rec.Expires != first.Expires+60_000 {
		t.Errorf("got record %+v after %+v, want times that are a minute later", rec, first)
	}
	testapp.Equal(t, "store calls: no Touch beside a Save", a.Store.Calls(), "Load Save Load Save")
}

func TestUnusedSessionIsNotTouched(t *testing.T) {
	a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
	c := a.SignedIn()
	a.Clock.Advance(30 * time.Minute)
	res := c.OK(func(*sessions.Session) {})
	testapp.Equal(t, "store calls", a.Store.Calls(), "")
	testapp.Equal(t, "Vary", len(res.Header["Vary"]), 0)
}

// newDueForTouch returns a client whose next access is recorded.
func newDueForTouch(t *testing.T, change ...func(*sessions.Options)) (*testapp.App, *testapp.Client) {
	a := testapp.New(t, append([]func(*sessions.Options){func(o *sessions.Options) { o.IdleTimeout = time.Hour }}, change...)...)
	c := a.SignedIn()
	a.Clock.Advance(30 * time.Minute)
	return a, c
}

func TestFailedTouchIsLogged(t *testing.T) {
	a, c := newDueForTouch(t)
	a.Store.Next("Touch", testapp.Refused)
	a.Store.Calls()
	res := c.OK(testapp.Look)
	testapp.Equal(t, "store calls: one attempt", a.Store.Calls(), "Load Touch")
	testapp.Equal(t, "cookie", res.Cookie, nil)
	if log := a.Log.String(); !strings.Contains(log, "recording the access failed") || !strings.Contains(log, "level=WARN") {
		t.Errorf("got log %s, want a warning", log)
	}
	c.OK(testapp.Look)
	a.Clock.Advance(59 * time.Minute)
	if c.User() != "ann" {
		t.Error("the access after the failure was not recorded")
	}
}

func TestTouchOfChangedSession(t *testing.T) {
	a, c := newDueForTouch(t)
	other := c.Copy()
	var changed driver.Record
	a.Store.Before("Touch", func() {
		other.OK(func(s *sessions.Session) { s.SetIdleTimeout(2 * time.Hour) })
		changed = a.Store.Record(t).Record
	})
	c.OK(testapp.Look)
	testapp.Equal(t, "record", a.Store.Record(t).Record, changed)
	testapp.Equal(t, "log", a.Log.String(), "")
}

func TestTouchDoesNotRestoreSession(t *testing.T) {
	for name, end := range map[string]func(*sessions.Session){
		"destroyed": func(s *sessions.Session) { s.Destroy(t.Context()) },
		"renewed":   func(s *sessions.Session) { s.Renew() },
	} {
		t.Run(name, func(t *testing.T) {
			a, c := newDueForTouch(t)
			old, other := c.Copy(), c.Copy()
			a.Store.Before("Touch", func() { other.OK(end) })
			res := c.OK(testapp.Look)
			testapp.Equal(t, "cookie", res.Cookie, nil)
			testapp.Equal(t, "user under the old ID", old.User(), "")
		})
	}
}

// A cookie that was signed with a previous secret is replaced, but not if the session
// has ended, or may have: that would overwrite the cookie of a new sign-in.
func TestCookieIsNotReissuedForEndedSession(t *testing.T) {
	old, present := []byte(strings.Repeat("o", 32)), []byte(strings.Repeat("p", 32))
	a, c := newDueForTouch(t, func(o *sessions.Options) { o.Cookie.Secret = old })
	a.Deploy(func(o *sessions.Options) { o.Cookie.Secret, o.Cookie.PreviousSecrets = present, [][]byte{old} })
	other, third := c.Copy(), c.Copy()
	a.Store.Before("Touch", func() { other.OK(func(s *sessions.Session) { s.Destroy(t.Context()) }) })
	res := c.OK(testapp.Look)
	testapp.Equal(t, "cookie", res.Cookie, nil)
	testapp.Equal(t, "user", third.User(), "")
}

func TestAccessIsRecordedAfterStreaming(t *testing.T) {
	a, c := newDueForTouch(t)
	c.Serve(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("begun"))
		testapp.Look(sessions.FromContext(r.Context()))
	})
	testapp.Equal(t, "store calls", a.Store.Calls(), "Load Touch")
}

// Requests without a session leave nothing in the store or in the process, whatever
// they send and the handler reads.
func TestAnonymousRequestsLeaveNothing(t *testing.T) {
	a := testapp.New(t, func(o *sessions.Options) { o.Cookie.Secret = testapp.Secret })
	gone := a.SignedIn()
	dead := gone.Token()
	gone.OK(func(s *sessions.Session) { s.Destroy(t.Context()) })
	a.Store.Calls()

	cookies := []string{
		"", "theme=dark", "pump-session=", "pump-session=" + strings.Repeat("A", len(dead)), "pump-session=" + dead[:len(dead)-1],
		strings.Repeat("pump-session=x; ", 50),
	}
	visits := []func(s *sessions.Session){
		func(*sessions.Session) {},
		func(s *sessions.Session) { s.Get("user") },
		func(s *sessions.Session) { s.Flashes(); s.Owner(); s.ID(); s.Token() },
		func(s *sessions.Session) { s.Set("cart", []int{1}); s.Delete("cart") },
		func(s *sessions.Session) { s.SetExpires(sessions.ExpireWithBrowser()); s.Clear(); s.Revert() },
		func(s *sessions.Session) { s.Renew(); s.Invalidate() },
		func(s *sessions.Session) { testapp.Count.Pop(s); s.Destroy(t.Context()) },
	}
	send := func(cookie string, visit func(s *sessions.Session)) {
		r := httptest.NewRequest("GET", "/", nil)
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		w := httptest.NewRecorder()
		a.Manager.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			visit(sessions.FromContext(r.Context()))
		})).ServeHTTP(w, r)
		if line := w.Header().Get("Set-Cookie"); w.Code != http.StatusOK || line != "" && !strings.Contains(line, "Max-Age=0") {
			t.Fatalf("got status %d, Set-Cookie %s", w.Code, line)
		}
	}
	requests := func(n int) {
		for i := range n {
			send(cookies[i%len(cookies)], visits[i/len(cookies)%len(visits)])
		}
	}
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	requests(1000) // what is made once
	a.Store.Calls()
	before, goroutines := heap(), runtime.NumGoroutine()
	requests(100_000)
	testapp.Equal(t, "store calls", a.Store.Calls(), "")
	testapp.Equal(t, "records", len(a.Store.Records(t)), 0)
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("got %d goroutines, want %d as before", n, goroutines)
	}
	// Twelve bytes per request would exceed this.
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("got %d more bytes in use", grown)
	}

	// An expired token costs one load, and leaves nothing.
	for range 1000 {
		send("pump-session="+dead, func(s *sessions.Session) { s.Get("user") })
	}
	testapp.Equal(t, "records", len(a.Store.Records(t)), 0)
	if calls := a.Store.Calls(); strings.Count(calls, "Load") != 1000 || strings.ContainsAny(calls, "STD") {
		t.Errorf("got store calls %.100s", fmt.Sprint(calls))
	}
}

func TestAllWritesAreOneSave(t *testing.T) {
	m, store := testapp.NewManager(t, sessions.Options{})
	b := testapp.NewClient(t, m)
	resp := b.Serve(func(w http.ResponseWriter, r *http.Request) {
		sessions.FromContext(r.Context()).Set("n", 1)
		io.WriteString(w, "one ")
		w.Write([]byte("two "))
		w.(http.Flusher).Flush()
		fmt.Fprint(w, "three ")
		http.NewResponseController(w).Flush()
		io.Copy(w, strings.NewReader("four"))
	})
	if body := resp.Body; body != "one two three four" {
		t.Errorf("got body %q", body)
	}
	if n := store.Total("Save"); n != 1 {
		t.Errorf("got %d saves, want 1", n)
	}
	testapp.OneCookie(t, resp)
}

// bareWriter is a response writer that keeps only the header. The types below add the
// optional interfaces of net/http's writers, which the test does not call.
type (
	bareWriter  http.Header
	flushWriter struct {
		bareWriter
		http.Flusher
	}
	http1Writer struct {
		bareWriter
		http.Flusher
		http.Hijacker
		io.ReaderFrom
		http.CloseNotifier
	}
	http2Writer struct {
		bareWriter
		http.Flusher
		http.Pusher
		http.CloseNotifier
	}
)

func (w bareWriter) Header() http.Header         { return http.Header(w) }
func (w bareWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w bareWriter) WriteHeader(int)             {}

func TestUnusedSessionCostsNothing(t *testing.T) {
	m, store := testapp.NewManager(t, sessions.Options{Cookie: sessions.Cookie{Secret: testapp.Secret}})
	token := testapp.SignIn(t, m).Token()
	before := store.Total()
	h := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sessions.FromContext(r.Context()) == nil {
			t.Error("no session")
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", "pump-session="+token)
	bare := bareWriter{}
	for _, w := range []http.ResponseWriter{bare, flushWriter{bare, nil}, http1Writer{bare, nil, nil, nil, nil}, http2Writer{bare, nil, nil, nil}} {
		if n := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }); n > 1 {
			t.Errorf("%T: got %v allocations, want at most 1: the exchange", w, n)
		}
		if len(bare) > 0 {
			t.Errorf("%T: got header %v, want none", w, bare)
		}
	}
	if n := store.Total() - before; n != 0 {
		t.Errorf("got %d store calls, want 0", n)
	}
}
