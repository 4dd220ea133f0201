package sessions

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/token"
)

// Options configures a Manager. The zero value is usable if the memory store is
// imported. New validates all options and reports all faults at once.
type Options struct {
	// Store is the name of a registered store: "memory", "file", "dbm",
	// "database", "memcached", "redis", "google", "cookie", or a third party's. The
	// default is the store that the scheme of URL names. If neither URL nor
	// Driver is set, the default is "memory", and New logs a warning in case
	// the store was left unset by mistake.
	Store string

	// URL is where the store's data is. Each store's package documents its
	// forms. Store may be omitted if the scheme is the name of a store, or one
	// that a driver lists (driver.Schemes), such as postgresql.
	URL string

	// Driver replaces Store: a driver made by the New function of a store's
	// package, with a client or with options that a URL cannot express.
	Driver driver.Driver

	// DataDir is the data directory of the stores on the local disk: file, dbm,
	// and those of third parties. They require it, unless URL names one. It is
	// created with mode 0700 if it is missing.
	DataDir string

	// LockDir is the directory for the lock files of these stores. The default
	// is inside DataDir. Several DataDirs may share one LockDir.
	LockDir string

	// Namespace separates several applications in one backend, including their
	// listings and the keys derived from their secrets. It has at most 64 of
	// the characters a-z 0-9 . _ and -, and begins with a letter or digit. The
	// default is none.
	Namespace string

	// Cookie is the session cookie: its name, secrets and attributes.
	Cookie Cookie

	// TokenHeader is a request header field, such as "X-Session-Token", in
	// which clients without cookies (apps, other servers) send the session's
	// token. If a request has the field, even an empty one, its cookies are
	// ignored, and the response uses the field of the same name and never sets
	// a cookie. An empty field in the response means that the session has ended
	// and the client should drop the token.
	//
	// If the field is "Authorization", the token follows "Bearer ", and other
	// schemes are ignored. Pages of other sites cannot send the field unless
	// the program's CORS responses allow it, so such requests need no
	// protection against forgery. The default is none.
	TokenHeader string

	// IdleTimeout is the time without use after which a session ends (OWASP
	// ASVS 5.0, 7.3.1). The server enforces it. It is never exceeded, but may
	// be up to 1% shorter (10% in the cookie store), because not every access
	// is recorded. Shortening it affects existing sessions immediately.
	// Session.SetIdleTimeout overrides it for one session. The default, 0, is no
	// limit.
	IdleTimeout time.Duration

	// Lifetime is the time after its creation at which a session ends, even if
	// it is in use (OWASP ASVS 5.0, 7.3.2). It must not be shorter than
	// IdleTimeout. Session.SetLifetime overrides it for one session. The default,
	// 0, is no limit.
	Lifetime time.Duration

	// RenewAfter is how often a session in use gets a new ID, as if by
	// Session.Renew, counted from its creation (OWASP's renewal timeout). The
	// effect on parallel requests is that of Renew: with the old ID, they read
	// an empty session, and changes fail with 409. The minimum is 2 minutes. The
	// default, 0, is never. The cookie store does not support it.
	RenewAfter time.Duration

	// StoreTimeout limits the time of each load, each commit, and each step of
	// Owned and DestroyOwned. The default is 5 seconds.
	StoreTimeout time.Duration

	// SweepInterval is the time between two sweeps, in which the store removes
	// expired records. It varies by up to a tenth. The default is one minute.
	// If it is negative, the store does not sweep by itself; call
	// Manager.Sweep.
	SweepInterval time.Duration

	// ManualSave turns the automatic commit off: changes are dropped unless the
	// handler calls Session.Save. Session.Destroy still takes effect, and
	// accesses are still recorded.
	ManualSave bool

	// ErrorHandler writes the response when the session could not be loaded or
	// saved. Header fields of the handler's own response have been removed, and
	// the client keeps its session cookie. If ErrorHandler writes nothing, only
	// a status is sent. The default writes a page that does not reveal the
	// cause, with status 503 Service Unavailable, 409 Conflict for ErrEnded and
	// ErrConflict, 403 Forbidden for ErrRefused, or 500 Internal Server Error for
	// bugs in the program. The cause is always logged. A guard's error that is an
	// http.Handler writes the response instead.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)

	// Guard, if not nil, decides whether a request may use its session. Package dbsc
	// has a Guard that binds sessions to the browser's device. The default is none.
	Guard Guard

	// WrapStore, if not nil, is called with the opened store and returns the
	// store to use instead: a wrapper for metrics, tracing or fault injection.
	// The wrapper must keep the driver contract, and its Close must close the
	// store. If it has a method Unwrap() driver.Store, it need not repeat the
	// optional interfaces of the store, which driver.As finds. New returns an
	// error for a wrapper that hides a driver.Sealer. The contexts of its calls
	// carry no session, because the session is locked during a call. Package
	// otelsessions provides a wrapper for OpenTelemetry.
	WrapStore func(driver.Store) driver.Store

	// Logger receives session events. They identify a session by its public ID
	// and never contain a token. Failures of the store are logged at level
	// error, damaged records at warn, and a request whose session was ended by
	// another request at info. Level debug is an audit trail (OWASP ASVS 5.0,
	// 16.3): sessions that were created, renewed, destroyed or not found, and
	// changes that were merged. The default is slog.Default() at the time of
	// New.
	Logger *slog.Logger

	// Now is the clock, for tests. The default is time.Now.
	Now func() time.Time
}

