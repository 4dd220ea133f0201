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

// settings are the options and what else a URL sets.
type settings struct {
	Options
	project  string // "": that of the environment or the credentials
	database string // "": the default database
	emulator string // host:port, without TLS and credentials
}

const (
	scheme         = "google:"
	defaultKind    = "Session"
	defaultTimeout = 10 * time.Second
	maxKind        = 100
)

var (
	// The names of old projects begin with a domain.
	projectRE   = regexp.MustCompile(`^([a-z0-9.-]{1,100}:)?[a-z][a-z0-9-]{0,61}[a-z0-9]$`)
	databaseRE  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)
	namespaceRE = regexp.MustCompile(`^[0-9A-Za-z._-]{1,100}$`)
	reservedRE  = regexp.MustCompile(`^__.*__$`)
)

// parseURL parses google://project/database?parameters. net/url cannot parse it,
// since it takes the colon in the name of an old project for that of a port.
func parseURL(s string, o Options) (settings, error) {
	set := settings{Options: o}
	if len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
		s = strings.TrimPrefix(s[len(scheme):], "//")
	}
	names, query, _ := strings.Cut(s, "?")
	if strings.ContainsAny(names, "@#") {
		return settings{}, errors.New("Options.URL has an @ or #; credentials cannot be in the URL, they come from the client library") // the URL is not quoted
	}
	project, database, _ := strings.Cut(names, "/")
	database = strings.TrimSuffix(database, "/")
	if database == "(default)" {
		database = ""
	}
	switch {
	case project != "" && !projectRE.MatchString(project):
		return settings{}, errors.New("the project in Options.URL is invalid; the form is google://project/database?parameters")
	case database != "" && !databaseRE.MatchString(database):
		return settings{}, errors.New("the database in Options.URL is invalid; the form is google://project/database?parameters")
	}
	set.project, set.database = project, database
	params, err := url.ParseQuery(query)
	if err != nil {
		return settings{}, errors.New("the parameters in Options.URL are invalid")
	}
	for name, values := range params {
		if len(values) > 1 {
			return settings{}, fmt.Errorf("%.40q is in Options.URL more than once", name)
		}
		if err := set.setParam(name, values[0]); err != nil {
			return settings{}, err
		}
	}
	if set.emulator != "" && set.project == "" {
		return settings{}, errors.New("with emulator, Options.URL must name a project; any name will do")
	}
	return set, nil
}

func (set *settings) setParam(name, value string) (err error) {
	switch name {
	case "namespace":
		set.Namespace = value
	case "kind":
		set.Kind = value
	case "timeout":
		if set.Timeout, err = time.ParseDuration(value); err != nil || set.Timeout == 0 {
			return errTimeout
		}
	case "ttl":
		switch value {
		case "yes", "true", "1":
			set.TTL = true
		case "no", "false", "0":
			set.TTL = false
		default:
			return errors.New("ttl in Options.URL must be yes or no")
		}
	case "emulator":
		if host, port, err := net.SplitHostPort(value); err != nil || host == "" || port == "" || strings.ContainsAny(value, "/@?#") {
			return errors.New("emulator in Options.URL must be host:port")
		}
		set.emulator = value
	default:
		return fmt.Errorf("Options.URL has the unknown parameter %.40q; the parameters are namespace, kind, timeout, ttl and emulator", name)
	}
	return nil
}

var errTimeout = fmt.Errorf("timeout must be from 1ms to 1m; the default is %v", defaultTimeout)

// validate sets the defaults and checks the settings. namespace is
// sessions.Options.Namespace.
func (set *settings) validate(namespace string) error {
	switch {
	case namespace != "" && set.Namespace != "":
		return errors.New("Options.Namespace and the store's namespace are both set; they mean the same, so set only one")
	case namespace != "":
		set.Namespace = namespace
	}
	if set.Kind == "" {
		set.Kind = defaultKind
	}
	if set.Timeout == 0 {
		set.Timeout = defaultTimeout
	}
	switch {
	case set.Namespace != "" && !namespaceRE.MatchString(set.Namespace), reservedRE.MatchString(set.Namespace):
		return errors.New("the namespace must be at most 100 letters, digits, dots, underscores and hyphens, and not begin and end with __")
	case len(set.Kind) > maxKind, !utf8.ValidString(set.Kind), reservedRE.MatchString(set.Kind), strings.ContainsFunc(set.Kind, unicode.IsControl):
		return fmt.Errorf("the kind must be at most %d bytes of text, and not begin and end with __", maxKind)
	case set.Timeout < time.Millisecond || set.Timeout > time.Minute:
		return errTimeout
	}
	return nil
}
