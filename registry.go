package sessions

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/pump-go/sessions/driver"
)

var (
	driversMu sync.RWMutex
	drivers   = make(map[string]driver.Driver)
)

// ErrUnknownStore is wrapped by New's error when no driver is registered under
// the name that Options.Store or the scheme of Options.URL gives. The error's
// text names the import line to add, and the stores that are registered.
var ErrUnknownStore = errors.New("unknown store")

// ours are the stores of this module, each in the package of its name.
var ours = []string{"memory", "file", "dbm", "database", "memcached", "google", "cookie"}

// Register makes a driver available under a store name: lower-case letters,
// digits, '+', '.' and '-', beginning with a letter, as in a URL's scheme. A
// store's package calls it from init. It panics on an unfit name, on a nil
// driver, and if the name is taken.
func Register(name string, d driver.Driver) {
	driversMu.Lock()
	defer driversMu.Unlock()
	if !isScheme(name) {
		panic(fmt.Sprintf("sessions: Register: %q is no store name", name))
	}
	if d == nil {
		panic("sessions: Register: driver " + name + " is nil")
	}
	if _, taken := drivers[name]; taken {
		panic("sessions: Register called twice for driver " + name)
	}
	drivers[name] = d
}

// Drivers returns the names of the registered stores, sorted.
func Drivers() []string {
	driversMu.RLock()
	defer driversMu.RUnlock()
	return slices.Sorted(maps.Keys(drivers))
}

// resolve finds the driver for Options.Store and Options.URL. A store name
// decides; without one, the URL's scheme does; without either it is memory.
func resolve(store, url string) (driver.Driver, error) {
	name := store
	if name == "" && url == "" {
		name = "memory"
	}
	if name == "" {
		scheme, _, found := strings.Cut(url, ":")
		if !found || !isScheme(strings.ToLower(scheme)) {
			return nil, fmt.Errorf("Options.URL names no store by its scheme; set Options.Store: %w", ErrUnknownStore)
		}
		name = strings.ToLower(scheme)
	}
	driversMu.RLock()
	d, ok := drivers[name]
	driversMu.RUnlock()
	if ok {
		return d, nil
	}
	if !isScheme(strings.ToLower(name)) {
		// Not quoted: it may be a URL in the wrong place, with its password.
		return nil, fmt.Errorf("%w: Options.Store is no store name; registered: %s", ErrUnknownStore, registered())
	}
	return nil, fmt.Errorf("%w %q; %s; registered: %s", ErrUnknownStore, clip(name), hint(name), registered())
}

// hint tells what the program should add or change to get the store name.
func hint(name string) string {
	base, _, _ := strings.Cut(name, "+")
	switch {
	case slices.Contains(ours, name):
		return fmt.Sprintf("add the import  _ %q", "github.com/pump-go/sessions/"+name)
	case slices.Contains([]string{"sqlite", "sqlite3", "postgres", "postgresql", "mysql", "mariadb"}, base):
		return fmt.Sprintf("a database URL goes with Options.Store \"database\" and the import  _ %q", "github.com/pump-go/sessions/database")
	default:
		return "import the package of its driver"
	}
}

func registered() string {
	if names := Drivers(); len(names) > 0 {
		return strings.Join(names, ", ")
	}
	return "none"
}

// clip shortens what came from a configuration before it is quoted.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// isScheme tells whether s has the form of a URL's scheme (RFC 3986, 3.1) in
// lower case.
func isScheme(s string) bool {
	for i, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z':
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '.' || c == '-'):
		default:
			return false
		}
	}
	return s != ""
}
