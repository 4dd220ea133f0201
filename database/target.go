package database

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/lib/pq"
)

// target is what a URL names: a database and how to connect to it.
type target struct {
	Options
	dialect     Dialect
	file        string // SQLite
	synchronous string // SQLite
	postgres    pq.Config
	mysql       *mysql.Config
}

// errURL returns an error about the URL. It must not quote the URL, any part of
// which may be a password.
func errURL(format string, args ...any) error { return fmt.Errorf(format, args...) }

var errUnknownForm = errors.New(`Options.URL has none of the forms of the database store:
	sqlite:///relative.db  sqlite:////absolute.db  sqlite:///:memory:
	postgresql://user:password@host:5432/database
	mysql://user:password@host:3306/database  mariadb://user:password@host/database
	host=… user=… password=… dbname=…              (github.com/lib/pq)
	user:password@tcp(host:3306)/database          (github.com/go-sql-driver/mysql)`)

// The parameters that a URL may have in addition to the store's own.
var (
	postgresParameters = []string{
		"application_name", "binary_parameters", "channel_binding", "client_encoding", "connect_timeout", "fallback_application_name",
		"gssencmode", "host", "hostaddr", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "krbspn",
		"krbsrvname", "load_balance_hosts", "max_protocol_version", "min_protocol_version", "options", "passfile", "port",
		"search_path", "service", "sslcert", "sslcompression", "sslinline", "sslkey", "sslmode", "sslnegotiation", "sslrootcert",
		"sslsni", "ssl_max_protocol_version", "ssl_min_protocol_version", "statement_timeout", "target_session_attrs", "tcp_user_timeout",
	}
	mysqlParameters = []string{
		"allowCleartextPasswords", "allowNativePasswords", "charset", "collation", "compress",
		"readTimeout", "serverPubKey", "timeout", "tls", "unix_socket", "writeTimeout",
	}
)

// parseURL parses a URL of SQLAlchemy's form or a DSN of one of the drivers.
func parseURL(s string, o Options) (*target, error) {
	t := &target{Options: o}
	scheme, rest, isURL := strings.Cut(s, "://")
	switch {
	case s == "":
		return nil, fmt.Errorf("Options.URL is required; %w", errUnknownForm)
	case !isURL:
		return t, t.parseDSN(s)
	}
	// A plus sign and the name of a Python driver may follow the scheme.
	scheme, _, _ = strings.Cut(strings.ToLower(scheme), "+")
	main, rawQuery, _ := strings.Cut(rest, "?")
	if strings.Contains(rawQuery, "@") { // the rest of a password that has a question mark in it
		return nil, errUnescaped
	}
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, errURL("the parameters in Options.URL are malformed")
	}
	switch scheme {
	case "sqlite", "sqlite3":
		err = t.parseSQLite(main, query)
	case "postgres", "postgresql":
		err = t.parsePostgres(main, query)
	case "mysql", "mariadb":
		err = t.parseMySQL(main, query)
	default:
		err = errUnknownForm
	}
	return t, err
}

// takeParameters moves the store's own parameters from the query to the options. It
// returns an error for a parameter that is neither the store's own nor known.
func (t *target) takeParameters(query url.Values, known []string) error {
	for name, values := range query {
		v := values[0]
		ours := true
		var err error
		switch name {
		case "table":
			t.Table = v
		case "schema":
			t.Schema = v
		case "create":
			t.NeverCreate, err = parseNo(v)
		case "prepare":
			t.NoPrepare, err = parseNo(v)
		case "pool":
			t.Pool, err = strconv.Atoi(v)
			if err == nil && t.Pool < 1 {
				err = errors.New("must be 1 or more")
			}
		default:
			ours = false
		}
		switch {
		case len(values) > 1:
			return errURL("Options.URL has the parameter%s twice", quoted(name))
		case err != nil:
			return errURL("the parameter %s in Options.URL has an invalid value", name)
		case ours:
			delete(query, name)
		case !slices.Contains(known, name):
			all := append([]string{"table", "schema", "create", "prepare", "pool"}, known...)
			return errURL("Options.URL has the unknown parameter%s; there are %s", quoted(name), strings.Join(all, ", "))
		}
	}
	return nil
}

