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

// ErrUnknownStore is returned by New when no registered driver matches
// Options.Store or the scheme of Options.URL. The error's text names the import
// line to add and the registered stores.
var ErrUnknownStore = errors.New("unknown store")

// ours are the stores of this repository, each in the package of its name.
var ours = []string{"memory", "file", "dbm", "database", "memcached", "redis", "google", "cookie"}

// Register makes a driver available under a store name. A store's package calls
// it from init. The name consists of lower-case letters, digits, '+', '.' and
// '-', and begins with a letter, like a URL scheme. Register panics if the name
// is invalid or already taken, or if the driver is nil.
func Register(name string, d driver.Driver) {
	driversMu.Lock()
	defer driversMu.Unlock()
	if !isScheme(name) {
		panic(fmt.Sprintf("sessions: Register: %q is not a valid store name", name))
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

// wellKnown maps URL schemes to stores. It is only for the error about a missing
// import: a registered driver lists its schemes itself.
var wellKnown = map[string]string{
	"sqlite": "database", "sqlite3": "database",
	"postgres": "database", "postgresql": "database",
	"mysql": "database", "mariadb": "database",
	"rediss": "redis", "valkey": "redis", "valkeys": "redis", "unix": "redis",
}

// resolve finds the driver for Options.Store and Options.URL. A store name
// decides; without one, the URL's scheme does; without either it is memory.
func resolve(store, url string) (driver.Driver, error) {
	switch {
	case store == "" && url != "":
		_, d, err := byURL(url)
		return d, err
	case store == "":
		store = "memory"
	}
	driversMu.RLock()
	d, ok := drivers[store]
	driversMu.RUnlock()
	if ok {
		return d, nil
	}
	if !isScheme(strings.ToLower(store)) {
		// Not quoted: it may be a URL in the wrong place, with its password.
		return nil, fmt.Errorf("%w: Options.Store is not a valid store name; registered: %s", ErrUnknownStore, registered())
	}
	return nil, fmt.Errorf("%w %q; %s; registered: %s", ErrUnknownStore, clip(store), importAdvice(store), registered())
}

// StoreForURL returns the name of the store that New uses for a URL when
// Options.Store is empty: the registered store whose name is the URL's scheme,
// or else the one whose driver lists the scheme (driver.Schemes), such as
// "database" for postgresql://. It returns ErrUnknownStore if there is none, or
// if several list the scheme.
func StoreForURL(url string) (string, error) {
	name, _, err := byURL(url)
	if err != nil {
		return "", fmt.Errorf("sessions: %w", err)
	}
	return name, nil
}

func byURL(url string) (name string, d driver.Driver, err error) {
	scheme, _, found := strings.Cut(url, ":")
	scheme = strings.ToLower(scheme)
	if !found || !isScheme(scheme) {
		return "", nil, fmt.Errorf("Options.URL does not begin with a scheme; set Options.Store: %w", ErrUnknownStore)
	}
	base, _, _ := strings.Cut(scheme, "+") // postgresql+psycopg2, as SQLAlchemy has it
	driversMu.RLock()
	d, ok := drivers[scheme]
	var names []string
	for n, d := range drivers {
		if s, ok := d.(driver.Schemes); ok && (slices.Contains(s.Schemes(), scheme) || slices.Contains(s.Schemes(), base)) {
			names = append(names, n)
		}
	}
	if !ok && len(names) == 1 {
		scheme, d, ok = names[0], drivers[names[0]], true
	}
	driversMu.RUnlock()
	switch {
	case ok:
		return scheme, d, nil
	case len(names) > 1:
		slices.Sort(names)
		return "", nil, fmt.Errorf("%w: several stores (%s) have the scheme %q; set Options.Store", ErrUnknownStore, strings.Join(names, ", "), clip(scheme))
	default:
		return "", nil, fmt.Errorf("%w for the scheme %q; %s; registered: %s", ErrUnknownStore, clip(scheme), importAdvice(scheme), registered())
	}
}

// importAdvice says which import is missing for a store name or a URL's scheme.
func importAdvice(name string) string {
	base, _, _ := strings.Cut(name, "+")
	store, ok := wellKnown[base]
	switch {
	case slices.Contains(ours, name):
		store = name
	case !ok:
		return "import the package of its driver"
	}
	path := "github.com/pump-go/sessions/" + store
	advice := fmt.Sprintf("add the import  _ %q", path)
	if store != name {
		advice += fmt.Sprintf(" for the store %q", store)
	}
	return advice + fmt.Sprintf(" (go get %s)", path)
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

// isScheme reports whether s has the form of a URL scheme (RFC 3986, 3.1) in
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
