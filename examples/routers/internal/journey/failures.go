package journey

import (
	"net/http"
	"testing"
)

// Outage: while the store is down, clients get an error page and stay signed in.
func Outage(t *testing.T, site Site) {
	m, store := Sessions(t, nil)
	b := NewBrowser(t, site(t, m, new(Probes)))
	b.Post("/sign-in", "name", "ann")
	token := b.Token()

	store.LoadsFail.Store(true)
	expectErrorPage(t, b, http.MethodGet, "/")
	expectErrorPage(t, b, http.MethodPost, "/sign-in")
	store.LoadsFail.Store(false)
	if b.Token() != token {
		t.Error("the outage changed the cookie")
	}
	Expect(t, b.Get("/"), "Signed in as ann", "visit 2.")
}

// FailedSave: if the session cannot be saved, the error page replaces the handler's.
func FailedSave(t *testing.T, site Site) {
	m, store := Sessions(t, nil)
	b := NewBrowser(t, site(t, m, new(Probes)))
	b.Get("/")
	store.SavesFail.Store(true)
	expectErrorPage(t, b, http.MethodGet, "/")
	expectErrorPage(t, b, http.MethodPost, "/sign-in")
	expectErrorPage(t, NewBrowser(t, b.URL("")), http.MethodGet, "/")
	store.SavesFail.Store(false)
	Expect(t, b.Get("/"), "visit 2.", "Not signed in")
}

func expectErrorPage(t *testing.T, b *Browser, method, path string) {
	t.Helper()
	res, page := b.Do(method, path, "name=bob", "Content-Type", "application/x-www-form-urlencoded")
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%s %s: %s", method, path, res.Status)
	}
	if page != "Service Unavailable\n" {
		t.Errorf("%s %s: %q", method, path, page)
	}
	if set := res.Header.Values("Set-Cookie"); len(set) > 0 {
		t.Errorf("%s %s: Set-Cookie: %q", method, path, set)
	}
	if location := res.Header.Get("Location"); location != "" {
		t.Errorf("%s %s: Location: %s", method, path, location)
	}
	if control := res.Header.Get("Cache-Control"); control != "no-store" {
		t.Errorf("%s %s: Cache-Control: %s", method, path, control)
	}
}

// Panic: a handler that panics saves nothing, and the server keeps working.
func Panic(t *testing.T, site Site) {
	m, _ := Sessions(t, nil)
	b := NewBrowser(t, site(t, m, new(Probes)))
	b.Get("/")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.URL("/panic"), nil)
	if err != nil {
		t.Fatal(err)
	}
	// Without a recovering middleware, net/http closes the connection.
	if res, err := b.Client.Do(r); err == nil {
		res.Body.Close()
		if res.StatusCode != http.StatusInternalServerError {
			t.Errorf("panic: %s", res.Status)
		}
		if set := res.Header.Values("Set-Cookie"); len(set) > 0 {
			t.Errorf("panic: Set-Cookie: %q", set)
		}
	}
	Expect(t, b.Get("/"), "visit 2.")
}
