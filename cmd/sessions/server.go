package main

import (
	"cmp"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/lib/pq"
)

// server describes the server in the store's URL without what may be a password: if the
// URL cannot be parsed with certainty, it returns nothing.
func (t *target) server() string {
	at := t.url.value
	switch t.kind() {
	case "memcached":
		at, _, _ = strings.Cut(strings.TrimPrefix(at, "memcached://"), "?")
		if !strings.Contains(at, "@") {
			return at
		}
	case "redis":
		_, at, _ = strings.Cut(at, "://")
		at, query, _ := strings.Cut(at, "?")
		if !strings.Contains(query, "@") { // a password with a ? in it
			return at[strings.LastIndex(at, "@")+1:]
		}
	case "database":
		if strings.Contains(at, "://") {
			return databaseOfURL(at)
		}
		if c, err := mysql.ParseDSN(at); err == nil && c.User != "" {
			return onHost(c.DBName, c.Addr)
		}
		if c, err := pq.NewConfig(at); err == nil {
			return onHost(c.Database, net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))))
		}
	}
	return ""
}

func databaseOfURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || strings.Contains(u.Path+u.RawQuery+u.Fragment, "@") {
		return "" // the @ shows that a password contained /, ? or #
	}
	where := onHost(strings.TrimPrefix(u.Path, "/"), cmp.Or(u.Host, u.Query().Get("host")))
	if table := u.Query().Get("table"); table != "" {
		where += ", table " + table
	}
	return where
}

// onHost describes a database on a host, either of which may be empty.
func onHost(database, host string) string {
	if database == "" || host == "" {
		return database + host
	}
	return database + " on " + host
}
