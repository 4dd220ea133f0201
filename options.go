package sessions

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/token"
)

// Options configures a Manager. The zero value is usable where the memory
// store is imported. New validates all of it and reports all faults at once.
type Options struct {
	// Store is the name of a registered store: "memory", "file", "dbm",
	// "database", "memcached", "google", "cookie", or a third party's. The
	// default is the one that URL's scheme names, or "memory" if URL and Driver are
	// not set either; New then logs a warning, since a variable may be unset.
	Store string

	// URL tells the store where its data is; each store's package documents
	// its forms. Store may be left out if the scheme is the name of a store, or
	// one that its driver answers to (driver.Schemes), such as postgresql.
	URL string

	// Driver takes the place of Store: a driver made by a store package's New,
	// for a client or with options that a URL cannot carry.
	Driver driver.Driver

	// DataDir is the directory in which a store on the local disk keeps its data:
	// file, dbm, and a third party's. They create it with mode 0700, and need it.
	DataDir string

	// LockDir is where those keep their lock files. The default is inside
	// DataDir. Several DataDirs may share one.
	LockDir string

	// Namespace keeps several applications apart in one backend, their listings
	// and their secrets' uses included: at most 64 of the characters a-z 0-9 .
	// _ and -, beginning with a letter or digit. The default is none.
	Namespace string

	// Cookie is the session cookie: its name, secrets and attributes.
	Cookie Cookie

	// TokenHeader is a request header field, such as "X-Session-Token", that
	// clients without cookies (apps, other servers) may carry the session's
	// token in. A request that has the field, be it empty because there is no
	// token yet, is answered in the field of the same name and never with a
	// cookie, and its cookies count for nothing; an empty answer says that the
	// session is over and the token to be dropped. All else is as with a
	// cookie. Under "Authorization" the token stands behind "Bearer ", and
	// other schemes are left alone. Other sites' pages cannot send the field
	// unless the program's CORS answers allow it, so such requests need no
	// protection against forgery. The default is none.
	TokenHeader string

	// IdleTimeout is the idle time after which a session is over (OWASP ASVS
	// 7.3.1), kept by the server. It is exact to 1% (10% in the cookie store),
	// as not every access is recorded, and never exceeded. One that is shortened
	// holds at once for the sessions that are there. The default, 0, is no limit.
	IdleTimeout time.Duration

	// Lifetime is the time from its creation after which a session is over,
	// however busy it is (OWASP ASVS 5.0, 7.3.2). It must not be shorter than
	// IdleTimeout. The default, 0, is no limit.
	Lifetime time.Duration

	// RenewAfter is the time after which a session in use gets a new id, as by
	// Session.Renew: OWASP's renewal timeout. It counts from the session's creation.
	// The request that renews costs what a Renew costs. A parallel request fails as
	// it does with any Renew: it reads an empty session, and its changes are
	// answered with 409. At least 2 minutes. The default, 0, is never. The cookie
	// store cannot do it.
	RenewAfter time.Duration

	// StoreTimeout bounds each load and each commit, and each step of Owned and
	// DestroyOwned. The default is 5 seconds.
	StoreTimeout time.Duration

	// SweepInterval is the time between two removals of expired records by the
	// store, give or take a tenth. The default is a minute. If negative, the
	// store removes none by itself; call Manager.Sweep.
	SweepInterval time.Duration

	// ManualSave leaves it to the handler to call Session.Save: what it did not
	// save is dropped. Destroy, and the record of the last access, happen all
	// the same.
	ManualSave bool

	// ErrorHandler answers the request when its session could not be loaded or
	// saved. Header fields that belong to the handler's own answer have been
	// removed. It must write an answer; if it does not, a bare status goes out.
	// The session's cookie is left as the client has it. The default answers
	// 503 Service Unavailable, 409 Conflict for ErrEnded and ErrConflict, or
	// 500 for what only the program can mend, with a page that tells nothing
	// of the cause. The cause is logged, whichever handler answers.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)

	// WrapStore, if not nil, is given the store once it is open, and returns
	// the one to use in its place: around it, for metrics, tracing, a fault on
	// purpose. What it returns keeps the driver contract, and its Close closes the
	// store. A wrapper with a method Unwrap() driver.Store need not repeat the
	// optional interfaces of the store: they are found by driver.As. A wrapper
	// that hides a driver.Sealer is an error of New. The contexts of its calls have
	// no session, which is locked meanwhile. Package otelsessions has one for
	// OpenTelemetry.
	WrapStore func(driver.Store) driver.Store

	// Logger takes what happens to sessions, by their public ids, and never
	// sees a token. Failures of the store and damaged records are errors and
	// warnings; a request that lost its session to another is info; that a
	// session was created, renewed, destroyed, or not found any more, and that
	// a commit met another's, is debug. Give a logger of level debug for an
	// audit trail (OWASP ASVS 5.0, 16.3). The default is slog.Default() at the
	// time of New.
	Logger *slog.Logger

	// Now is the clock, for tests. The default is time.Now.
	Now func() time.Time
}

// Cookie is the session cookie (RFC 6265bis). Its attributes are the same in
// every response, the one that deletes it included.
type Cookie struct {
	// Name defaults to "pump-session". New checks what browsers require of names
	// that begin with __Host-, __Secure-, __Http- or __Host-Http-.
	Name string

	// Secret signs session ids, so that a forged one never reaches the store,
	// and encrypts the sessions of the cookie store, which needs it. At least
	// 32 random bytes; "openssl rand -base64 32" makes a good one. Nil is none;
	// empty but not nil is an error, so that an unset variable is noticed.
	Secret []byte

	// PreviousSecrets are still accepted, so that Secret can be replaced
	// without logging anyone out: a session that presents one gets a new
	// cookie. Remove them when the longest session since then is over. Where
	// several processes serve the same clients, make the new secret known to
	// all of them here first, before the first one has it as its Secret.
	PreviousSecrets [][]byte

	// Domain is the domain that may read the cookie, its subdomains included.
	// The default is the current host alone. New refuses a top-level domain and
	// a trailing dot, for which browsers drop the cookie. It does not know the
	// list of public suffixes (co.uk, github.io), for which they do the same.
	Domain string

	// Path defaults to "/". It is written as in URLs, with %20 for a space. Where it or Domain is changed, browsers keep the
	// cookie they had, may send it first, and nothing deletes it. A session that
	// is over hides no other; but in the cookie store the old one does not end,
	// so change Name along with them there.
	Path string

	// Expires is when the browser drops the cookie: ExpireNever (the default),
	// ExpireWithBrowser, ExpireAt or ExpireAfter. Session.SetExpires overrides
	// it for one session.
	Expires Expiry

	// Secure keeps the cookie to HTTPS. The default is false; set it in
	// production (OWASP ASVS 5.0, 3.3.1).
	Secure bool

	// DisableHttpOnly lets scripts read the cookie. The default, false, sets
	// HttpOnly (OWASP ASVS 5.0, 3.3.4).
	DisableHttpOnly bool

	// SameSite defaults to http.SameSiteLaxMode. http.SameSiteNoneMode needs
	// Secure; http.SameSiteDefaultMode sends no attribute.
	SameSite http.SameSite

	// Partitioned gives the cookie one jar for each top-level site (CHIPS). It
	// needs Secure.
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
