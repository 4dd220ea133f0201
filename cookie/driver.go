// Package cookie keeps nothing on the server: the whole session travels in the
// client's cookie, encrypted and signed.
//
// Choose it for small sessions (a user's id, a language, a few flags) on
// servers that should share nothing but a secret. Choose another store if
// logging out must take effect at once, or if a session holds more than two
// kilobytes.
//
//	import _ "github.com/pump-go/sessions/cookie"
//
//	m, err := sessions.New(ctx, sessions.Options{
//		Store:  "cookie",
//		Cookie: sessions.Cookie{Secret: secret},
//	})
//
// The URL, if there is one, is just "cookie:". A secret is required.
//
// # What a client cannot do
//
// A cookie is encrypted with AES-256 and authenticated with HMAC-SHA-256
// (github.com/gorilla/securecookie), with keys derived from the secret, the
// cookie's name and the namespace. So the client can neither read nor change
// it, and a cookie taken from another application, name or namespace counts
// for nothing. What shows is its length and the second it was made.
//
// With a new secret in front and the old one among PreviousSecrets, old
// cookies go on working, and are replaced as their sessions are used.
//
// # What the server cannot do
//
//   - Revoke. Destroying a session deletes the cookie in the browser. Whoever
//     copied the cookie before can go on presenting it until the session that
//     is in it expires: set a Timeout or Lifetime you could live with. The
//     same holds for the old cookie after a Renew, and for every earlier state
//     of a session: a client can go back to one.
//   - Merge. Of two requests at the same time, the cookie that arrives last
//     stays, and what the other request changed is lost.
//   - List. Nobody knows which sessions there are or whose they are, so the
//     calls for all sessions and for an owner's fail, as do those by id, with
//     an error that is errors.ErrUnsupported.
//
// # Size
//
// Browsers keep a cookie only if its name and value have 4096 bytes at most
// (RFC 6265bis, 5.6). Of these, 2176 are left for the encoded session (with
// its owner) under a name of up to 12 characters, and about one fewer for each
// two characters of a longer name. A larger session cannot be saved; the error
// is sessions.ErrTooLarge and tells the size.
package cookie

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gorilla/securecookie"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

func init() { sessions.Register("cookie", New()) }

// New returns the driver that is registered as "cookie". Its Open fails if
// there is no secret, or a URL other than "cookie:".
func New() driver.Driver { return driver.OpenFunc(open) }

func open(_ context.Context, cfg driver.Config) (driver.Store, error) {
	if cfg.URL != "" && !strings.EqualFold(cfg.URL, "cookie:") {
		return nil, errors.New(`cookie: open: Options.URL must be empty or "cookie:"`)
	}
	cfg = cfg.WithDefaults()
	hash, block := cfg.Keys("cookie hash"), cfg.Keys("cookie block")
	if len(hash) == 0 || len(hash) != len(block) {
		return nil, errors.New("cookie: open: Options.Cookie.Secret is required: the session travels in the cookie, and the secret alone keeps clients from reading and writing it")
	}
	s := &store{name: cfg.CookieName, now: cfg.Now}
	for i := range hash {
		if len(hash[i]) != 32 || len(block[i]) != 32 {
			return nil, fmt.Errorf("cookie: open: keys of %d and %d bytes, want 32", len(hash[i]), len(block[i]))
		}
		// The expiry is inside the seal and the limit is on name and value
		// together, so securecookie is to look at neither.
		s.codecs = append(s.codecs, securecookie.New(hash[i], block[i]).
			MaxAge(0).MaxLength(0).SetSerializer(securecookie.NopEncoder{}))
	}
	return s, nil
}
