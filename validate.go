package sessions

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/content"
	"github.com/pump-go/sessions/internal/token"
)

// minSecret is the minimum length of a secret: the size of the digest of the
// HMAC that it keys (RFC 2104, 3).
const minSecret = 32

// maxNamespace keeps a namespace fit for a directory name and a key prefix.
const maxNamespace = 64

// minRenewAfter is as long as a forward lives, so that forwards do not pile up.
const minRenewAfter = 2 * time.Minute

// validate returns the options with their defaults and the driver that they
// name, or an error with all faults.
func validate(o Options) (Options, driver.Driver, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	d := o.Driver
	if d != nil && o.Store != "" {
		fault("Options.Driver and Options.Store are both set: set only one")
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
	}{{"IdleTimeout", o.IdleTimeout}, {"Lifetime", o.Lifetime}, {"RenewAfter", o.RenewAfter}, {"StoreTimeout", o.StoreTimeout}} {
		if err := checkTimeout(limit.d); err != nil {
			fault("Options.%s: %w", limit.name, err)
		}
	}
	if o.Lifetime > 0 && o.Lifetime < o.IdleTimeout {
		fault("Options.Lifetime: %v is shorter than Options.IdleTimeout, %v", o.Lifetime, o.IdleTimeout)
	}

	if o.RenewAfter > 0 && o.RenewAfter < minRenewAfter {
		fault("Options.RenewAfter: %v is shorter than %v", o.RenewAfter, minRenewAfter)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
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
	if len(c.Name) > maxCookieName {
		fault("Options.Cookie.Name: %d bytes; browsers drop a cookie of more than 4096 bytes with its value, which leaves %d", len(c.Name), maxCookieName)
	}
	probe := http.Cookie{Name: c.Name, Path: c.Path, Domain: c.Domain}
	if err := probe.Valid(); err != nil {
		fault("Options.Cookie: %w", err)
	} else {
		validatePath(c.Path, fault)
		validateDomain(c.Domain, fault)
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
		fault("Options.Cookie.PreviousSecrets: Secret must be set too")
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
		fault("Options.Cookie.%s: %d bytes, want at least %d; make one with  openssl rand -base64 32", name, len(secret), minSecret)
	}
}

// validatePath returns an error for a Path with which no URL path can begin
// (RFC 3986, 3.3). Browsers compare the two byte by byte, in the form that is
// sent to the server, and would never send the cookie back.
func validatePath(path string, fault func(string, ...any)) {
	if path[0] != '/' {
		fault("Options.Cookie.Path: %q does not begin with a slash", clip(path))
		return
	}
	for i := 0; i < len(path); i++ {
		c := path[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~!$&'()*+,=:@/", c) >= 0:
		case c == '%' && i+2 < len(path) && isHex(path[i+1]) && isHex(path[i+2]):
		default:
			fault("Options.Cookie.Path: %q has a %q, which no URL's path has unescaped; write it as the URL does, such as %%20 for a space", clip(path), c)
			return
		}
	}
	if len(path) > maxCookieAttribute {
		fault("Options.Cookie.Path: %d bytes, and browsers ignore more than %d", len(path), maxCookieAttribute)
	}
	for segment := range strings.SplitSeq(path, "/") {
		if dots := dotEscapes.Replace(segment); dots == "." || dots == ".." {
			fault("Options.Cookie.Path: %q has a segment %q, which browsers resolve before they send a URL", clip(path), segment)
			return
		}
	}
}

// dotEscapes: browsers treat an escaped dot as a dot.
var dotEscapes = strings.NewReplacer("%2e", ".", "%2E", ".")

// Browsers ignore a longer attribute, and drop a cookie whose name and value are
// longer than 4096 bytes together (RFC 6265bis, 5.6).
const (
	maxCookieAttribute = 1024
	maxCookieName      = 4096 - 86 // the length of a signed token
)

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// validateDomain returns an error for a Domain for which browsers drop the
// cookie on every host. It does not know public suffixes of several labels,
// such as co.uk.
func validateDomain(domain string, fault func(string, ...any)) {
	if net.ParseIP(domain) != nil {
		return // browsers accept it on that address, as if Domain were empty
	}
	labels := strings.Split(strings.TrimPrefix(domain, "."), ".")
	switch last := labels[len(labels)-1]; {
	case domain == "", strings.EqualFold(domain, "localhost"):
	case last == "":
		fault("Options.Cookie.Domain: browsers drop a cookie whose domain ends in a dot, as %q does", clip(domain))
	case len(labels) == 1:
		fault("Options.Cookie.Domain: browsers drop a cookie for %q, a top-level domain; leave Domain empty for the current host", clip(domain))
	case strings.Trim(last, "0123456789") == "":
		fault("Options.Cookie.Domain: %q ends in a number, so it is not a domain, and it is not an IPv4 address", clip(domain))
	}
}

// validatePrefix checks what browsers require of a cookie with a name prefix.
// They ignore the prefix's case (RFC 6265bis, 4.1.3).
func validatePrefix(c Cookie, fault func(string, ...any)) {
	prefixed := func(prefix string) bool {
		return len(c.Name) >= len(prefix) && strings.EqualFold(c.Name[:len(prefix)], prefix)
	}
	host := prefixed("__Host-") // __Host-Http- too
	httpOnly := prefixed("__Http-") || prefixed("__Host-Http-")
	if (host || httpOnly || prefixed("__Secure-")) && !c.Secure {
		fault("Options.Cookie.Name: browsers drop a cookie named %s without Secure", c.Name)
	}
	if httpOnly && c.DisableHttpOnly {
		fault("Options.Cookie.Name: browsers drop a cookie named %s with DisableHttpOnly", c.Name)
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

// checkTimeout returns an error if d is not valid as a timeout of a session.
func checkTimeout(d time.Duration) error {
	if d < 0 || d > content.MaxTimeout || d%time.Millisecond != 0 {
		return fmt.Errorf("%v is not from 0 to 100 years in whole milliseconds", d)
	}
	return nil
}
