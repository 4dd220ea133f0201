package dbsc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pump-go/sessions"
)

// Options configures a Binding. The zero value is usable.
type Options struct {
	// Life is how long a bound cookie is valid, and so how long stolen cookies work. When
	// nine tenths of it have passed, the next request waits while the browser renews the
	// bound cookie with two small requests. Life is between 5 seconds and 24 hours; the
	// default is 10 minutes.
	Life time.Duration

	// Path is the path of the protocol's requests, as Binding.Handler receives them. The
	// default is "/device-bound-session". If several managers wrap one handler, each needs
	// its own Path.
	Path string

	// PublicPath is Path as browsers see it, if a proxy or http.StripPrefix removes a
	// prefix. It must be below Cookie.Path. The default is Path.
	PublicPath string

	// Exclude lists paths as browsers see them, such as "/static". Requests to them and
	// below never wait for a new bound cookie. Handlers there must not use the session: a
	// request without the bound cookie is refused there too.
	Exclude []string
}

// Binding binds the sessions of one Manager to devices. It is the Manager's
// sessions.Options.Guard. It is safe for concurrent use.
type Binding struct {
	o       Options
	started atomic.Bool

	now        func() time.Time
	log        *slog.Logger
	hold       func(context.Context, func(sessions.Held) error) error
	cookie     http.Cookie // the bound one, without a value
	attributes string      // of it, as the protocol states them
	cookies    macs
	challenges macs
	events     limiter
}

var _ sessions.Guard = (*Binding)(nil)

// New returns a Binding, for sessions.Options.Guard.
func New(o Options) (*Binding, error) {
	if o.Life == 0 {
		o.Life = 10 * time.Minute
	}
	if o.Path == "" {
		o.Path = "/device-bound-session"
	}
	if o.PublicPath == "" {
		o.PublicPath = o.Path
	}
	var faults []error
	if o.Life < 5*time.Second || o.Life > 24*time.Hour {
		faults = append(faults, fmt.Errorf("Options.Life: %v is not from 5 seconds to 24 hours", o.Life))
	}
	for _, p := range append([]string{o.Path, o.PublicPath}, o.Exclude...) {
		if !isPath(p) {
			faults = append(faults, fmt.Errorf("Options: %q is not an absolute path of letters, digits and -._~/ without a slash at its end", p))
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("dbsc: %w:\n%w", sessions.ErrInvalidOptions, errors.Join(faults...))
	}
	return &Binding{o: o}, nil
}

// isPath reports whether p is a path that has one spelling, in URLs, in the protocol's
// header fields and to http.ServeMux.
func isPath(p string) bool {
	if len(p) < 2 || p[0] != '/' || strings.HasSuffix(p, "/") {
		return false
	}
	for _, c := range []byte(p) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~/", c) >= 0) {
			return false
		}
	}
	return !strings.Contains(p, "//") && !strings.Contains(p+"/", "/./") && !strings.Contains(p+"/", "/../")
}

// Start implements sessions.Guard. It returns an error for options of the Manager with
// which the binding would not protect the session or would not reach the browser.
func (b *Binding) Start(c sessions.GuardConfig) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("dbsc: "+format, args...)) }
	if c.InClient {
		fault("a store that keeps sessions with the clients cannot be used: there a client can return to a state before the binding")
	}
	keys := c.Keys("bound cookie")
	if len(keys) == 0 {
		fault("Cookie.Secret is needed")
	}
	if !c.Cookie.Secure {
		fault("Cookie.Secure is needed: browsers bind sessions over HTTPS only")
	}
	if c.Cookie.Domain != "" {
		fault("Cookie.Domain must be empty: other hosts would get the cookie without the proofs")
	}
	if c.Cookie.Partitioned {
		fault("Cookie.Partitioned must not be set")
	}
	if base := strings.TrimSuffix(c.Cookie.Path, "/"); !strings.HasPrefix(b.o.PublicPath, base+"/") {
		fault("Options.PublicPath: %s is outside of Cookie.Path, %s, so browsers send no cookies there", b.o.PublicPath, c.Cookie.Path)
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	if b.started.Swap(true) {
		return errors.New("dbsc: a Binding serves one Manager: make a second Binding for the other")
	}
	b.now, b.log, b.hold = c.Now, c.Logger, c.Hold
	b.cookies, b.challenges = newMACs(keys), newMACs(c.Keys("challenge"))
	b.cookie = http.Cookie{Name: c.Cookie.Name + "-bound", Path: c.Cookie.Path, Secure: true, HttpOnly: true, SameSite: c.Cookie.SameSite}
	_, b.attributes, _ = strings.Cut(b.cookie.String(), "; ")
	return nil
}

// Issue implements sessions.Guard. It offers the binding with the first token of a new
// session ID, and never later. Otherwise a thief of an unbound session's cookie could
// bind the session to their own key and lock out its user.
func (b *Binding) Issue(r *http.Request, h sessions.Held, header http.Header) {
	if h.ByHeader() {
		return
	}
	if h.Note() != nil {
		// A binding that is not confirmed may have lost its registration's response.
		if bound, err := parseNote(h.Note()); err != nil || bound.confirmed != 0 {
			return
		}
	} else if _, err := r.Cookie(b.cookie.Name); err == nil { // left from an earlier session
		old := b.cookie
		old.MaxAge = -1
		header.Add("Set-Cookie", old.String())
	}
	if h.Owner() == "" {
		return
	}
	header.Add("Secure-Session-Registration", fmt.Sprintf(`(ES256 RS256);path="%s/register";challenge="%s"`,
		b.o.PublicPath, b.newChallenge(registration, registrationTag(h))))
}

// Bound returns when the session was bound to its device. ok is false if the session is
// not bound, because the browser does not support the protocol or has just signed in.
func Bound(s *sessions.Session) (since time.Time, ok bool) {
	bound, err := parseNote(s.GuardNote())
	if err != nil || bound.confirmed == 0 {
		return time.Time{}, false
	}
	return time.UnixMilli(bound.since).UTC(), true
}
