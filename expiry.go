package sessions

import (
	"time"

	"github.com/pump-go/sessions/internal/token"
)

// Expiry determines when browsers drop the session cookie. Its zero value is
// ExpireNever. It does not end the session on the server: Options.IdleTimeout
// and Options.Lifetime do.
type Expiry struct{ cookie token.Expiry }

// ExpireNever keeps the cookie as long as browsers allow, which is 400 days.
// The cookie is sent again when the session is used, so it does not expire
// while in use.
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

// ExpireAfter drops the cookie when the session has not been used for d. The
// cookie is sent again once more than 1% of d has passed.
func ExpireAfter(d time.Duration) Expiry {
	return Expiry{token.Expiry{Kind: token.After, Ms: d.Milliseconds()}}
}

// String describes the expiry, such as "never" or "after 720h0m0s".
func (e Expiry) String() string { return e.cookie.String() }
