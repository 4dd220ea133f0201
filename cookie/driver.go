// Package cookie stores each session in its client's cookie, encrypted and
// authenticated. Nothing is stored on the server.
//
// Use it for small sessions (a user ID, a language, a few flags) on servers that
// share nothing but a secret. Use another store if signing out must take effect
// immediately, or if a session has more than two kilobytes.
//
//	import _ "github.com/pump-go/sessions/cookie"
//
//	m, err := sessions.New(ctx, sessions.Options{
//		Store:  "cookie",
//		Cookie: sessions.Cookie{Secret: secret},
//	})
//
// A secret is required. The URL is empty or "cookie:".
//
// # Protection
//
// The cookie is encrypted with AES-256 and authenticated with HMAC-SHA-256
// (github.com/gorilla/securecookie). The keys are derived from the secret, the
// cookie's name and the namespace. Clients can neither read nor change a session,
// and a cookie made for another application, name or namespace is rejected. A
// cookie's length and the second it was made are visible.
//
// To rotate the secret, set a new one and move the old one to PreviousSecrets.
// Old cookies stay valid and are replaced when they are used.
//
// # What can be lost, and what cannot be revoked
//
//   - Sessions cannot be revoked. Destroying one deletes the cookie in the browser,
//     but a copy of the cookie stays valid until the session in it expires: set an
//     IdleTimeout or Lifetime that you can accept. The same is true of the old cookie
//     after a Renew, and of every earlier state of a session: a client can replay it.
//   - Concurrent changes are not merged. Of two simultaneous requests that change
//     the session, the browser keeps the last cookie that it receives; the changes
//     of the other request are lost.
//   - Sessions cannot be listed, found by ID or by owner. Those methods of the
//     Manager return errors.ErrUnsupported.
//
// # Limits
//
// Browsers accept at most 4096 bytes for a cookie's name and value (RFC 6265bis,
// section 5.6). That leaves 2176 bytes for the encoded session and its owner if the
// name has up to 12 characters; each two characters more cost about one byte. Saving
// a larger session returns sessions.ErrTooLarge with the size.
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

// New returns the driver that is registered as "cookie". Its Open returns an error
// if there is no secret, or if the URL is neither empty nor "cookie:".
func New() driver.Driver { return driver.OpenFunc(open) }

func open(_ context.Context, cfg driver.Config) (driver.Store, error) {
	if cfg.URL != "" && !strings.EqualFold(cfg.URL, "cookie:") {
		return nil, errors.New(`cookie: open: Options.URL must be empty or "cookie:"`)
	}
	cfg = cfg.WithDefaults()
	hash, block := cfg.Keys("cookie hash"), cfg.Keys("cookie block")
	if len(hash) == 0 || len(hash) != len(block) {
		return nil, errors.New("cookie: open: Options.Cookie.Secret is required: it protects the session in the cookie from being read or changed by the client")
	}
	s := &store{name: cfg.CookieName, now: cfg.Now}
	for i := range hash {
		if len(hash[i]) != 32 || len(block[i]) != 32 {
			return nil, fmt.Errorf("cookie: open: keys of %d and %d bytes, want 32", len(hash[i]), len(block[i]))
		}
		// Disable securecookie's own checks: the record has its expiry, and the
		// size limit applies to name and value together.
		s.codecs = append(s.codecs, securecookie.New(hash[i], block[i]).
			MaxAge(0).MaxLength(0).SetSerializer(securecookie.NopEncoder{}))
	}
	return s, nil
}
