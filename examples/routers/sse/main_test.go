package main

import (
	"bufio"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"

	"github.com/pump-go/sessions/examples/routers/internal/journey"
)

// start serves the app and returns a signed-in browser.
func start(t *testing.T) (*journey.Browser, *journey.Store) {
	m, store := journey.Sessions(t, nil)
	b := journey.NewBrowser(t, journey.Serve(t, m.Wrap(app{m, time.Millisecond}.routes())))
	journey.Expect(t, b.Post("/sign-in", "name", "ann"), "Signed in as ann") // this page is visit 1
	return b, store
}

type stream struct {
	*bufio.Reader
	t *testing.T
}

func open(t *testing.T, b *journey.Browser) stream {
	t.Helper()
	res, err := b.Client.Get(b.URL("/events"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if got := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("%s, %s", res.Status, got)
	}
	return stream{bufio.NewReader(res.Body), t}
}

// next returns the next event.
func (s stream) next() (event string) {
	s.t.Helper()
	for {
		line, err := s.ReadString('\n')
		if err != nil {
			s.t.Fatal(err)
		}
		if line == "\n" {
			return strings.TrimSpace(event)
		}
		event += line
	}
}

func (s stream) expect(event string) {
	s.t.Helper()
	if got := s.next(); got != event {
		s.t.Errorf("event %q, want %q", got, event)
	}
}

func TestAnotherTabsVisits(t *testing.T) {
	b, _ := start(t)
	one, two := open(t, b), open(t, b)
	for _, event := range []string{"data: 1", "data: 2", "data: 3"} {
		one.expect(event)
		two.expect(event)
		b.Get("/")
	}
}

// TestChangesAfterTheHeader: other requests see what the stream saved.
func TestChangesAfterTheHeader(t *testing.T) {
	m, _ := journey.Sessions(t, nil)
	b := journey.NewBrowser(t, journey.Serve(t, m.Wrap(app{m, time.Millisecond}.routes())))
	b.Post("/sign-in", "name", "ann")
	b.Get("/")
	open(t, b).expect("data: 2")
	s, err := m.Load(t.Context(), b.Token())
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := told.Get(s); n != 1 {
		t.Errorf("%d events counted", n)
	}
}

func TestSignOutInAnotherTab(t *testing.T) {
	b, _ := start(t)
	events := open(t, b)
	events.expect("data: 1")
	b.Post("/sign-out")
	events.expect("event: signedout\ndata:")
}

func TestOutageEndsNoStream(t *testing.T) {
	b, store := start(t)
	events := open(t, b)
	events.expect("data: 1")
	store.LoadsFail.Store(true)
	for before := store.Calls.Load(); store.Calls.Load() < before+5; {
		time.Sleep(time.Millisecond)
	}
	store.LoadsFail.Store(false)
	b.Get("/")
	events.expect("data: 2")
}

func TestNoStream(t *testing.T) {
	b, store := start(t)
	stranger := journey.NewBrowser(t, b.URL(""))
	if res, _ := stranger.Do(http.MethodGet, "/events", ""); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a session: %s", res.Status)
	}
	store.SavesFail.Store(true)
	res, page := b.Do(http.MethodGet, "/events", "")
	if res.StatusCode != http.StatusServiceUnavailable || page != "Service Unavailable\n" {
		t.Errorf("the commit fails: %s %q", res.Status, page)
	}
	if got := res.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
		t.Errorf("the commit fails: %s", got)
	}
}

// TestTooLateForACookie: after the header, no session can be created.
func TestTooLateForACookie(t *testing.T) {
	m, _ := journey.Sessions(t, nil)
	saved := make(chan error, 1)
	b := journey.NewBrowser(t, journey.Serve(t, m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		http.NewResponseController(w).Flush()
		visits.Set(s, 1)
		saved <- s.Save(r.Context())
	}))))
	b.Get("/")
	if err := <-saved; !errors.Is(err, sessions.ErrHeaderSent) {
		t.Errorf("save: %v", err)
	}
	if b.Token() != "" {
		t.Error("a cookie was set")
	}
}
