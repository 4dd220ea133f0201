package redis

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// settings are the content of a URL.
type settings struct {
	servers            []string // host:port, or one absolute path of a socket
	socket             bool
	username, password string
	database           int
	cluster            bool
	master             string // the name that the Sentinels have for it
	sentinelUsername   string
	sentinelPassword   string
	timeout            time.Duration
	poolSize           int // 0 means go-redis's default
	wait               int

	caFile, certFile, keyFile string
	serverName                string
	tls                       *tls.Config // nil without TLS

	useTLS    bool
	dbInPath  bool
	tlsParams bool
}

const (
	defaultTimeout  = 3 * time.Second
	defaultPort     = "6379"
	defaultSentinel = "26379"
)

const form = `Options.URL must be like "redis://user:password@host:6379/0"`

// parseURL parses
//
//	scheme://[user[:password]@]host[:port][,host[:port]...][/database][?parameters]
//	unix://[user[:password]@]/path[?parameters]
//
// net/url cannot parse it, since it allows only one host. No error quotes a part of the
// URL that may be of a password.
func parseURL(s string) (settings, error) {
	set := settings{timeout: defaultTimeout}
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return settings{}, errors.New(form)
	}
	switch strings.ToLower(scheme) {
	case "redis", "valkey":
	case "rediss", "valkeys":
		set.useTLS = true
	case "unix", "redis+unix", "valkey+unix":
		set.socket = true
	default:
		return settings{}, errors.New("the scheme of Options.URL must be redis, rediss (with TLS) or unix")
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, slash := strings.Cut(rest, "/")
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		var err1, err2 error
		set.username, err1 = url.PathUnescape(user)
		set.password, err2 = url.PathUnescape(password)
		if err1 != nil || err2 != nil {
			return settings{}, errors.New("the user or password in Options.URL is not percent-encoded")
		}
		authority = authority[at+1:]
	}
	if strings.Contains(path, "@") || strings.Contains(query, "@") && !strings.Contains(rest, "@") {
		return settings{}, errors.New("the user or password in Options.URL is not percent-encoded: write / as %2F and ? as %3F")
	}
	var err error
	if set.socket {
		err = set.parseSocket(authority, path, slash)
	} else if path != "" {
		err = set.setParam("db", path)
		set.dbInPath = true
	}
	if err != nil {
		return settings{}, err
	}
	if err := set.setParams(query); err != nil {
		return settings{}, err
	}
	if !set.socket {
		if err := set.parseServers(authority); err != nil {
			return settings{}, err
		}
	}
	return set, set.complete()
}

func (set *settings) parseSocket(authority, path string, slash bool) error {
	path, err := url.PathUnescape("/" + path)
	if err != nil || authority != "" || !slash || path == "/" || strings.ContainsRune(path, 0) {
		return errors.New(`a Unix socket in Options.URL must be like "unix:///run/redis/redis.sock"`)
	}
	set.servers = []string{path}
	return nil
}

func (set *settings) parseServers(list string) error {
	port := defaultPort
	if set.master != "" {
		port = defaultSentinel
	}
	if list == "" {
		return errors.New("Options.URL names no server; it must be like \"redis://host:6379/0\"")
	}
	names := strings.Split(list, ",")
	for i, name := range names {
		addr, err := parseServer(name, port)
		if err != nil {
			return fmt.Errorf("server %d of %d in Options.URL: %w", i+1, len(names), err)
		}
		set.servers = append(set.servers, addr)
	}
	return nil
}

// hostName is a host name or an address without brackets.
var hostName = regexp.MustCompile(`^[A-Za-z0-9._:%-]{1,253}$`)

// parseServer returns a server as host:port.
func parseServer(s, defaultPort string) (string, error) {
	host, port := s, defaultPort
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		host = s[1 : len(s)-1]
	} else if strings.Contains(s, ":") {
		var err error
		if host, port, err = net.SplitHostPort(s); err != nil {
			return "", errors.New("it must be host, host:port or [ipv6]:port")
		}
	}
	if !hostName.MatchString(host) {
		return "", errors.New("its host name is empty or invalid")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", errors.New("the port must be from 1 to 65535")
	}
	return net.JoinHostPort(host, strconv.FormatUint(n, 10)), nil
}