// quoted returns a parameter's name in quotes if it looks like one.
func quoted(name string) string {
	for _, c := range []byte(name) {
		if c != '_' && c != '-' && (c|0x20 < 'a' || c|0x20 > 'z') {
			return ""
		}
	}
	return fmt.Sprintf(" %.40q", name)
}

// parseNo reports whether a parameter that defaults to yes is no.
func parseNo(v string) (bool, error) {
	switch v {
	case "no", "false", "0":
		return true, nil
	case "yes", "true", "1":
		return false, nil
	}
	return false, errors.New("must be yes or no")
}

// parseSQLite parses what follows sqlite://. As in SQLAlchemy, it is a slash and
// then the path.
func (t *target) parseSQLite(main string, query url.Values) error {
	if err := t.takeParameters(query, []string{"synchronous"}); err != nil {
		return err
	}
	file, ok := strings.CutPrefix(main, "/")
	file, err := url.PathUnescape(file)
	switch {
	case err != nil:
		return errURL("the path in Options.URL is malformed")
	case main == "":
		file = ":memory:"
	case !ok:
		return errURL("an SQLite URL needs three slashes before a relative path and four before an absolute one")
	case file == "":
		return errURL("Options.URL names no SQLite file")
	}
	t.dialect, t.file, t.synchronous = SQLite, file, "NORMAL"
	switch v := strings.ToUpper(query.Get("synchronous")); v {
	case "":
	case "NORMAL", "FULL":
		t.synchronous = v
	default:
		return errURL("synchronous in Options.URL must be normal or full")
	}
	return nil
}

var errUnescaped = errors.New("Options.URL is malformed: in a user name, password, database name or parameter, " +
	"write a character such as @ : / ? # % as %40 %3A %2F %3F %23 %25")

// parseAuthority parses the part of a URL before its parameters.
func parseAuthority(scheme, main string) (*url.URL, error) {
	u, err := url.Parse(scheme + "://" + main)
	if err != nil || u.Fragment != "" {
		return nil, errUnescaped
	}
	return u, nil
}

// moveHosts moves hosts that only libpq's URLs can have into parameters: a socket's
// directory, with its slashes escaped, and a list of hosts with a port each. It
// returns main without them.
func moveHosts(main string, query url.Values) (string, error) {
	authority, path, hasPath := strings.Cut(main, "/")
	user, hosts := "", authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, hosts = authority[:i+1], authority[i+1:]
	}
	if !strings.Contains(strings.ToLower(hosts), "%2f") && !strings.Contains(hosts, ",") {
		return main, nil
	}
	var names, ports []string
	for host := range strings.SplitSeq(hosts, ",") {
		port := ""
		if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
			host, port = host[:i], host[i+1:]
		}
		name, err := url.PathUnescape(strings.Trim(host, "[]"))
		if err != nil {
			return "", errUnescaped
		}
		names, ports = append(names, name), append(ports, port)
	}
	query.Set("host", strings.Join(names, ","))
	if strings.Trim(strings.Join(ports, ""), " ") != "" {
		query.Set("port", strings.Join(ports, ","))
	}
	if hasPath {
		path = "/" + path
	}
	return user + path, nil
}

func (t *target) parsePostgres(main string, query url.Values) error {
	t.dialect = PostgreSQL
	if err := t.takeParameters(query, postgresParameters); err != nil {
		return err
	}
	main, err := moveHosts(main, query)
	if err != nil {
		return err
	}
	u, err := parseAuthority("postgres", main)
	if err != nil {
		return err
	}
	if !query.Has("sslmode") && os.Getenv("PGSSLMODE") == "" {
		query.Set("sslmode", "prefer") // the default of libpq, and so of SQLAlchemy
	}
	u.RawQuery = query.Encode()
	return t.configurePostgres(u.String(), query.Has("binary_parameters"))
}

