package google

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// place is what a URL says.
type place struct {
	Options
	project  string // "": as the environment or the credentials say
	database string // "": the default one
	emulator string // host:port, spoken to in the clear
}

const (
	scheme         = "google:"
	defaultKind    = "Session"
	defaultTimeout = 10 * time.Second
	maxKind        = 100
)

var (
	// Old projects have a domain before their name.
	aProject   = regexp.MustCompile(`^([a-z0-9.-]{1,100}:)?[a-z][a-z0-9-]{0,61}[a-z0-9]$`)
	aDatabase  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)
	aNamespace = regexp.MustCompile(`^[0-9A-Za-z._-]{1,100}$`)
	reserved   = regexp.MustCompile(`^__.*__$`)
)

// parseURL reads google://project/database?parameters. It is no URL to net/url,
// where an old project's colon begins a port.
func parseURL(s string, o Options) (place, error) {
	at := place{Options: o}
	if len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
		s = strings.TrimPrefix(s[len(scheme):], "//")
	}
	names, query, _ := strings.Cut(s, "?")
	if strings.ContainsAny(names, "@#") {
		return place{}, errors.New("Options.URL has an @ or #: it holds no credentials, which are the client library's own") // not quoted
	}
	project, database, _ := strings.Cut(names, "/")
	database = strings.TrimSuffix(database, "/")
	if database == "(default)" {
		database = ""
	}
	switch {
	case project != "" && !aProject.MatchString(project):
		return place{}, errors.New("Options.URL names no project that could be one; its form is google://project/database?parameters")
	case database != "" && !aDatabase.MatchString(database):
		return place{}, errors.New("Options.URL names no database that could be one; its form is google://project/database?parameters")
	}
	at.project, at.database = project, database
	params, err := url.ParseQuery(query)
	if err != nil {
		return place{}, errors.New("the parameters in Options.URL cannot be read")
	}
	for name, values := range params {
		if len(values) > 1 {
			return place{}, fmt.Errorf("%.40q is in Options.URL more than once", name)
		}
		if err := at.read(name, values[0]); err != nil {
			return place{}, err
		}
	}
	if at.emulator != "" && at.project == "" {
		return place{}, errors.New("with emulator, Options.URL must name a project; any name will do")
	}
	return at, nil
}

func (at *place) read(name, value string) (err error) {
	switch name {
	case "namespace":
		at.Namespace = value
	case "kind":
		at.Kind = value
	case "timeout":
		if at.Timeout, err = time.ParseDuration(value); err != nil || at.Timeout == 0 {
			return errTimeout
		}
	case "ttl":
		switch value {
		case "yes", "true", "1":
			at.TTL = true
		case "no", "false", "0":
			at.TTL = false
		default:
			return errors.New("ttl in Options.URL must be yes or no")
		}
	case "emulator":
		if host, port, err := net.SplitHostPort(value); err != nil || host == "" || port == "" || strings.ContainsAny(value, "/@?#") {
			return errors.New("emulator in Options.URL must be host:port")
		}
		at.emulator = value
	default:
		return fmt.Errorf("Options.URL has the unknown parameter %.40q; there are namespace, kind, timeout, ttl and emulator", name)
	}
	return nil
}

var errTimeout = fmt.Errorf("timeout must be from 1ms to 1m; without one it is %v", defaultTimeout)

// check fills in the defaults and refuses what Datastore would, or what would
// mix the sessions of two namespaces. namespace is sessions.Options.Namespace.
func (at *place) check(namespace string) error {
	switch {
	case namespace != "" && at.Namespace != "":
		return errors.New("Options.Namespace and the store's namespace are both set; they are the same thing, so set one")
	case namespace != "":
		at.Namespace = namespace
	}
	if at.Kind == "" {
		at.Kind = defaultKind
	}
	if at.Timeout == 0 {
		at.Timeout = defaultTimeout
	}
	switch {
	case at.Namespace != "" && !aNamespace.MatchString(at.Namespace), reserved.MatchString(at.Namespace):
		return errors.New("the namespace must be at most 100 letters, digits, dots, underscores and hyphens, and not __like__ this")
	case len(at.Kind) > maxKind, !utf8.ValidString(at.Kind), reserved.MatchString(at.Kind), strings.ContainsFunc(at.Kind, unicode.IsControl):
		return fmt.Errorf("the kind must be at most %d bytes of text, and not __like__ this", maxKind)
	case at.Timeout < time.Millisecond || at.Timeout > time.Minute:
		return errTimeout
	}
	return nil
}
