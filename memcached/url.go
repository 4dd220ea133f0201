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

// settings are the servers and parameters of a URL.
type settings struct {
	servers     []string
	timeout     time.Duration
	maxIdle     int
	maxItemSize int // 0 if it is not in the URL
}

const (
	defaultPort    = "11211"
	defaultTimeout = time.Second
	defaultMaxIdle = 64
	scheme         = "memcached:"
)

// parseURL parses a list of servers with an optional scheme and optional parameters.
// net/url cannot parse it, since it allows only one host.
func parseURL(s string) (settings, error) {
	set := settings{timeout: defaultTimeout, maxIdle: defaultMaxIdle}
	if len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
		s = strings.TrimPrefix(s[len(scheme):], "//")
	}
	list, query, _ := strings.Cut(s, "?")
	if strings.TrimSpace(list) == "" {
		return settings{}, errors.New(`Options.URL names no server; it must be a list like "10.0.0.1;10.0.0.2:11211"`)
	}
	set.servers = strings.Split(list, ";")
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
	return set, nil
}

func (set *settings) setParam(name, value string) (err error) {
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
		if err != nil || set.maxItemSize < minItemSize || set.maxItemSize > maxItemSize {
			return fmt.Errorf("max_item_size in Options.URL must be from %d to %d bytes", minItemSize, maxItemSize)
		}
	default:
		return fmt.Errorf("Options.URL has the unknown parameter %.40q; the parameters are timeout, max_idle and max_item_size", name)
	}
	return nil
}

// address is a server's address in canonical form, as dialed and as hashed.
type address struct{ network, name string }

func (a address) Network() string { return a.network }
func (a address) String() string  { return a.name }

// parseServer parses host, host:port, [ipv6]:port or unix:/path.
func parseServer(s string) (address, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return address{}, errors.New("a server's name is empty")
	}
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		path = strings.TrimPrefix(path, "//")
		if !strings.HasPrefix(path, "/") || strings.ContainsRune(path, 0) {
			return address{}, fmt.Errorf("server %.80q: a Unix socket must be written as unix: and an absolute path", s)
		}
		return address{"unix", path}, nil
	}
	if strings.Contains(s, "@") {
		return address{}, errors.New("a server's name has an @; memcached has no users and passwords") // the name is not quoted
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
	if host, err = canonicalHost(host, strings.HasPrefix(s, "[")); err != nil {
		return address{}, fmt.Errorf("server %.80q: %w", s, err)
	}
	return address{"tcp", net.JoinHostPort(host, strconv.FormatUint(n, 10))}, nil
}

// canonicalHost returns the canonical form of a host name or address.
func canonicalHost(host string, bracketed bool) (string, error) {
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() != bracketed {
		return ip.String(), nil
	}
	if bracketed || host == "" || len(host) > 253 {
		return "", errors.New("it is not a host name, an IPv4 address or an IPv6 address in brackets")
	}
	if host = strings.ToLower(host); host == "unix" {
		return "", errors.New("unix is the prefix of a Unix socket; write the host's full name")
	}
	for _, c := range []byte(host) {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_') {
			return "", errors.New("a host name may have only letters, digits, '.', '-' and '_'")
		}
	}
	return host, nil
}
