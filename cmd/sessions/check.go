package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/database"
	"github.com/pump-go/sessions/driver"
)

var checking = &command{
	name:  "check",
	brief: "check a configuration and its store",
	help: `Checks options as the program does when it starts, and reports all faults at once.
Then it opens the store and reads from it. With -write, it also creates a session, reads
it by its cookie and destroys it, as a browser's requests would. Like the program, it
creates a store that does not exist.

Secrets come only from the environment: SESSIONS_SECRET, and the previous ones in
SESSIONS_PREVIOUS_SECRETS, separated by spaces.

Examples:

  sessions check -store file -data-dir /var/lib/app/sessions -secure
  SESSIONS_SECRET="$(cat /etc/app/sessions.secret)" \
    sessions check -store cookie -cookie-name __Host-app -secure -timeout 12h
  sessions check -write && systemctl start app

The exit code is 2 if the options are invalid, and 1 if the store does not respond.
Notes do not affect it. With -json, the result is an object with ok, faults,
advice, store and abilities.
`,
	setup: func(fs *flag.FlagSet) func(context.Context, *console, []string) error {
		var k checkup
		k.flags(fs)
		return func(ctx context.Context, c *console, _ []string) error {
			fs.Visit(func(f *flag.Flag) {
				_, ofStore := f.Value.(*setting)
				k.whole = k.whole || !ofStore && f.Name != "write" && f.Name != "json"
			})
			if _, ok := c.env("SESSIONS_SECRET"); ok {
				k.whole = true
			}
			return k.run(ctx, c)
		}
	},
}

// checkup is a configuration to check.
type checkup struct {
	target
	cookie                         sessions.Cookie
	expires, sameSite, tokenHeader string
	noScripts                      bool
	timeout, lifetime, renewAfter  age
	storeTimeout                   age
	write, json                    bool
	whole                          bool // more than the store is given
}

func (k *checkup) flags(fs *flag.FlagSet) {
	k.any = true
	k.target.flags(fs, "")
	fs.StringVar(&k.cookie.Name, "cookie-name", "", "Options.Cookie.Name, a `name` (default \"pump-session\")")
	fs.StringVar(&k.cookie.Domain, "cookie-domain", "", "Options.Cookie.Domain, a `host` (default the current host)")
	fs.StringVar(&k.cookie.Path, "cookie-path", "", "Options.Cookie.Path, a `path` (default \"/\")")
	fs.StringVar(&k.expires, "cookie-expires", "never", "Options.Cookie.Expires: `when`, as never, browser, a time like 30d, or an instant like\n2030-01-31T18:00:00Z")
	fs.StringVar(&k.sameSite, "same-site", "lax", "Options.Cookie.SameSite: `mode`, as lax, strict, none or default")
	fs.BoolVar(&k.cookie.Secure, "secure", false, "Options.Cookie.Secure")
	fs.BoolVar(&k.noScripts, "http-only", true, "the opposite of Options.Cookie.DisableHttpOnly")
	fs.BoolVar(&k.cookie.Partitioned, "partitioned", false, "Options.Cookie.Partitioned")
	fs.StringVar(&k.tokenHeader, "token-header", "", "Options.TokenHeader, the `name` of a header (default none)")
	fs.Var(&k.timeout, "timeout", "Options.IdleTimeout, a `time` like 30m or 30d; 0 is none")
	fs.Var(&k.lifetime, "lifetime", "Options.Lifetime, a `time`; 0 is none")
	fs.Var(&k.renewAfter, "renew-after", "Options.RenewAfter, a `time`; 0 is never")
	fs.Var(&k.storeTimeout, "store-timeout", "Options.StoreTimeout, a `time` (default 5s)")
	fs.BoolVar(&k.write, "write", false, "create a session, read it and destroy it")
	fs.BoolVar(&k.json, "json", false, "write a JSON object")
}

// options returns the options of the flags and the environment.
func (k *checkup) options(c *console) (sessions.Options, error) {
	o := k.target.options(c)
	o.IdleTimeout, o.Lifetime, o.StoreTimeout = time.Duration(k.timeout), time.Duration(k.lifetime), time.Duration(k.storeTimeout)
	o.RenewAfter, o.TokenHeader, o.Cookie = time.Duration(k.renewAfter), k.tokenHeader, k.cookie
	o.Cookie.DisableHttpOnly = !k.noScripts
	modes := map[string]http.SameSite{
		"lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode, "none": http.SameSiteNoneMode, "default": http.SameSiteDefaultMode,
	}
	var ok bool
	if o.Cookie.SameSite, ok = modes[k.sameSite]; !ok {
		return o, fail(exitUsage, "-same-site must be lax, strict, none or default")
	}
	var err error
	if o.Cookie.Expires, err = expiry(k.expires); err != nil {
		return o, err
	}
	if secret, ok := c.env("SESSIONS_SECRET"); ok {
		o.Cookie.Secret = []byte(secret)
	}
	previous, _ := c.env("SESSIONS_PREVIOUS_SECRETS")
	for secret := range strings.FieldsSeq(previous) {
		o.Cookie.PreviousSecrets = append(o.Cookie.PreviousSecrets, []byte(secret))
	}
	return o, nil
}

func expiry(s string) (sessions.Expiry, error) {
	switch s {
	case "never":
		return sessions.ExpireNever(), nil
	case "browser":
		return sessions.ExpireWithBrowser(), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return sessions.ExpireAt(t), nil
	}
	if d, err := parseAge(s); err == nil {
		return sessions.ExpireAfter(d), nil
	}
	return sessions.Expiry{}, fail(exitUsage, "-cookie-expires must be never, browser, a time like 30d, or an instant like 2030-01-31T18:00:00Z")
}

