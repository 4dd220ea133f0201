package sessions_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// Crawlers, probes and attackers without a session leave nothing behind, in the
// store or in the process, whatever they send and the handler reads.
func TestAHundredThousandAnonymousRequestsLeaveNothing(t *testing.T) {
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
			t.Fatalf("%d, Set-Cookie: %s", w.Code, line)
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
		t.Errorf("%d goroutines, before it were %d", n, goroutines)
	}
	// A dozen bytes for each request would be more than this.
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("%d bytes are held", grown)
	}

	// A token that was good once costs a load, and leaves no more.
	for range 1000 {
		send("pump-session="+dead, func(s *sessions.Session) { s.Get("user") })
	}
	testapp.Equal(t, "records", len(a.Store.Records(t)), 0)
	if calls := a.Store.Calls(); strings.Count(calls, "Load") != 1000 || strings.ContainsAny(calls, "STD") {
		t.Errorf("store calls: %.100s", fmt.Sprint(calls))
	}
}
