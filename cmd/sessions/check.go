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
	brief: "check a configuration and the store",
	help: `Checks options as the program itself would at its start, and tells all that is
wrong with them at once. Then it opens the store and asks it something. With
-write it also does what a browser's visit does: a session is made, read by its
cookie, and destroyed. What a program makes at its first start (directories,
files, tables) is made here too.

Secrets are taken from the environment alone: SESSIONS_SECRET, and in
SESSIONS_PREVIOUS_SECRETS the previous ones, separated by blanks.

Examples:

  sessions check -store file -data-dir /var/lib/app/sessions -secure
  SESSIONS_SECRET="$(cat /etc/app/sessions.secret)" \
    sessions check -store cookie -cookie-name __Host-app -secure -timeout 12h
  sessions check -write && systemctl start app

It exits with 2 if the options are at fault, and with 1 if the store does not
answer. What is allowed and worth a second thought, it says and exits with 0. With
-json it is an object with ok, faults, advice, store and abilities.
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

// checkup is a configuration to be checked.
type checkup struct {
	target
	cookie                          sessions.Cookie
	expires, sameSite, tokenHeader  string
	noScripts                       bool
	timeout, lifetime, storeTimeout age
	write, json                     bool
	whole                           bool // more is given than the store
}

func (k *checkup) flags(fs *flag.FlagSet) {
	k.any = true
	k.target.flags(fs, "")
	fs.StringVar(&k.cookie.Name, "cookie-name", "", "Options.Cookie.Name, a `word` (default \"pump-session\")")
	fs.StringVar(&k.cookie.Domain, "cookie-domain", "", "Options.Cookie.Domain, a `host` (default the current host)")
	fs.StringVar(&k.cookie.Path, "cookie-path", "", "Options.Cookie.Path, a `path` (default \"/\")")
	fs.StringVar(&k.expires, "cookie-expires", "never", "Options.Cookie.Expires: `when`, as never, browser, a time like 30d, or an instant like\n2030-01-31T18:00:00Z")
	fs.StringVar(&k.sameSite, "same-site", "lax", "Options.Cookie.SameSite: `mode`, as lax, strict, none or default")
	fs.BoolVar(&k.cookie.Secure, "secure", false, "Options.Cookie.Secure")
	fs.BoolVar(&k.noScripts, "http-only", true, "Options.Cookie.HttpOnly; false sets DisableHttpOnly")
	fs.BoolVar(&k.cookie.Partitioned, "partitioned", false, "Options.Cookie.Partitioned")
	fs.StringVar(&k.tokenHeader, "token-header", "", "Options.TokenHeader, the `name` of a header (default none)")
	fs.Var(&k.timeout, "timeout", "Options.IdleTimeout, a `time` like 30m or 30d; 0 is none")
	fs.Var(&k.lifetime, "lifetime", "Options.Lifetime, a `time`; 0 is none")
	fs.Var(&k.storeTimeout, "store-timeout", "Options.StoreTimeout, a `time` (default 5s)")
	fs.BoolVar(&k.write, "write", false, "make a session, read it and destroy it")
	fs.BoolVar(&k.json, "json", false, "write a JSON object")
}

// options are what the flags and the environment say.
func (k *checkup) options(c *console) (sessions.Options, error) {
	o := k.target.options(c)
	o.IdleTimeout, o.Lifetime, o.StoreTimeout = time.Duration(k.timeout), time.Duration(k.lifetime), time.Duration(k.storeTimeout)
	o.TokenHeader, o.Cookie = k.tokenHeader, k.cookie
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

// report is what was found, in JSON.
type report struct {
	OK        bool     `json:"ok"`
	Store     string   `json:"store"`
	Faults    []string `json:"faults"`
	Advice    []string `json:"advice"`
	Abilities []string `json:"abilities"`
}

func (k *checkup) run(ctx context.Context, c *console) error {
	k.fill(c)
	if err := k.asked(); err != nil {
		return err
	}
	o, err := k.options(c)
	if err != nil {
		return err
	}
	r := report{Store: k.kind(), Faults: []string{}, Abilities: []string{}, Advice: k.advice(&o)}
	missing, err := k.near()
	if err == nil {
		bare := !missing && k.tableless(ctx, c, o.StoreTimeout)
		r.Abilities, err = k.try(ctx, o)
		switch {
		case err == nil && missing:
			r.Advice = append(r.Advice, madeAt(k.path()))
		case err == nil && bare:
			r.Advice = append(r.Advice, fmt.Sprintf("%s had no tables: they were made", &k.target))
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
		return fail(exitUsage, "the options are at fault")
	case code != exitDone:
		return fail(code, "the options are good, the store is not")
	}
	return nil
}

// faults is what the error lists, one a line.
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
	does := "answers"
	if written {
		does = "answers, and a session was made, read and destroyed"
	}
	return c.say("ok:     the store %s %s; it %s", r.Store, does, strings.Join(r.Abilities, ", "))
}

// try opens the store and uses it, and tells what it can do.
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

// tableless tells whether it is a database that has no tables yet.
func (k *checkup) tableless(ctx context.Context, c *console, wait time.Duration) bool {
	if k.kind() != "database" {
		return false
	}
	s, err := sessions.OpenStore(ctx, k.existing(c))
	if err != nil {
		return false // what is wrong is told by try
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(wait, 5*time.Second)) // as the program waits
	defer cancel()
	_, err = s.Load(ctx, driver.Key{})
	return errors.Is(err, database.ErrNoTables)
}

// manager is what the program's New would give, and the store below it.
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
	add(seals, "keeps sessions in the clients' cookies")
	add(!seals, "ends a session for good")
	add(lists, "lists sessions")
	add(owners, "finds an owner's sessions")
	add(sweeps, "removes expired sessions")
	return can
}

// advice is what options may be, and seldom should.
func (k *checkup) advice(o *sessions.Options) []string {
	list := []string{}
	add := func(ok bool, text string) {
		if ok {
			list = append(list, text)
		}
	}
	sealed := k.kind() == "cookie"
	add(k.kind() == "memory", "the memory store ends with its program, and signs everyone out")
	if !k.whole {
		add(true, "the store alone is checked: no flag tells what cookie, limits or secret the program has")
		return list
	}
	add(!o.Cookie.Secure, "the cookie is sent over plain HTTP too: set Secure where there is HTTPS")
	add(o.Cookie.DisableHttpOnly, "scripts can read the cookie: what is injected into a page can take sessions along")
	add(o.Cookie.Secret == nil && !sealed, "there is no Secret: a forged id reaches the store, and is found to be none there")
	add(o.IdleTimeout == 0 && o.Lifetime == 0, "no IdleTimeout and no Lifetime: an unused session is over after 400 days")
	add(sealed && o.IdleTimeout == 0 && o.Lifetime == 0, "a copied cookie of the cookie store is good until then, logout or not")
	add(len(o.Cookie.PreviousSecrets) > 0, "previous secrets still open sessions: remove them when the longest session since is over")
	return list
}
