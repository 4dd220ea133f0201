package main

import (
	"encoding/json"
	"net/http"
	"sync"
	"testing"

	"github.com/pump-go/sessions"

	"github.com/pump-go/sessions/examples/routers/internal/journey"
)

// start serves the API, inside the given handlers.
func start(t *testing.T) (*client, *sessions.Manager, *journey.Store) {
	m, store := journey.Sessions(t, func(o *sessions.Options) { o.ErrorHandler = sessionFailed })
	return &client{journey.NewBrowser(t, journey.Serve(t, handler(m))), t}, m, store
}

type client struct {
	*journey.Browser
	t *testing.T
}

// call fails the test unless the response has the status and matching JSON.
func (c *client) call(want int, method, path, body string, fields ...string) (a account, p problem) {
	c.t.Helper()
	res, text := c.Do(method, path, body, fields...)
	if res.StatusCode != want {
		c.t.Errorf("%s %s: %s, want %d\n%s", method, path, res.Status, want, text)
	}
	var into any = &a
	mediaType := "application/json"
	switch {
	case res.StatusCode == http.StatusNoContent:
		return
	case res.StatusCode >= 400:
		into, mediaType = &p, "application/problem+json"
	}
	if got := res.Header.Get("Content-Type"); got != mediaType {
		c.t.Errorf("%s %s: %s", method, path, got)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		c.t.Errorf("%s %s: %v\n%s", method, path, err, text)
	}
	if res.StatusCode >= 400 && p.Status != want {
		c.t.Errorf("%s %s: status %d in the body", method, path, p.Status)
	}
	return a, p
}

func TestSignInAndOut(t *testing.T) {
	c, _, _ := start(t)
	c.call(401, "GET", "/api/me", "")
	c.call(401, "POST", "/api/visits", "")
	if c.Token() != "" {
		t.Error("a client that is not signed in got a cookie")
	}
	c.call(200, "POST", "/api/sign-in", `{"user":"ann"}`)
	first := c.Token()
	if a, _ := c.call(200, "POST", "/api/visits", ""); a != (account{"ann", 1}) {
		t.Error(a)
	}
	c.call(200, "POST", "/api/sign-in", `{"user":"bob"}`)
	if a, _ := c.call(200, "GET", "/api/me", ""); a != (account{"bob", 0}) || c.Token() == first {
		t.Error(a, c.Token())
	}
	c.call(204, "POST", "/api/sign-out", "")
	c.call(401, "GET", "/api/me", "")
	if c.Token() != "" {
		t.Error("signing out did not delete the cookie")
	}
}

func TestBadRequests(t *testing.T) {
	c, _, _ := start(t)
	c.call(400, "POST", "/api/sign-in", `user=ann`)
	c.call(400, "POST", "/api/sign-in", `{"admin":true}`)
	c.call(400, "POST", "/api/sign-in", `{"user":"`+string(make([]byte, 70<<10))+`"}`)
	c.call(422, "POST", "/api/sign-in", `{"user":" "}`)
	c.call(404, "GET", "/api/nothing", "")
}

func TestParallelVisitsAreCountedAndTold(t *testing.T) {
	c, _, _ := start(t)
	c.call(200, "POST", "/api/sign-in", `{"user":"ann"}`)
	var mu sync.Mutex
	told := make(map[int]bool)
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			a, _ := c.call(200, "POST", "/api/visits", "")
			mu.Lock()
			defer mu.Unlock()
			told[a.Visits] = true
		})
	}
	wg.Wait()
	if len(told) != 40 || !told[1] || !told[40] {
		t.Errorf("%d different answers", len(told))
	}
}

func TestOtherSites(t *testing.T) {
	c, _, _ := start(t)
	c.call(200, "POST", "/api/sign-in", `{"user":"ann"}`)
	c.call(403, "POST", "/api/sign-out", "", "Sec-Fetch-Site", "cross-site")
	c.call(403, "POST", "/api/sign-out", "", "Origin", "https://evil.example")
	c.call(200, "POST", "/api/visits", "", "Sec-Fetch-Site", "same-origin")
	c.call(200, "GET", "/api/me", "", "Sec-Fetch-Site", "cross-site") // GET is safe, and CORS hides the response
}

func TestOutage(t *testing.T) {
	c, _, store := start(t)
	c.call(200, "POST", "/api/sign-in", `{"user":"ann"}`)
	token := c.Token()
	store.LoadsFail.Store(true)
	c.call(503, "GET", "/api/me", "")
	store.LoadsFail.Store(false)
	store.SavesFail.Store(true)
	c.call(503, "POST", "/api/visits", "")
	c.call(200, "GET", "/api/me", "")
	store.SavesFail.Store(false)
	if a, _ := c.call(200, "POST", "/api/visits", ""); a != (account{"ann", 1}) || c.Token() != token {
		t.Error(a, c.Token() == token)
	}
}

// TestEndedDuringRequest signs out during another request.
func TestEndedDuringRequest(t *testing.T) {
	m, _ := journey.Sessions(t, func(o *sessions.Options) { o.ErrorHandler = sessionFailed })
	mux := http.NewServeMux()
	mux.Handle("/", handler(m))
	mux.Handle("POST /slow", m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		visits.Set(s, 1)
		other, err := m.Load(r.Context(), s.Token())
		if err == nil {
			err = other.Destroy(r.Context())
		}
		if err != nil {
			t.Error(err)
		}
		show(w, s)
	})))
	c := &client{journey.NewBrowser(t, journey.Serve(t, mux)), t}
	c.call(200, "POST", "/api/sign-in", `{"user":"ann"}`)
	c.call(409, "POST", "/slow", "")
	c.call(401, "GET", "/api/me", "")
}
