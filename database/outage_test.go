//go:build unix

package database_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

// While the server is down, requests through the middleware get the error page and keep
// their cookies. Afterwards, the session has the state of the last successful response.
func TestRequestsDuringOutage(t *testing.T) {
	const count sessions.Key[int] = "count"
	onEngines(t, func(t *testing.T, e engine) {
		server := e.own(t)
		m, err := sessions.New(t.Context(), sessions.Options{
			Store: "database", URL: e.url(server.Addr, ""), StoreTimeout: 300 * time.Millisecond,
		})
		must(t, err)
		defer m.Close()
		h := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			n := count.Update(s, func(n int) int { return n + 1 })
			fmt.Fprint(w, n)
		}))
		cookie := ""
		get := func() *httptest.ResponseRecorder {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Cookie", cookie)
			rec := httptest.NewRecorder()
			began := time.Now()
			h.ServeHTTP(rec, r)
			if d := time.Since(began); d > 3*time.Second {
				t.Errorf("the response took %v", d)
			}
			return rec
		}
		eventually(t, "a first answer", func() error { // which also makes the table
			rec := get()
			if len(rec.Result().Cookies()) != 1 {
				return fmt.Errorf("%d %s", rec.Code, rec.Body)
			}
			cookie = rec.Result().Cookies()[0].Name + "=" + rec.Result().Cookies()[0].Value
			return nil
		})
		last := 1
		for name, outage := range map[string]struct{ begin, end func() }{
			"hangs":     {func() { stop(t, server) }, func() { resume(t, server) }},
			"is killed": {server.Kill, func() { must(t, server.Start()) }},
		} {
			outage.begin()
			for range 3 {
				if rec := get(); rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Set-Cookie") != "" {
					t.Errorf("while the server %s: got %d %v %s", name, rec.Code, rec.Header(), rec.Body)
				}
			}
			outage.end()
			eventually(t, "an answer after the outage", func() error {
				if rec := get(); rec.Code != http.StatusOK {
					return fmt.Errorf("%d %s", rec.Code, rec.Body)
				} else if rec.Body.String() != fmt.Sprint(last+1) {
					t.Errorf("after the server %s: got count %s after %d", name, rec.Body, last)
				}
				last++
				return nil
			})
		}
	})
}
