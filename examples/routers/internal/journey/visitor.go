package journey

import (
	"net/http"
	"sync"
	"testing"
)

// SignInAndOut tests one visitor.
func SignInAndOut(t *testing.T, site Site) {
	m, _ := Sessions(t, nil)
	b := NewBrowser(t, site(t, m, new(Probes)))

	Expect(t, b.Get("/"), "visit 1.", "Not signed in")
	Expect(t, b.Get("/"), "visit 2.")

	before := b.Token()
	Expect(t, b.Post("/sign-in", "name", "ann"), "Signed in as ann", "Hello, ann.", "visit 3.")
	ExpectNot(t, b.Get("/"), "Hello") // shown once
	after := b.Token()
	if after == before || after == "" {
		t.Errorf("signing in did not change the ID: %q, then %q", before, after)
	}

	thief := NewBrowser(t, b.URL(""))
	thief.SetToken(before)
	res, page := thief.Do(http.MethodGet, "/", "") // it counts a visit, too late
	if res.StatusCode != http.StatusConflict || len(res.Header.Values("Set-Cookie")) > 0 {
		t.Errorf("with the old ID: %s, Set-Cookie %q", res.Status, res.Header.Values("Set-Cookie"))
	}
	ExpectNot(t, page, "ann")

	page = b.Post("/sign-out")
	Expect(t, page, "Goodbye.", "Not signed in", "visit 1.")
	thief.SetToken(after)
	Expect(t, thief.Get("/"), "Not signed in", "visit 1.")
}

// TwoVisitors: two visitors have separate sessions.
func TwoVisitors(t *testing.T, site Site) {
	m, _ := Sessions(t, nil)
	address := site(t, m, new(Probes))
	ann, bob := NewBrowser(t, address), NewBrowser(t, address)
	ann.Post("/sign-in", "name", "ann")
	Expect(t, bob.Get("/"), "Not signed in", "visit 1.")
	bob.Post("/sign-in", "name", "bob")
	ann.Post("/sign-out")
	Expect(t, bob.Get("/"), "Signed in as bob", "visit 3.")
}

// Untouched: a request that does not use its session makes no store call, and its
// response has no session header fields.
func Untouched(t *testing.T, site Site) {
	m, store := Sessions(t, nil)
	b := NewBrowser(t, site(t, m, new(Probes)))
	b.Get("/")
	calls := store.Calls.Load()
	res, _ := b.Do(http.MethodGet, "/no-such-page", "")
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("unknown page: %s", res.Status)
	}
	for _, field := range []string{"Set-Cookie", "Cache-Control", "Vary"} {
		if v := res.Header.Values(field); len(v) > 0 {
			t.Errorf("%s: %q", field, v)
		}
	}
	if n := store.Calls.Load() - calls; n > 0 {
		t.Errorf("%d store calls", n)
	}
}

// ParallelVisits: concurrent visits are all counted.
func ParallelVisits(t *testing.T, site Site) {
	m, _ := Sessions(t, nil)
	b := NewBrowser(t, site(t, m, new(Probes)))
	b.Get("/")
	var wg sync.WaitGroup
	for range 48 {
		wg.Go(func() {
			if res, page := b.Do(http.MethodGet, "/", ""); res.StatusCode != http.StatusOK {
				t.Errorf("%s\n%s", res.Status, page)
			}
		})
	}
	wg.Wait()
	Expect(t, b.Get("/"), "visit 50.")
}
