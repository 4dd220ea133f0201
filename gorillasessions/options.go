package gorillasessions

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	gorilla "github.com/gorilla/sessions"

	"github.com/pump-go/sessions"
)

// ErrOptions is returned by Save if a session's Options require a cookie attribute that
// the manager's cookie does not have.
var ErrOptions = errors.New("the manager's cookie is different")

// options returns the manager's cookie as a session's options.
func (st *Store) options(maxAge int) *gorilla.Options {
	c := st.cookie
	return &gorilla.Options{
		Path:        c.Path,
		Domain:      c.Domain,
		MaxAge:      maxAge,
		Secure:      c.Secure,
		HttpOnly:    c.HttpOnly,
		Partitioned: c.Partitioned,
		SameSite:    c.SameSite,
	}
}

// check returns an error if the options require something that the manager's cookie
// does not have. A zero field requires nothing.
func (st *Store) check(o *gorilla.Options) error {
	if o == nil {
		return nil
	}
	c := st.cookie
	var wrong []string
	differs := func(field string, asked, have any) {
		wrong = append(wrong, fmt.Sprintf("%s: the session asks for %v, sessions.Options.Cookie has %v", field, asked, have))
	}
	if o.Path != "" && o.Path != c.Path {
		differs("Path", o.Path, c.Path)
	}
	if domain := strings.TrimPrefix(o.Domain, "."); !strings.EqualFold(domain, c.Domain) && domain != "" {
		differs("Domain", domain, fmt.Sprintf("%q", c.Domain))
	}
	if o.SameSite > http.SameSiteDefaultMode && o.SameSite != c.SameSite {
		differs("SameSite", sameSite(o.SameSite), sameSite(c.SameSite))
	}
	if o.Secure && !c.Secure {
		differs("Secure", true, false)
	}
	if o.HttpOnly && !c.HttpOnly {
		differs("HttpOnly", true, false)
	}
	if o.Partitioned && !c.Partitioned {
		differs("Partitioned", true, false)
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrOptions, strings.Join(wrong, "; "))
}

func sameSite(s http.SameSite) string {
	switch s {
	case http.SameSiteLaxMode:
		return "Lax"
	case http.SameSiteStrictMode:
		return "Strict"
	case http.SameSiteNoneMode:
		return "None"
	default:
		return "none at all"
	}
}

// maxAge returns the Max-Age that the session's cookie has now; 0 is none.
func maxAge(s *sessions.Session) int { return max(s.Cookie().MaxAge, 0) }

// setMaxAge makes the session and its cookie end seconds after the last use, or the
// cookie with the browser, and the session by the manager's options.
func setMaxAge(s *sessions.Session, seconds int) error {
	if seconds == 0 {
		return errors.Join(s.ResetSettings(), s.SetExpires(sessions.ExpireWithBrowser()))
	}
	const browserLimit = 400 * 24 * time.Hour // RFC 6265bis, 5.5
	d := browserLimit
	if seconds < int(d/time.Second) {
		d = time.Duration(seconds) * time.Second
	}
	return errors.Join(s.SetExpires(sessions.ExpireAfter(d)), s.SetIdleTimeout(d))
}
