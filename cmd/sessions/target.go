package main

import (
	"flag"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/database"
)

// target is a store as selected by flags and the environment.
type target struct {
	prefix                                  string
	any                                     bool // allow inaccessible stores
	store, url, dataDir, lockDir, namespace setting
	env                                     func(string) (string, bool) // set by fill
}

// setting is a flag with an environment variable as its default.
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

// flags defines the target's flags, each with the prefix.
func (t *target) flags(fs *flag.FlagSet, prefix string) {
	t.prefix = prefix
	names := accessible()
	if t.any {
		names = sessions.Drivers()
	}
	for _, f := range []struct {
		*setting
		name, usage string
	}{
		{&t.store, "store", "`name` of the store: " + strings.Join(names, ", ") + " (default from the scheme of -" + prefix + "url)"},
		{&t.url, "url", "`URL` of the store; the documentation of the store's package has the forms"},
		{&t.dataDir, "data-dir", "`directory` of the stores file and dbm"},
		{&t.lockDir, "lock-dir", "`directory` of their lock files (default inside -" + prefix + "data-dir)"},
		{&t.namespace, "namespace", "`name` that separates this program from others in the same store"},
	} {
		f.variable = "SESSIONS_" + strings.ToUpper(strings.ReplaceAll(prefix+f.name, "-", "_"))
		usage := f.usage + "\nor $" + f.variable
		if prefix != "" && f.name == "namespace" {
			usage += " (default that of the source)"
		}
		fs.Var(f.setting, prefix+f.name, usage)
	}
}

// accessible returns the stores that the command can access.
func accessible() []string {
	return slices.DeleteFunc(sessions.Drivers(), func(name string) bool { return inaccessible[name] != "" })
}

// inaccessible has the stores that the command cannot access, with the reason.
var inaccessible = map[string]string{
	"memory": "cannot be accessed: its sessions are in the program's memory",
	"cookie": "cannot be accessed: its sessions are in the clients' cookies",
}

// fill sets the settings without a flag from the environment.
func (t *target) fill(c *console) {
	t.env = c.env
	for _, s := range []*setting{&t.store, &t.url, &t.dataDir, &t.lockDir, &t.namespace} {
		if v, ok := c.env(s.variable); ok && !s.given {
			s.value, s.given, s.fromEnv = v, true, true
		}
	}
}

// source names the flags and variables that select the store, since a variable may have
// been set for something else.
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
	return what + " is selected by " + strings.Join(from, " and ")
}

// sudo returns the sudo command to run this as the user. By default, sudo drops the
// environment variables that select the store.
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

// kind returns the store's name, as sessions.New determines it.
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

// checkSelected returns an error if no store is selected.
func (t *target) checkSelected() error {
	if t.kind() != "" {
		return nil
	}
	return fail(exitUsage, "which store? Select it with -%sstore or -%surl, or in $%s or $%s", t.prefix, t.prefix, t.store.variable, t.url.variable)
}

// checkAccessible returns an error if the command cannot access this kind of store.
func (t *target) checkAccessible() error {
	kind := t.kind()
	if err := t.checkSelected(); err != nil {
		return err
	}
	if why, ok := inaccessible[kind]; ok {
		return fail(exitUnsupported, "the %s store %s", kind, why)
	}
	if !slices.Contains(sessions.Drivers(), kind) {
		// Not quoted: it may be the beginning of a password.
		return fail(exitUsage, "-%sstore, or the scheme of -%surl, must be one of %s or the scheme of a database URL, such as postgresql",
			t.prefix, t.prefix, strings.Join(accessible(), ", "))
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
		SweepInterval: -1, // do not sweep in the background
		Logger:        c.logger(),
	}
}

// existing returns options that do not create missing tables.
func (t *target) existing(c *console) sessions.Options {
	o := t.options(c)
	if t.kind() == "database" {
		o.Store, o.Driver = "", database.FromURL(database.Options{NeverCreate: true})
	}
	return o
}

// String describes the store without its URL, which may have a password.
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

// same reports whether both select the same store, as far as their settings show.
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
