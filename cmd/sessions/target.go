package main

import (
	"flag"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/database"
)

// target is a store, as flags and the environment name it.
type target struct {
	prefix                                  string
	any                                     bool // blind stores too
	store, url, dataDir, lockDir, namespace setting
	env                                     func(string) (string, bool) // set by fill
}

// setting is a flag that has a variable for when it is not given.
type setting struct {
	value    string
	given    bool
	fromEnv  bool
	variable string
}

func (s *setting) String() string { return s.value }

func (s *setting) Set(v string) error {
	s.value, s.given = v, true
	return nil
}

// flags names the target's flags, each with the prefix before it.
func (t *target) flags(fs *flag.FlagSet, prefix string) {
	t.prefix = prefix
	names := visible()
	if t.any {
		names = sessions.Drivers()
	}
	for _, f := range []struct {
		*setting
		name, usage string
	}{
		{&t.store, "store", "`name` of the store: " + strings.Join(names, ", ") + " (default the scheme of -" + prefix + "url)"},
		{&t.url, "url", "`URL` of its data; see the documentation of the store's package for the forms"},
		{&t.dataDir, "data-dir", "`directory` of the stores file and dbm"},
		{&t.lockDir, "lock-dir", "`directory` of their lock files (default inside the data's)"},
		{&t.namespace, "namespace", "`name` that keeps the program apart from others in the same store"},
	} {
		f.variable = "SESSIONS_" + strings.ToUpper(strings.ReplaceAll(prefix+f.name, "-", "_"))
		usage := f.usage + "\nor $" + f.variable
		if prefix != "" && f.name == "namespace" {
			usage += " (default that of the store copied from)"
		}
		fs.Var(f.setting, prefix+f.name, usage)
	}
}

// visible are the stores that there is something to do with.
func visible() []string {
	return slices.DeleteFunc(sessions.Drivers(), func(name string) bool { return blind[name] != "" })
}

// blind are the stores that nobody can look into from outside, and why.
var blind = map[string]string{
	"memory": "is in the memory of its program, out of reach for this command",
	"cookie": "keeps nothing: its sessions are in the clients' cookies",
}

// fill takes from the environment what no flag said.
func (t *target) fill(c *console) {
	t.env = c.env
	for _, s := range []*setting{&t.store, &t.url, &t.dataDir, &t.lockDir, &t.namespace} {
		if v, ok := c.env(s.variable); ok && !s.given {
			s.value, s.given, s.fromEnv = v, true, true
		}
	}
}

// source tells by which flags and variables the store is named: a variable may
// be left over from something else.
func (t *target) source() string {
	var from []string
	for _, s := range []struct {
		*setting
		flag string
	}{{&t.store, "store"}, {&t.url, "url"}, {&t.dataDir, "data-dir"}, {&t.lockDir, "lock-dir"}, {&t.namespace, "namespace"}} {
		switch {
		case s.fromEnv:
			from = append(from, "$"+s.variable)
		case s.given:
			from = append(from, "-"+t.prefix+s.flag)
		}
	}
	what := "the store"
	if t.prefix != "" {
		what += " to copy to"
	}
	return what + " is named by " + strings.Join(from, " and ")
}

// sudo is how to run the command as the user. By itself, sudo drops the
// variables, and with them which store it is.
func (t *target) sudo(user string) string {
	var kept []string
	for _, to := range []string{"", "TO_"} {
		for _, name := range []string{"STORE", "URL", "DATA_DIR", "LOCK_DIR", "NAMESPACE", "SECRET", "PREVIOUS_SECRETS"} {
			if _, ok := t.env("SESSIONS_" + to + name); ok {
				kept = append(kept, "SESSIONS_"+to+name)
			}
		}
	}
	s := "sudo -u " + user
	if len(kept) > 0 {
		s += " --preserve-env=" + strings.Join(kept, ",")
	}
	return s
}

// kind is the store's name, as sessions.New will find it.
func (t *target) kind() string {
	if t.store.value != "" {
		return t.store.value
	}
	if name, err := sessions.StoreForURL(t.url.value); err == nil {
		return name
	}
	scheme, _, found := strings.Cut(t.url.value, ":")
	if !found {
		return ""
	}
	return strings.ToLower(scheme)
}

// asked fails if no store is named at all.
func (t *target) asked() error {
	if t.kind() != "" {
		return nil
	}
	return fail(exitUsage, "which store? Name it with -%sstore or -%surl, or in $%s or $%s", t.prefix, t.prefix, t.store.variable, t.url.variable)
}

// named fails if the target is no store to look into.
func (t *target) named() error {
	kind := t.kind()
	if err := t.asked(); err != nil {
		return err
	}
	if why, ok := blind[kind]; ok {
		return fail(exitUnsupported, "the %s store %s", kind, why)
	}
	if !slices.Contains(sessions.Drivers(), kind) {
		// Not quoted: it may be the beginning of a password.
		return fail(exitUsage, "-%sstore, or the scheme of -%surl, must be one of %s, or that of a database's URL",
			t.prefix, t.prefix, strings.Join(visible(), ", "))
	}
	return nil
}

func (t *target) options(c *console) sessions.Options {
	return sessions.Options{
		Store:         t.store.value,
		URL:           t.url.value,
		DataDir:       t.dataDir.value,
		LockDir:       t.lockDir.value,
		Namespace:     t.namespace.value,
		SweepInterval: -1, // look, and do nothing else
		Logger:        c.logger(),
	}
}

// existing are options that make no tables where there are none.
func (t *target) existing(c *console) sessions.Options {
	o := t.options(c)
	if t.kind() == "database" {
		o.Store, o.Driver = "", database.FromURL(database.Options{NeverCreate: true})
	}
	return o
}

// String tells which store it is, without its URL: that may hold a password.
func (t *target) String() string {
	s := "the store " + t.kind()
	if path := t.path(); path != "" {
		s += " in " + path
	} else if server := t.server(); server != "" {
		s += ", " + server
	}
	if ns := t.namespace.value; ns != "" {
		s += ", namespace " + ns
	}
	return s
}

// same tells whether both are one store, as far as their names tell.
func (t *target) same(u *target) bool {
	if t.kind() != u.kind() || t.namespace.value != u.namespace.value {
		return false
	}
	if p, q := t.path(), u.path(); p != "" || q != "" {
		p, err1 := filepath.Abs(p)
		q, err2 := filepath.Abs(q)
		return err1 == nil && err2 == nil && p == q
	}
	return t.url.value == u.url.value
}