// Cookie configures the session cookie (RFC 6265bis). Every response that sets
// or deletes the cookie uses the same attributes.
type Cookie struct {
	// Name defaults to "pump-session". New checks what browsers require of names
	// that begin with __Host-, __Secure-, __Http- or __Host-Http-.
	Name string

	// Secret signs session IDs, so that a forged ID never reaches the store. It
	// also encrypts the sessions of the cookie store, which requires it. It must
	// be random and at least 32 bytes long; "openssl rand -base64 32" makes one.
	// The default, nil, is no secret. An empty slice that is not nil is an
	// error, so that an unset environment variable is noticed.
	Secret []byte

	// PreviousSecrets are old secrets that are still accepted, so that Secret
	// can be replaced without signing anyone out. A client whose cookie was
	// signed with one gets a new cookie when it uses its session. Remove an old
	// secret after IdleTimeout or Lifetime, whichever is shorter: any session that
	// was not used since the replacement has then ended. If several processes
	// serve the same clients, first add the new secret to PreviousSecrets in all
	// of them, and only then use it as Secret.
	PreviousSecrets [][]byte

	// Domain is the domain to which browsers send the cookie, including its
	// subdomains. The default is the current host only. New returns an error
	// for a top-level domain and for a trailing dot, with which browsers reject
	// the cookie. Browsers also reject public suffixes (co.uk, github.io); New
	// does not check these.
	Domain string

	// Path defaults to "/". Write it as in a URL, with %20 for a space. If you
	// change Path or Domain, change Name too: browsers keep the old cookie beside
	// the new one and may send it first, and the first valid cookie with a live
	// session is the one that is used.
	Path string

	// Expires determines when the browser drops the cookie: ExpireNever (the
	// default), ExpireWithBrowser, ExpireAt or ExpireAfter. Session.SetExpires
	// overrides it for one session.
	Expires Expiry

	// Secure restricts the cookie to HTTPS. The default is false; set it in
	// production (OWASP ASVS 5.0, 3.3.1). A program that is also reached over
	// plain HTTP needs a second manager: see the example of Manager.Wrap.
	Secure bool

	// DisableHttpOnly lets scripts read the cookie. The default, false, sets
	// HttpOnly (OWASP ASVS 5.0, 3.3.4).
	DisableHttpOnly bool

	// SameSite defaults to http.SameSiteLaxMode. http.SameSiteNoneMode needs
	// Secure; http.SameSiteDefaultMode sends no attribute.
	SameSite http.SameSite

	// Partitioned makes browsers keep a separate cookie for each top-level site
	// (CHIPS). It requires Secure.
	Partitioned bool
}

// The defaults of Options, in one place.
const (
	defaultStoreTimeout = 5 * time.Second
	defaultCookieName   = "pump-session"
	defaultCookiePath   = "/"
	defaultSameSite     = http.SameSiteLaxMode
)

// newCookie returns the session cookie with its fixed attributes.
func newCookie(c Cookie) *token.Cookie {
	return token.NewCookie(http.Cookie{
		Name:        c.Name,
		Path:        c.Path,
		Domain:      c.Domain,
		Secure:      c.Secure,
		HttpOnly:    !c.DisableHttpOnly,
		SameSite:    c.SameSite,
		Partitioned: c.Partitioned,
	}, c.Expires.cookie)
}
