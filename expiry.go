package sessions

import (
	"time"

	"github.com/pump-go/sessions/internal/token"
)

// Expiry determines when browsers drop the session cookie. It does not end the
// session on the server; for that, see Options.IdleTimeout and Options.Lifetime.
// The zero value is ExpireNever.
type Expiry struct{ cookie token.Expiry }

// ExpireNever keeps the cookie as long as browsers allow: 400 days. The cookie
// is sent again from time to time, so it does not expire while the session is in
// use.
func ExpireNever() Expiry { return Expiry{token.Expiry{Kind: token.Never}} }

// ExpireWithBrowser drops the cookie when the browser is closed.
func ExpireWithBrowser() Expiry { return Expiry{token.Expiry{Kind: token.WithBrowser}} }

// ExpireAt drops the cookie at t, to the second. A cookie that is sent after t
// lasts one second.
func ExpireAt(t time.Time) Expiry {
	if t.IsZero() {
		return Expiry{token.Expiry{Kind: token.At, Ms: token.NoTime}}
	}
	return Expiry{token.Expiry{Kind: token.At, Ms: t.UnixMilli()}}
}

// ExpireAfter drops the cookie when the session has not been used for d. While
// the session is in use, the cookie is sent again each time 1% of d has passed.
func ExpireAfter(d time.Duration) Expiry {
	return Expiry{token.Expiry{Kind: token.After, Ms: d.Milliseconds()}}
}

// String describes the expiry, such as "never" or "after 720h0m0s".
func (e Expiry) String() string { return e.cookie.String() }