// report is the JSON object of the result.
type report struct {
	OK        bool     `json:"ok"`
	Store     string   `json:"store"`
	Faults    []string `json:"faults"`
	Advice    []string `json:"advice"`
	Abilities []string `json:"abilities"`
}

func (k *checkup) run(ctx context.Context, c *console) error {
	k.fill(c)
	if err := k.checkSelected(); err != nil {
		return err
	}
	o, err := k.options(c)
	if err != nil {
		return err
	}
	r := report{Store: k.kind(), Faults: []string{}, Abilities: []string{}, Advice: k.advice(&o)}
	missing, err := k.checkOwner()
	if err == nil {
		bare := !missing && k.tableless(ctx, c, o.StoreTimeout)
		r.Abilities, err = k.try(ctx, o)
		switch {
		case err == nil && missing:
			r.Advice = append(r.Advice, createdNote(k.path()))
		case err == nil && bare:
			r.Advice = append(r.Advice, fmt.Sprintf("%s had no tables; they were created", &k.target))
		}
	}
	r.OK = err == nil
	for f := range strings.SplitSeq(faults(err), "\n") {
		if f != "" {
			r.Faults = append(r.Faults, safe(f))
		}
	}
	code := max(exitCode(ctx, err), exitDone)
	if k.json {
		err = c.object(r)
	} else {
		err = r.say(c, k.write)
	}
	switch {
	case err != nil:
		return err
	case code == exitUsage:
		return fail(exitUsage, "the options are invalid")
	case code != exitDone:
		return fail(code, "the options are valid, but the store failed")
	}
	return nil
}

// faults returns the faults that the error lists, one per line.
func faults(err error) string {
	if err == nil {
		return ""
	}
	if errors.Is(err, sessions.ErrInvalidOptions) {
		_, list, _ := strings.Cut(err.Error(), "\n")
		return list
	}
	return err.Error()
}

func (r *report) say(c *console, written bool) error {
	for _, f := range r.Faults {
		_ = c.say("fault:  %s", f)
	}
	for _, a := range r.Advice {
		_ = c.say("note:   %s", safe(a))
	}
	if !r.OK {
		return nil
	}
	does := "responds"
	if written {
		does = "responds, and a session was created, read and destroyed"
	}
	return c.say("ok:     the store %s %s; it %s", r.Store, does, strings.Join(r.Abilities, ", "))
}

// try opens the store, uses it, and returns its abilities.
func (k *checkup) try(ctx context.Context, o sessions.Options) ([]string, error) {
	var store driver.Store
	m, err := k.manager(ctx, o, &store)
	if err != nil {
		return []string{}, err
	}
	defer m.Close()
	if err := m.Ping(ctx); err != nil {
		return []string{}, err
	}
	if k.write {
		if err := roundTrip(ctx, m); err != nil {
			return []string{}, err
		}
	}
	return abilities(store), nil
}

// tableless reports whether the store is a database that has no tables yet.
func (k *checkup) tableless(ctx context.Context, c *console, wait time.Duration) bool {
	if k.kind() != "database" {
		return false
	}
	s, err := sessions.OpenStore(ctx, k.existing(c))
	if err != nil {
		return false // try reports the error
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(wait, 5*time.Second)) // as the program waits
	defer cancel()
	_, err = s.Load(ctx, driver.Key{})
	return errors.Is(err, database.ErrNoTables)
}

// manager returns the manager that the program's New would return, and sets store.
func (k *checkup) manager(ctx context.Context, o sessions.Options, store *driver.Store) (*sessions.Manager, error) {
	s, err := openStore(ctx, o)
	if err != nil {
		return nil, err
	}
	*store = s
	o.Store, o.Driver = "", driver.OpenFunc(func(context.Context, driver.Config) (driver.Store, error) { return s, nil })
	return sessions.New(ctx, o)
}

func abilities(s driver.Store) []string {
	can := []string{}
	add := func(ok bool, what string) {
		if ok {
			can = append(can, what)
		}
	}
	_, lists := driver.As[driver.Lister](s)
	_, owners := driver.As[driver.Owners](s)
	_, sweeps := driver.As[driver.Sweeper](s)
	_, seals := driver.As[driver.Sealer](s)
	add(seals, "stores sessions in the clients' cookies")
	add(!seals, "revokes sessions")
	add(lists, "lists sessions")
	add(owners, "finds an owner's sessions")
	add(sweeps, "removes expired sessions")
	return can
}

// advice returns comments on options that are valid but rarely wanted.
func (k *checkup) advice(o *sessions.Options) []string {
	list := []string{}
	add := func(ok bool, text string) {
		if ok {
			list = append(list, text)
		}
	}
	sealed := k.kind() == "cookie"
	add(k.kind() == "memory", "the memory store is lost when the program ends, which signs everyone out")
	if !k.whole {
		add(true, "only the store was checked; add the flags for the program's cookie, timeouts and secret to check them")
		return list
	}
	add(!o.Cookie.Secure, "the cookie is also sent over plain HTTP; set Secure if the site uses HTTPS")
	add(o.Cookie.DisableHttpOnly, "scripts can read the cookie; a script injected into a page can steal sessions")
	add(o.Cookie.Secret == nil && !sealed, "there is no Secret; forged tokens are looked up in the store before they are rejected")
	add(o.IdleTimeout == 0 && o.Lifetime == 0, "there is no IdleTimeout and no Lifetime; an unused session ends after 400 days")
	add(sealed && o.IdleTimeout == 0 && o.Lifetime == 0, "a copied cookie stays valid until then, even after a sign-out")
	add(len(o.Cookie.PreviousSecrets) > 0, "previous secrets are still accepted; remove them when all sessions from before the change have expired")
	return list
}
