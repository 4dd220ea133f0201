package browsertest

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const (
	sessionCookie = "pump-session"
	boundCookie   = "pump-session-bound"
)

// until waits for a condition.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(45 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 45 seconds: %s", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (b *browser) want(what, method, path, answer string) {
	b.t.Helper()
	if got := b.fetch(method, path); got != answer {
		b.t.Errorf("%s: %s %s: %q, want %q", what, method, path, got, answer)
	}
}

// signIn signs in, and waits until the browser has bound the session.
func (b *browser) signIn() {
	b.t.Helper()
	b.want("sign-in", "POST", "/sign-in", "200 ")
	until(b.t, "the session is bound", func() bool { return b.fetch("GET", "/bound") == "200 true" })
}

// use makes requests until the condition is true. Each must succeed.
func (b *browser) use(what string, condition func() bool) {
	b.t.Helper()
	until(b.t, what, func() bool {
		b.want(what, "GET", "/me", "200 user:ann")
		return b.t.Failed() || condition()
	})
}

// lives returns a condition: the bound cookie that the browser has now, and so many
// after it, have ended.
func lives(n int) func() bool {
	end := time.Now().Add(time.Duration(n) * life)
	return func() bool { return time.Now().After(end) }
}

func TestInChromium(t *testing.T) {
	s := newSite(t)
	b := s.open()
	b.visit(s.address + "/")
	b.signIn()
	b.use("while bound cookies end", lives(1))

	second := b.tab()
	if text := second.visit(s.address + "/"); text != "user:ann" {
		t.Errorf("a second tab shows %q", text)
	}
	b.want("Renew", "POST", "/renew", "200 ")
	ended := lives(1)
	b.use("two tabs, after Renew", func() bool {
		second.want("two tabs, after Renew", "GET", "/me", "200 user:ann")
		return ended()
	})

	s.restart()
	b.use("after a restart", lives(1))
	s.wantNoRefusal()

	// The cookies are copied to another client.
	thief := s.thief(b.cookies()[sessionCookie].Value, b.cookies()[boundCookie].Value)
	stolen := time.Now()
	if got := thief(); got != "200 user:ann" {
		t.Errorf("the stolen cookies, at once: %q", got)
	}
	b.use("the stolen cookies end", func() bool { return thief() != "200 user:ann" })
	if took := time.Since(stolen); took > life+time.Second {
		t.Errorf("the stolen cookies worked for %v, with a Life of %v", took, life)
	}
	if got := thief(); got != "403 error page\n" {
		t.Errorf("the stolen cookies, later: %q", got)
	}
}

// thief returns a function that makes a request with stolen cookies, from another
// client.
func (s *site) thief(session, bound string) func() string {
	transport := s.server.Client().Transport.(*http.Transport).Clone()
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.server.Listener.Addr().String())
	}
	s.t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	return func() string {
		r, err := http.NewRequest("GET", s.address+"/me", nil)
		if err != nil {
			s.t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: session})
		if bound != "" {
			r.AddCookie(&http.Cookie{Name: boundCookie, Value: bound})
		}
		res, err := client.Do(r)
		if err != nil {
			s.t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			s.t.Fatal(err)
		}
		return res.Status[:4] + string(body)
	}
}

// A link from another site, after the bound cookie's end.
func TestLinkFromAnotherSite(t *testing.T) {
	s := newSite(t)
	b := s.open()
	b.visit(s.address + "/")
	b.signIn()
	b.visit(s.other + "/")
	until(t, "the bound cookie ends", func() bool { return b.cookies()[boundCookie] == nil })
	until(t, "the binding is enforced", func() bool {
		return s.thief(b.cookies()[sessionCookie].Value, "")() == "403 error page\n"
	})
	if err := chromedp.Do(b.ctx, chromedp.Click("#link")); err != nil {
		t.Fatal(err)
	}
	until(t, "the page is there", func() bool { return b.text() == "user:ann" })
	if n := s.count("/", http.StatusForbidden); n != 1 {
		t.Errorf("%d pages that load again, want 1", n)
	}
}

// The answer of the registration is lost. The browser may send it again, or give up:
// then the session stays unbound, and nobody is refused.
func TestLostRegistrationAnswer(t *testing.T) {
	s := newSite(t)
	b := s.open()
	b.visit(s.address + "/")
	s.loseOne.Store(true)
	b.want("sign-in", "POST", "/sign-in", "200 ")
	b.use("after a lost answer", lives(1))
	if s.loseOne.Load() {
		t.Error("the browser has not registered")
	}
	b.signIn()
	b.use("after another sign-in", lives(1))
	s.wantNoRefusal()
}

// The store is down for longer than the bound cookie lasts.
func TestOutage(t *testing.T) {
	s := newSite(t)
	b := s.open()
	b.visit(s.address + "/")
	b.signIn()
	b.use("before the outage", lives(1))
	s.Store.Down()
	until(t, "a refresh fails", func() bool {
		if got := b.fetch("GET", "/me"); got != "503 error page\n" {
			t.Errorf("during the outage: %q", got)
		}
		return t.Failed() || s.count("/refresh", http.StatusServiceUnavailable) > 0
	})
	b.want("an excluded path, during the outage", "GET", "/static/text", "200 static")
	s.Store.Up()
	recovered := time.Now()
	until(t, "the browser goes on", func() bool { return b.fetch("GET", "/me") == "200 user:ann" })
	t.Logf("the browser went on %v after the outage", time.Since(recovered).Round(time.Millisecond))
	b.use("after the outage", lives(1))
}

// Sign-out, and another sign-in in the same browser.
func TestSignOut(t *testing.T) {
	s := newSite(t)
	b := s.open()
	b.visit(s.address + "/")
	b.signIn()
	b.want("sign-out", "POST", "/sign-out", "200 ")
	b.want("after the sign-out", "GET", "/me", "200 user:")
	until(t, "the browser's side ends", func() bool {
		b.want("after the sign-out", "GET", "/me", "200 user:")
		return t.Failed() || s.count("/refresh", http.StatusOK) > 0
	})
	b.signIn()
	b.use("after another sign-in", lives(1))
	s.wantNoRefusal()
}

func (s *site) wantNoRefusal() {
	s.t.Helper()
	if n := s.count("/me", http.StatusForbidden); n > 0 {
		s.t.Errorf("%d requests of the browser were refused", n)
	}
}
