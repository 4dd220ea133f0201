package main

import (
	"cmp"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/pump-go/sessions"
)

const help = `App is a small shop that keeps its visitors' sessions in a store of your choice.

  go run ./examples/app
        sessions in memory: a restart signs everyone out
  go run ./examples/app -store file -data-dir ./sessions-data
        sessions in files: sign in, restart the app, and you still are
  export SESSIONS_SECRET="$(openssl rand -base64 32)"
  go run ./examples/app -store cookie
        sessions encrypted in the browser's cookie; restart with the same secret
        and you still are, too
  go run ./examples/app -timeout 1m -lifetime 1h
        over after a minute of idling, and after an hour in any case
  go run ./examples/app -device-bound -tls-cert cert.pem -tls-key key.pem
        over HTTPS, bound to the device in browsers that can do it: a copied cookie is
        worth nothing elsewhere
  go run -tags allstores ./examples/app -store database -url sqlite:///sessions.db
        with the stores that need a server or more to build, too:
        -url redis://localhost, -url memcached://localhost, -url google://my-project, -store database -url postgresql://…

To see two devices, open the shop in two browsers, or in a private window, and
sign in under the same name. Stores in this program: %s.

Flags:
`

var errUsage = errors.New("invalid flags")

// settings are the parsed command line.
type settings struct {
	addr              string
	store, url        string
	dataDir, lockDir  string
	namespace         string
	secret            string
	secure            bool
	deviceBound       bool
	tlsCert, tlsKey   string
	timeout, lifetime time.Duration
}

func parseFlags(args []string, env func(string) (string, bool), stderr io.Writer) (*settings, error) {
	set := &settings{}
	fs := flag.NewFlagSet("app", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprintf(stderr, help, strings.Join(sessions.Drivers(), ", "))
		fs.PrintDefaults()
	}
	fs.StringVar(&set.addr, "addr", "127.0.0.1:8080", "serve at this `address`")
	fs.StringVar(&set.store, "store", "", "`name` of the store that keeps the sessions (default memory, or the scheme of -url)")
	fs.StringVar(&set.url, "url", "", "`URL` of the store's data, such as memory:?max=1000")
	fs.StringVar(&set.dataDir, "data-dir", "./sessions-data", "`directory` of the stores file and dbm; made when they need it")
	fs.StringVar(&set.lockDir, "lock-dir", "", "`directory` of their lock files (default inside -data-dir)")
	fs.StringVar(&set.namespace, "namespace", "", "`name` that keeps this app's sessions apart from others' in the same store")
	fs.StringVar(&set.secret, "secret", "", "`text` of at least 32 random bytes that signs the cookies, and encrypts those of the\n"+
		"cookie store. Other users of the machine can read it here; prefer SESSIONS_SECRET")
	fs.BoolVar(&set.secure, "secure", false, "send the cookie only over HTTPS; for use behind a TLS proxy")
	fs.BoolVar(&set.deviceBound, "device-bound", false, "bind sessions to the browser's device, if the browser can; needs HTTPS, by -tls-cert or\n"+
		"a TLS proxy")
	fs.StringVar(&set.tlsCert, "tls-cert", "", "serve HTTPS with the certificate in this PEM `file`, and -tls-key")
	fs.StringVar(&set.tlsKey, "tls-key", "", "the PEM `file` with the certificate's private key")
	fs.DurationVar(&set.timeout, "timeout", 30*time.Minute, "a session ends after this time without use; 0 is never.\n"+
		"\"Remember me\" extends it to 30 days")
	fs.DurationVar(&set.lifetime, "lifetime", 0, "a session ends this long after it began, used or not; 0 is never.\n"+
		"\"Remember me\" extends it to 30 days")

	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil, err
	} else if err != nil {
		return nil, errUsage
	}
	if fs.NArg() > 0 {
		fmt.Fprintf(stderr, "app: %q is no flag; see -h\n", fs.Arg(0))
		return nil, errUsage
	}
	if (set.tlsCert == "") != (set.tlsKey == "") {
		fmt.Fprintln(stderr, "app: -tls-cert and -tls-key go together; see -h")
		return nil, errUsage
	}
	// The flag's default stays empty, so that -h does not print the secret.
	if secret, ok := env("SESSIONS_SECRET"); ok && set.secret == "" {
		if secret == "" {
			return nil, errors.New("SESSIONS_SECRET is set but empty")
		}
		set.secret = secret
	}
	return set, nil
}

// storeName returns the name of the store that sessions.New will choose.
func (set *settings) storeName() string {
	if set.url != "" && set.store == "" {
		name, _ := sessions.StoreForURL(set.url)
		return name
	}
	return cmp.Or(set.store, "memory")
}

// needSecret reports whether a secret must be made: the cookie store encrypts with it,
// and device-bound sessions have cookies that it signs.
func (set *settings) needSecret() bool {
	return set.secret == "" && (set.storeName() == "cookie" || set.deviceBound)
}

func (set *settings) makeSecret() {
	set.secret = rand.Text() + rand.Text() // 52 characters, 260 bits
}

func (set *settings) options(log *slog.Logger) sessions.Options {
	o := sessions.Options{
		Store:       set.store,
		URL:         set.url,
		DataDir:     set.dataDir,
		LockDir:     set.lockDir,
		Namespace:   set.namespace,
		IdleTimeout: set.timeout,
		Lifetime:    set.lifetime,
		Cookie: sessions.Cookie{
			Name:   cookieName,
			Secure: set.secure || set.deviceBound || set.tlsCert != "",
			// The cookie of a visitor who is not signed in ends with the browser.
			// Signing in sets its expiry again.
			Expires: sessions.ExpireWithBrowser(),
		},
		ErrorHandler: sessionFailed,
		Logger:       log,
	}
	if set.store == "" && set.url == "" {
		o.Store = set.storeName()
	}
	if set.secret != "" {
		// Nil means none; New returns an error for an empty slice.
		o.Cookie.Secret = []byte(set.secret)
	}
	return o
}
