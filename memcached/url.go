package memcached

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// settings are what a URL says.
type settings struct {
	servers     []string
	timeout     time.Duration
	maxIdle     int
	maxItemSize int // 0: not said
}

const (
	defaultPort    = "11211"
	defaultTimeout = time.Second
	defaultMaxIdle = 64
	scheme         = "memcached:"
)

// parseURL reads servers separated by semicolons, an optional scheme before
// them and optional parameters behind. It is no URL to net/url, which wants one
// host.
func parseURL(s string) (settings, error) {
	set := settings{timeout: defaultTimeout, maxIdle: defaultMaxIdle}
	if len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
		s = strings.TrimPrefix(s[len(scheme):], "//")
	}
	list, query, _ := strings.Cut(s, "?")
	if strings.TrimSpace(list) == "" {
		return settings{}, errors.New(`Options.URL names no server; it is a list such as "10.0.0.1;10.0.0.2:11211"`)
	}
	set.servers = strings.Split(list, ";")
	params, err := url.ParseQuery(query)
	if err != nil {
		return settings{}, errors.New("the parameters in Options.URL cannot be read")
	}
	for name, values := range params {
		if len(values) > 1 {
			return settings{}, fmt.Errorf("%.40q is in Options.URL more than once", name)
		}
		if err := set.read(name, values[0]); err != nil {
			return settings{}, err
		}
	}
	return set, nil
}

func (set *settings) read(name, value string) (err error) {
	switch name {
	case "timeout":
		set.timeout, err = time.ParseDuration(value)
		if err != nil || set.timeout < time.Millisecond || set.timeout > time.Minute {
			return errors.New("timeout in Options.URL must be from 1ms to 1m")
		}
	case "max_idle":
		set.maxIdle, err = strconv.Atoi(value)
		if err != nil || set.maxIdle < 1 {
			return errors.New("max_idle in Options.URL must be a number of connections, 1 or more")
		}
	case "max_item_size":
		set.maxItemSize, err = strconv.Atoi(value)
		if err != nil || set.maxItemSize < leastItemSize || set.maxItemSize > mostItemSize {
			return fmt.Errorf("max_item_size in Options.URL must be from %d to %d bytes", leastItemSize, mostItemSize)
		}
	default:
		return fmt.Errorf("Options.URL has the unknown parameter %.40q; there are timeout, max_idle and max_item_size", name)
	}
	return nil
}

// address is a server by its one spelling, as dialled and as hashed.
type address struct{ network, name string }

func (a address) Network() string { return a.network }
func (a address) String() string  { return a.name }

// parseServer reads host, host:port, [ipv6]:port or unix:/path.
func parseServer(s string) (address, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return address{}, errors.New("a server's name is empty")
	}
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		path = strings.TrimPrefix(path, "//")
		if !strings.HasPrefix(path, "/") || strings.ContainsRune(path, 0) {
			return address{}, fmt.Errorf("server %.80q: a socket is unix: and an absolute path", s)
		}
		return address{"unix", path}, nil
	}
	if strings.Contains(s, "@") {
		return address{}, errors.New("a server's name has an @: memcached knows no users and passwords") // not quoted
	}
	host, port := s, defaultPort
	if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(s, "]") {
		host = strings.TrimSuffix(inner, "]")
	} else if strings.Contains(s, ":") {
		var err error
		if host, port, err = net.SplitHostPort(s); err != nil {
			return address{}, fmt.Errorf("server %.80q: it must be host, host:port, [ipv6]:port or unix:/path", s)
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return address{}, fmt.Errorf("server %.80q: the port must be from 1 to 65535", s)
	}
	if host, err = oneSpelling(host, strings.HasPrefix(s, "[")); err != nil {
		return address{}, fmt.Errorf("server %.80q: %w", s, err)
	}
	return address{"tcp", net.JoinHostPort(host, strconv.FormatUint(n, 10))}, nil
}

// oneSpelling returns the host as every program that means the same one has it.
func oneSpelling(host string, bracketed bool) (string, error) {
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() != bracketed {
		return ip.String(), nil
	}
	if bracketed || host == "" || len(host) > 253 {
		return "", errors.New("no host name, IPv4 address or IPv6 address in brackets")
	}
	if host = strings.ToLower(host); host == "unix" {
		return "", errors.New("unix is what a socket begins with: write the host's whole name")
	}
	for _, c := range []byte(host) {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_') {
			return "", errors.New("a host name is made of letters, digits, '.', '-' and '_'")
		}
	}
	return host, nil
}