// configurePostgres parses a DSN. It does not return the driver's errors, which
// quote the DSN.
func (t *target) configurePostgres(dsn string, binarySet bool) error {
	cfg, err := pq.NewConfig(dsn)
	if err != nil {
		return errURL("PostgreSQL's driver does not understand Options.URL, or the environment's PG variables")
	}
	if err := dropLibpqParameters(&cfg); err != nil {
		return err
	}
	if !binarySet {
		cfg.BinaryParameters = true // unescaped bytes, and one round trip without preparing
	}
	t.postgres = cfg
	return nil
}

// dropLibpqParameters removes parameters of libpq that the driver does not know,
// and would send to the server, which refuses them. It returns an error for those
// that ask for a security the driver cannot give.
func dropLibpqParameters(cfg *pq.Config) error {
	for name, v := range cfg.Runtime {
		switch name {
		case "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "tcp_user_timeout":
			// Go sends keep-alives every 15 seconds, and calls are bounded by their contexts.
		case "sslcompression": // the driver never compresses
		case "gssencmode":
			if v == "require" {
				return errURL("gssencmode=require in Options.URL cannot be met: PostgreSQL's driver encrypts with TLS only (sslmode=verify-full)")
			}
		case "channel_binding":
			// It protects against a server that relays the login. Verifying the certificate does too.
			if v == "require" && cfg.SSLMode != pq.SSLModeVerifyFull {
				return errURL("channel_binding=require in Options.URL cannot be met by PostgreSQL's driver: " +
					"set sslmode=verify-full instead, which authenticates the server too (with sslrootcert=system for a publicly signed certificate)")
			}
		case "requirepeer", "require_auth", "sslcrl", "sslcrldir", "sslpassword", "sslcertmode", "requiressl", "gssdelegation", "gsslib", "replication":
			return errURL("Options.URL has the parameter %q, which PostgreSQL's driver does not support", name)
		default:
			continue // a setting of the server's
		}
		delete(cfg.Runtime, name)
	}
	return nil
}

func (t *target) parseMySQL(main string, query url.Values) error {
	t.dialect = MySQL
	if err := t.takeParameters(query, mysqlParameters); err != nil {
		return err
	}
	u, err := parseAuthority("mysql", main)
	if err != nil {
		return err
	}
	t.mysql = mysql.NewConfig()
	if len(query) > 0 {
		socket := query.Get("unix_socket")
		query.Del("unix_socket")
		params := strings.ReplaceAll(query.Encode(), "%2C", ",") // a list of character sets, which the driver does not unescape
		if t.mysql, err = mysql.ParseDSN("tcp(localhost)/?" + params); err != nil {
			return errURL("MySQL's driver does not understand the parameters in Options.URL")
		}
		if socket != "" {
			t.mysql.Net, t.mysql.Addr = "unix", socket
		}
	}
	t.mysql.User = u.User.Username()
	t.mysql.Passwd, _ = u.User.Password()
	t.mysql.DBName = strings.TrimPrefix(u.Path, "/")
	if t.mysql.Net != "unix" {
		host, port := u.Hostname(), u.Port()
		if host == "" {
			host = "localhost"
		}
		if port == "" {
			port = "3306"
		}
		t.mysql.Net, t.mysql.Addr = "tcp", net.JoinHostPort(host, port)
	}
	return nil
}

// parseDSN parses a DSN of one of the drivers.
func (t *target) parseDSN(s string) error {
	head, _, _ := strings.Cut(s, "/")
	switch {
	case strings.Contains(head, "tcp(") || strings.Contains(head, "unix(") || strings.HasSuffix(head, "@"):
		cfg, err := mysql.ParseDSN(s)
		if err != nil {
			return errURL("MySQL's driver does not understand Options.URL")
		}
		t.dialect, t.mysql = MySQL, cfg
		return nil
	case strings.Contains(s, "="):
		t.dialect = PostgreSQL
		return t.configurePostgres(s, strings.Contains(s, "binary_parameters"))
	}
	return errUnknownForm
}

// open returns a pool of connections to the target.
func (t *target) open(dataDir string) (*pool, error) {
	if t.Pool < 0 {
		return nil, errors.New("Options.Pool must be 1 or more, or 0 for the default")
	}
	switch t.dialect {
	case SQLite:
		return t.openSQLite(dataDir)
	case PostgreSQL:
		return t.openPostgres()
	default:
		return t.openMySQL()
	}
}
