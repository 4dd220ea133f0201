package sessionstest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/sessionstest"
)

// redis represents the driver that your package registers.
var redis driver.OpenFunc

// The handler gets a session, and the test checks the session afterwards. In your own
// test, t is the test's.
func ExampleServe() {
	const user sessions.Key[string] = "user"
	routes := http.NewServeMux()
	routes.HandleFunc("POST /sign-out", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		name, _ := user.Get(s)
		s.Destroy(r.Context())
		fmt.Fprint(w, "goodbye ", name)
	})
	_ = func(t *testing.T) { // func TestSignOut(t *testing.T) {
		res, s := sessionstest.Serve(t, routes, httptest.NewRequest("POST", "/sign-out", nil),
			map[string]any{"user": "ann"})
		if res.Body.String() != "goodbye ann" {
			t.Errorf("it says %q", res.Body)
		}
		if user.Has(s) {
			t.Error("the user is still there")
		}
	}
}

// Several requests of one client: the second continues the session of the first. A
// program whose handlers call its Manager uses the test's.
func ExampleNewClient() {
	const user sessions.Key[string] = "user"
	routes := func(m *sessions.Manager) http.Handler {
		mux := http.NewServeMux()
		mux.HandleFunc("POST /sign-in", func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			s.Renew()
			user.Set(s, "ann")
			s.SetOwner("ann")
		})
		mux.HandleFunc("POST /sign-out-everywhere", func(w http.ResponseWriter, r *http.Request) {
			n, _ := m.DestroyOwned(r.Context(), sessions.FromContext(r.Context()).Owner())
			fmt.Fprint(w, n)
		})
		return m.Wrap(mux)
	}
	_ = func(t *testing.T) { // func TestSignOutEverywhere(t *testing.T) {
		m := sessionstest.NewManager(t)
		phone, laptop := sessionstest.NewClient(t, m, routes(m)), sessionstest.NewClient(t, m, routes(m))
		phone.Do(httptest.NewRequest("POST", "/sign-in", nil))
		laptop.Do(httptest.NewRequest("POST", "/sign-in", nil))
		if res, _ := phone.Do(httptest.NewRequest("POST", "/sign-out-everywhere", nil)); res.Body.String() != "2" {
			t.Errorf("%s sessions ended, want 2", res.Body)
		}
	}
}

// The whole test of a store that processes share, and whose server removes expired
// records.
func Example() {
	_ = func(t *testing.T) { // func TestStore(t *testing.T) {
		sessionstest.Run(t, sessionstest.Harness{
			Driver: redis,
			Config: func(t testing.TB) driver.Config { return driver.Config{URL: startServer(t)} },
			Cannot: map[sessionstest.Ability]string{sessionstest.Sweep: "the server removes what has expired"},
		})
	}
}

// A benchmark of the same store.
func ExampleBenchmark() {
	_ = func(b *testing.B) { // func BenchmarkStore(b *testing.B) {
		sessionstest.Benchmark(b, sessionstest.Harness{
			Driver: redis,
			Config: func(t testing.TB) driver.Config { return driver.Config{URL: startServer(t)} },
		})
	}
}

// startServer represents a function that starts a server for the test, or skips the
// test if the program is not installed.
func startServer(t testing.TB) string {
	t.Helper()
	t.Skip("the server is not installed")
	return ""
}
