package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

func init() { sessions.Register("database", FromURL(Options{})) }

// Options are the settings of the store that are not part of an address. Each can
// also be given as a parameter of the URL, named in parentheses, which takes
// precedence. The zero value is what the registered driver uses.
type Options struct {
	// Table is the name of the sessions' table: at most 48 letters (a-z, A-Z),
	// digits and underscores, not beginning with a digit. The default is
	// "sessions". A second table, named Table + "_schema", holds the schema's
	// version. (table=)
	Table string
	// Schema is the PostgreSQL schema or MySQL database of the tables. The
	// default is the connection's own. SQLite has no schemas. (schema=)
	Schema string
	// NeverCreate disables the creation of the tables and of the SQLite file; see
	// DDL for creating the tables yourself. While they do not exist, calls fail
	// with ErrNoTables. (create=no)
	NeverCreate bool
	// NoPrepare sends each statement without preparing it, for poolers that may use
	// another server connection for each statement, such as PgBouncer in
	// transaction mode. With MySQL, the connection's character set must then be one
	// in which a quote or backslash is never part of another character: utf8mb4,
	// latin1 and most others, but not gbk, gb18030, big5, sjis or cp932. (prepare=no)
	NoPrepare bool
	// Pool is the maximum number of open connections, 20 by default. A pool that
	// is passed to New keeps its own limit. (pool=)
	Pool int
}

const defaultPool = 20

// FromURL returns a driver for sessions.Options.Driver that connects to the
// database in sessions.Options.URL; see the package documentation for its forms.
// Its Open returns an error if the URL or the options are invalid, or if an SQLite
// file cannot be at its path. A server that is down is no error: calls fail until it
// is up.
func FromURL(o Options) driver.Driver { return fromURL{o} }

type fromURL struct{ Options }

// Open implements driver.Driver.
func (f fromURL) Open(_ context.Context, cfg driver.Config) (driver.Store, error) {
	t, err := parseURL(cfg.URL, f.Options)
	if err != nil {
		return nil, fmt.Errorf("database: open: %w", err)
	}
	p, err := t.open(cfg.DataDir)
	if err != nil {
		return nil, fmt.Errorf("database: open: %w", err)
	}
	s, err := newStore(cfg.WithDefaults(), p, t.Options)
	if err != nil {
		return nil, fmt.Errorf("database: open: %w", errors.Join(err, p.close()))
	}
	return s.asRenewer(), nil
}

// Schemes implements driver.Schemes.
func (fromURL) Schemes() []string {
	return []string{"sqlite", "sqlite3", "postgres", "postgresql", "mysql", "mariadb"}
}

// New returns a driver for sessions.Options.Driver on an existing pool, of any
// database/sql driver for a database of the dialect. sessions.Options.URL must be
// empty. Closing the store leaves the pool open.
//
// Do not use or commit a session inside an open transaction of a pool whose
// connections can all be in use: the store waits for a connection of its own, which
// the transaction may be holding. See the package documentation.
//
// The connections of an SQLite pool must share one database. Open refuses a pool
// of ":memory:", where each has its own, unless it is limited to one connection
// that stays open: SetMaxOpenConns(1), and no limit to its idle or life time.
//
// On a pool of github.com/lib/pq, calls do not end with their contexts while the
// server is silent. Use a URL instead, or pgx.
func New(db *sql.DB, d Dialect, o Options) driver.Driver {
	return driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
		if cfg.URL != "" {
			return nil, errors.New("database: open: Options.URL must be empty with an existing pool")
		}
		if db == nil {
			return nil, errors.New("database: open: New: the *sql.DB is nil")
		}
		if d == SQLite {
			if err := checkShared(ctx, db); err != nil {
				return nil, fmt.Errorf("database: open: %w", err)
			}
		}
		s, err := newStore(cfg.WithDefaults(), &pool{DB: db, dialect: d}, o)
		if err != nil {
			return nil, fmt.Errorf("database: open: %w", err)
		}
		return s.asRenewer(), nil
	})
}