// paramName is what may be quoted in an error.
var paramName = regexp.MustCompile(`^[a-zA-Z_]{1,40}$`)

func (set *settings) setParams(query string) error {
	params, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("the parameters in Options.URL are invalid")
	}
	for name, values := range params {
		switch {
		case !paramName.MatchString(name):
			return errors.New("a parameter in Options.URL has an invalid name")
		case len(values) > 1 || name == "db" && set.dbInPath:
			return fmt.Errorf("%q is in Options.URL more than once", name)
		}
		if err := set.setParam(name, values[0]); err != nil {
			return err
		}
	}
	return nil
}

func (set *settings) setParam(name, value string) (err error) {
	switch name {
	case "db":
		set.database, err = strconv.Atoi(value)
		if err != nil || set.database < 0 {
			return errors.New("the database in Options.URL must be a number, 0 or more")
		}
	case "cluster":
		set.cluster, err = strconv.ParseBool(value)
		if err != nil {
			return errors.New("cluster in Options.URL must be true or false")
		}
	case "master":
		if set.master = value; value == "" {
			return errors.New("master in Options.URL must be the name of the master in the Sentinels' configuration")
		}
	case "sentinel_username":
		set.sentinelUsername = value
	case "sentinel_password":
		set.sentinelPassword = value
	case "timeout":
		set.timeout, err = time.ParseDuration(value)
		if err != nil || set.timeout < time.Millisecond || set.timeout > time.Minute {
			return errors.New("timeout in Options.URL must be from 1ms to 1m")
		}
	case "pool_size":
		set.poolSize, err = strconv.Atoi(value)
		if err != nil || set.poolSize < 1 {
			return errors.New("pool_size in Options.URL must be a number of connections, 1 or more")
		}
	case "wait":
		set.wait, err = strconv.Atoi(value)
		if err != nil || set.wait < 0 {
			return errors.New("wait in Options.URL must be a number of replicas, 0 or more")
		}
	case "ca":
		set.caFile, set.tlsParams = value, true
	case "cert":
		set.certFile, set.tlsParams = value, true
	case "key":
		set.keyFile, set.tlsParams = value, true
	case "server_name":
		set.serverName, set.tlsParams = value, true
	default:
		return fmt.Errorf("Options.URL has the unknown parameter %q; the parameters are db, cluster, master, sentinel_username, "+
			"sentinel_password, timeout, pool_size, wait, ca, cert, key and server_name", name)
	}
	return nil
}

// complete checks what parameters require of each other, and reads the files.
func (set *settings) complete() error {
	switch {
	case set.cluster && set.master != "":
		return errors.New("Options.URL has both cluster and master; a Cluster needs no Sentinels")
	case set.socket && (set.cluster || set.master != ""):
		return errors.New("Options.URL names a Unix socket, but cluster and master need hosts")
	case set.cluster && set.database != 0:
		return errors.New("Options.URL names a database, but a Cluster has only database 0")
	case len(set.servers) > 1 && !set.cluster && set.master == "":
		return errors.New("Options.URL names several servers; add ?cluster=true for a Cluster, or ?master=NAME if they are Sentinels")
	case set.master == "" && (set.sentinelUsername != "" || set.sentinelPassword != ""):
		return errors.New("Options.URL has a user or password for Sentinels, but not the parameter master")
	case !set.useTLS && set.tlsParams:
		return errors.New("ca, cert, key and server_name in Options.URL need the scheme rediss")
	case !set.useTLS:
		return nil
	}
	set.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: set.serverName}
	if set.caFile != "" {
		pem, err := os.ReadFile(set.caFile)
		if err != nil {
			return fmt.Errorf("ca in Options.URL: %w", err)
		}
		set.tls.RootCAs = x509.NewCertPool()
		if !set.tls.RootCAs.AppendCertsFromPEM(pem) {
			return errors.New("ca in Options.URL: the file has no certificate")
		}
	}
	if set.certFile != "" || set.keyFile != "" {
		cert, err := tls.LoadX509KeyPair(set.certFile, set.keyFile)
		if err != nil {
			return fmt.Errorf("cert and key in Options.URL: %w", err)
		}
		set.tls.Certificates = []tls.Certificate{cert}
	}
	return nil
}
