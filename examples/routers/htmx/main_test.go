package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pump-go/sessions"

	"github.com/pump-go/sessions/examples/routers/internal/journey"
)

func start(t *testing.T) (*journey.Browser, *journey.Store) {
	m, store := journey.Sessions(t, func(o *sessions.Options) { o.ErrorHandler = sessionFailed })
	return journey.NewBrowser(t, journey.Serve(t, handler(m))), store
}

// hx posts a form as htmx does.
func hx(b *journey.Browser, path, form string) (*http.Response, string) {
	return b.Do(http.MethodPost, path, form, "HX-Request", "true", "Content-Type", "application/x-www-form-urlencoded")
}

// messageOf returns the text of the response's message.
func messageOf(t *testing.T, res *http.Response) string {
	t.Helper()
	header := res.Header.Get("HX-Trigger")
	if header == "" {
		return ""
	}
	var events struct{ Message struct{ Text string } }
	if err := json.Unmarshal([]byte(header), &events); err != nil {
		t.Errorf("HX-Trigger: %s: %v", header, err)
	}
	return events.Message.Text
}

func TestWithoutJavaScript(t *testing.T) {
	b, _ := start(t)
	res, page := b.Do(http.MethodPost, "/sign-in", "name=", "Content-Type", "application/x-www-form-urlencoded")
	if res.StatusCode != http.StatusUnprocessableEntity {
		t.Error(res.Status)
	}
	journey.Expect(t, page, "<!doctype html>", "1 to 40 letters")
	journey.Expect(t, b.Post("/sign-in", "name", "ann"), "Signed in as ann", "Hello, ann.")
	journey.Expect(t, b.Post("/visit"), "1 visits", "Counted.")
	journey.ExpectNot(t, b.Get("/"), "Counted.")
	journey.Expect(t, b.Post("/sign-out"), "Not signed in", "Goodbye.")
	journey.Expect(t, b.Post("/visit"), "Please sign in.")
}

func TestSignInAndOut(t *testing.T) {
	b, _ := start(t)
	res, part := hx(b, "/sign-in", "name=")
	if res.StatusCode != http.StatusUnprocessableEntity || res.Header.Get("Vary") != "HX-Request" {
		t.Errorf("%s, Vary %q", res.Status, res.Header.Values("Vary"))
	}
	journey.Expect(t, part, `<form id="sign-in"`, "1 to 40 letters")
	journey.ExpectNot(t, part, "<html")

	res, part = hx(b, "/sign-in", "name=ann")
	if res.Header.Get("HX-Redirect") != "/" || part != "" || b.Token() == "" {
		t.Errorf("%v %q", res.Header, part)
	}
	before := b.Token()
	journey.Expect(t, b.Get("/"), "Signed in as ann", "Hello, ann.") // stored until the page
	hx(b, "/sign-in", "name=ann")
	if b.Token() == before {
		t.Error("signing in did not change the ID")
	}
	if res, _ := hx(b, "/sign-out", ""); res.Header.Get("HX-Redirect") != "/" {
		t.Errorf("%v", res.Header)
	}
	journey.Expect(t, b.Get("/"), "Not signed in", "Goodbye.")
}

func TestPart(t *testing.T) {
	b, _ := start(t)
	hx(b, "/sign-in", "name=ann")
	res, part := hx(b, "/visit", "")
	if part != `<p id="visits">1 visits were counted.</p>` || messageOf(t, res) != "Counted." {
		t.Errorf("%q, message %q", part, messageOf(t, res))
	}
	if vary := strings.Join(res.Header.Values("Vary"), ", "); vary != "HX-Request, Cookie" {
		t.Errorf("Vary: %s", vary)
	}
	page := b.Get("/")
	journey.Expect(t, page, "Hello, ann.") // still stored
	journey.ExpectNot(t, page, "Counted.") // shown by the fragment
}

func TestSignedOutInAnotherTab(t *testing.T) {
	b, _ := start(t)
	hx(b, "/sign-in", "name=ann")
	hx(b, "/sign-out", "")
	if res, part := hx(b, "/visit", ""); res.Header.Get("HX-Redirect") != "/" || part != "" {
		t.Errorf("%v %q", res.Header, part)
	}
	journey.Expect(t, b.Get("/"), "Please sign in.")
}

func TestOutage(t *testing.T) {
	b, store := start(t)
	hx(b, "/sign-in", "name=ann")
	token := b.Token()
	store.SavesFail.Store(true)
	res, part := hx(b, "/visit", "")
	if res.StatusCode != http.StatusServiceUnavailable || part != "" || res.Header.Get("HX-Reswap") != "none" {
		t.Errorf("%s %v %q", res.Status, res.Header, part)
	}
	if text := messageOf(t, res); !strings.Contains(text, "try again") {
		t.Errorf("message %q", text)
	}
	if res, _ := hx(b, "/sign-in", "name=bob"); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("HX-Redirect") != "" {
		t.Errorf("%s %v", res.Status, res.Header)
	}
	store.SavesFail.Store(false)
	if _, part := hx(b, "/visit", ""); !strings.Contains(part, "1 visits") || b.Token() != token {
		t.Error(part)
	}
}

func TestOtherSites(t *testing.T) {
	b, _ := start(t)
	res, _ := b.Do(http.MethodPost, "/sign-in", "name=eve", "HX-Request", "true", "Sec-Fetch-Site", "cross-site")
	if res.StatusCode != http.StatusForbidden || b.Token() != "" {
		t.Errorf("%s, cookie %q", res.Status, b.Token())
	}
}

func TestMessageIsASCII(t *testing.T) {
	w := httptest.NewRecorder()
	message(w, "Grüße, \"Zoë\" 👋")
	res := w.Result()
	for _, c := range []byte(res.Header.Get("HX-Trigger")) {
		if c < ' ' || c > '~' {
			t.Fatalf("%q", res.Header.Get("HX-Trigger"))
		}
	}
	if text := messageOf(t, res); text != "Grüße, \"Zoë\" 👋" {
		t.Errorf("%q", text)
	}
}
