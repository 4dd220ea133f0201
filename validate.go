package sessions

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pump-go/sessions/driver"

	"github.com/pump-go/sessions/internal/token"
)

// minSecret is the shortest secret taken: as many bytes as the digest of the
// HMAC that it keys (RFC 2104, 3).
const minSecret = 32

// maxNamespace keeps a namespace fit for a directory name and a key prefix.
const maxNamespace = 64

// validate returns the options with their defaults filled in and the driver
// that they name, or all that is wrong with them.
func validate(o Options) (Options, driver.Driver, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	d := o.Driver
	if d != nil && o.Store != "" {
		fault("Options.Driver takes the place of Options.Store: set one of them")
	}
	if d == nil {
		var err error
		if d, err = resolve(o.Store, o.URL); err != nil {
			fault("%w", err)
		}
	}
	if !isNamespace(o.Namespace) {
		fault("Options.Namespace: at most %d of the characters a-z 0-9 . _ -, beginning with a letter or digit", maxNamespace)
	}

	if err := token.CheckHeader(o.TokenHeader); err != nil {
		fault("Options.TokenHeader: %w", err)
	}

	if o.StoreTimeout == 0 {
		o.StoreTimeout = defaultStoreTimeout
	}
	for _, limit := range []struct {
		name string
		d    time.Duration
	}{{"IdleTimeout", o.IdleTimeout}, {"Lifetime", o.Lifetime}, {"StoreTimeout", o.StoreTimeout}} {
		if err := checkTimeout(limit.d); err != nil {
			fault("Options.%s: %w", limit.name, err)
		}
	}
	if o.Lifetime > 0 && o.Lifetime < o.IdleTimeout {
		fault("Options.Lifetime: %v is shorter than Options.IdleTimeout, %v", o.Lifetime, o.IdleTimeout)
	}

	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.ErrorHandler == nil {
		o.ErrorHandler = errorPage
	}
	o.Cookie = validateCookie(o.Cookie, o.Now(), fault)
	return o, d, errors.Join(faults...)
}

func validateCookie(c Cookie, now time.Time, fault func(string, ...any)) Cookie {
	if c.Name == "" {
		c.Name = defaultCookieName
	}
	if c.Path == "" {
		c.Path = defaultCookiePath
	}
	if c.SameSite == 0 {
		c.SameSite = defaultSameSite
	}
	probe := http.Cookie{Name: c.Name, Path: c.Path, Domain: c.Domain}
	if err := probe.Valid(); err != nil {
		fault("Options.Cookie: %w", err)
	} else if c.Path[0] != '/' {
		fault("Options.Cookie.Path: %q does not begin with a slash", clip(c.Path))
	} else if strings.TrimSpace(c.Path) != c.Path {
		fault("Options.Cookie.Path: %q ends with a blank, which browsers cut off", clip(c.Path))
	} else if strings.ContainsAny(c.Path, "\"\\") {
		// RFC 3986, 3.3: a URL has neither, but %22 and %5C. net/http reads neither back.
		fault("Options.Cookie.Path: %q has a quote or backslash, which no URL's path has", clip(c.Path))
	}
	validatePrefix(c, fault)

	switch c.SameSite {
	case http.SameSiteDefaultMode, http.SameSiteLaxMode, http.SameSiteStrictMode:
	case http.SameSiteNoneMode:
		if !c.Secure {
			fault("Options.Cookie.SameSite: browsers drop a SameSite=None cookie without Secure")
		}
	default:
		fault("Options.Cookie.SameSite: unknown value %d", c.SameSite)
	}
	if c.Partitioned && !c.Secure {
		fault("Options.Cookie.Partitioned: browsers drop a Partitioned cookie without Secure")
	}
	if err := c.Expires.cookie.Check(now); err != nil {
		fault("Options.Cookie.Expires: %w", err)
	}

	if c.Secret != nil {
		validateSecret("Secret", c.Secret, fault)
	} else if len(c.PreviousSecrets) > 0 {
		fault("Options.Cookie.PreviousSecrets: needs a present Secret")
	}
	for i, secret := range c.PreviousSecrets {
		validateSecret(fmt.Sprintf("PreviousSecrets[%d]", i), secret, fault)
	}
	// The program may reuse its own slices.
	c.Secret = slices.Clone(c.Secret)
	c.PreviousSecrets = slices.Clone(c.PreviousSecrets)
	for i := range c.PreviousSecrets {
		c.PreviousSecrets[i] = slices.Clone(c.PreviousSecrets[i])
	}
	return c
}

func validateSecret(name string, secret []byte, fault func(string, ...any)) {
	if len(secret) < minSecret {
		fault("Options.Cookie.%s: %d bytes, at least %d are needed; make one with  openssl rand -base64 32", name, len(secret), minSecret)
	}
}

// validatePrefix checks what browsers demand of a cookie with a name prefix;
// they compare the prefix without regard to case (RFC 6265bis, 4.1.3).
func validatePrefix(c Cookie, fault func(string, ...any)) {
	name := strings.ToLower(c.Name)
	host := strings.HasPrefix(name, "__host-")
	if (host || strings.HasPrefix(name, "__secure-")) && !c.Secure {
		fault("Options.Cookie.Name: browsers drop a cookie named %s without Secure", c.Name)
	}
	if host && (c.Domain != "" || c.Path != "/") {
		fault("Options.Cookie.Name: browsers drop a cookie named %s unless Domain is empty and Path is /", c.Name)
	}
}

func isNamespace(s string) bool {
	for i, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case i > 0 && (c == '.' || c == '_' || c == '-'):
		default:
			return false
		}
	}
	return len(s) <= maxNamespace
}
