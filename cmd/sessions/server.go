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

// server tells which server's the store is, and nothing of a URL that may be a
// password: what cannot be read for certain is left out.
func (t *target) server() string {
	at := t.url.value
	switch t.kind() {
	case "memcached":
		at, _, _ = strings.Cut(strings.TrimPrefix(at, "memcached://"), "?")
		if !strings.Contains(at, "@") {
			return at
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
		return "" // an @ there means that a password had a slash, ? or # in it
	}
	where := onHost(strings.TrimPrefix(u.Path, "/"), cmp.Or(u.Host, u.Query().Get("host")))
	if table := u.Query().Get("table"); table != "" {
		where += ", table " + table
	}
	return where
}

// onHost names a database on a host. What is left out is the default.
func onHost(database, host string) string {
	if database == "" || host == "" {
		return database + host
	}
	return database + " on " + host
}
