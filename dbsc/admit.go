package dbsc

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pump-go/sessions"
)

// Admit implements sessions.Guard: a bound session needs its bound cookie.
func (b *Binding) Admit(r *http.Request, h sessions.Held) error {
	note := h.Note()
	if note == nil {
		return nil
	}
	bound, err := parseNote(note)
	if err != nil {
		return err
	}
	switch v := b.check(r, &bound); {
	case v == good && bound.confirmed == 0:
		b.confirm(h, bound.id)
	case v == good:
	case bound.confirmed == 0: // the cookie may be an earlier session's
	case v == absent && b.inGrace(&bound):
	default:
		return b.refuse(r, h, v)
	}
	return nil
}

// confirm notes that the client has its bound cookie. If that fails, a later request
// does it.
func (b *Binding) confirm(h sessions.Held, id [16]byte) {
	err := h.EditNote(func(old []byte) ([]byte, error) {
		bound, err := parseNote(old)
		if err != nil || bound.id != id || bound.confirmed != 0 {
			return old, nil // replaced, dropped or confirmed meanwhile
		}
		bound.confirmed = b.now().UnixMilli()
		return bound.note(), nil
	})
	if err != nil {
		b.log.Warn("sessions: confirming a device binding failed", "session", h.ID(), "error", err)
	}
}

// refusal is the error of Admit.
type refusal struct{ reason string }

func (e refusal) Error() string {
	return fmt.Sprintf("dbsc: used without its device (%s): %v", e.reason, sessions.ErrRefused)
}

func (e refusal) Is(target error) bool { return target == sessions.ErrRefused }

// Reason is no_cookie, wrong_cookie, no_request (Manager.Load) or navigation, for
// metrics.
func (e refusal) Reason() string { return e.reason }

// refuse returns the error for a session that is used without its device, and logs it.
func (b *Binding) refuse(r *http.Request, h sessions.Held, v verdict) error {
	switch {
	case r == nil:
		b.report(h, "no_request", "")
		return refusal{"no_request"}
	case reloads(r):
		// The browser does not wait for a proof here, so this is no sign of theft.
		b.log.Info("sessions: link from another site, answered by a page that loads again", "session", h.ID())
		return reload{refusal{"navigation"}}
	case r.Method == http.MethodPost && (strings.HasSuffix(r.URL.Path, b.o.Path+"/refresh") || strings.HasSuffix(r.URL.Path, b.o.Path+"/register")):
		// Middleware has used the session in a request that is about to be answered
		// without it.
	default:
		b.report(h, v.String(), r.Header.Get("Secure-Session-Skipped"))
	}
	return refusal{v.String()}
}

// report logs that the session was used without its device. What the browser says of it
// may be anybody's, and grants nothing.
func (b *Binding) report(h sessions.Held, reason, skipped string) {
	ok, more := b.events.allow(b.now())
	if !ok {
		return
	}
	const longest = 200
	if len(skipped) > longest {
		skipped = skipped[:longest]
	}
	b.log.Warn("sessions: session used without its device", "session", h.ID(), "reason", reason, "browser", skipped, "unlogged", more)
}

// reloads reports whether the request is a navigation that began on another site's
// page. Browsers make no proof for it, and so send it without the bound cookie.
func reloads(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && (site == "cross-site" || site == "same-site")
}

// reload answers with a page that loads itself again. For that request, which begins on
// our own page, the browser does make the proof. A redirect would keep the other site
// as its beginning.
type reload struct{ refusal }

func (reload) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'")
	w.WriteHeader(http.StatusForbidden)
	io.WriteString(w, `<!doctype html><meta name="robots" content="noindex"><meta http-equiv="refresh" content="0"><title>One moment</title>`)
}

// limiter lets one event a second pass, and ten at once.
type limiter struct {
	mu     sync.Mutex
	tokens float64
	last   time.Time
	missed int
}

// allow reports whether the event may pass, and how many before it did not.
func (l *limiter) allow(now time.Time) (ok bool, missed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last.IsZero() {
		l.tokens = 10
	}
	if d := now.Sub(l.last).Seconds(); d > 0 {
		l.tokens = min(10, l.tokens+d)
	}
	l.last = now
	if l.tokens < 1 {
		l.missed++
		return false, 0
	}
	missed, l.missed = l.missed, 0
	l.tokens--
	return true, missed
}
