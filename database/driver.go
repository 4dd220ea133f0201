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

// Options are the settings of the store beside the URL. What a URL says, in
// the parameter named with each field, takes a field's place. The zero value
// is the registered default.
type Options struct {
	// Table is the sessions' table, "sessions" by default: at most 48 letters,
	// digits and underscores, not beginning with a digit. A second table of
	// that name with "_schema" behind it holds the schema's version. (table=)
	Table string
	// Schema is where the tables are: PostgreSQL's schema, MySQL's database,
	// the connection's own by default. SQLite has none. (schema=)
	Schema string
	// NeverCreate leaves the tables, and the SQLite file, to you: see DDL. While
	// they are missing, calls fail with ErrNoTables. (create=no)
	NeverCreate bool
	// NoPrepare sends each statement whole rather than preparing it once a
	// connection, for poolers that hand out another server connection for each
	// statement, such as PgBouncer in its transaction mode. (prepare=no)
	NoPrepare bool
	// Pool is how many connections are open at most, 20 by default. A pool
	// given to New keeps its own limit. (pool=)
	Pool int
}

const defaultPool = 20

// FromURL returns a driver for sessions.Options.Driver that connects as
// sessions.Options.URL says; see the package documentation for its forms. Its
// Open fails if the URL or the options are at fault, and not if the server is
// down.
func FromURL(o Options) driver.Driver {
	return driver.OpenFunc(func(_ context.Context, cfg driver.Config) (driver.Store, error) {
		at, err := parseURL(cfg.URL, o)
		if err != nil {
			return nil, fmt.Errorf("database: open: %w", err)
		}
		p, err := at.open(cfg.DataDir)
		if err != nil {
			return nil, fmt.Errorf("database: open: %w", err)
		}
		s, err := newStore(cfg.WithDefaults(), p, at.Options)
		if err != nil {
			return nil, fmt.Errorf("database: open: %w", errors.Join(err, p.close()))
		}
		return s, nil
	})
}

// New returns a driver for sessions.Options.Driver on a pool that the program
// has, of any driver for database/sql that speaks the dialect; sessions.Options.URL
// is then empty. Closing the store leaves the pool open.
//
// The connections of an SQLite pool must share one database. Open refuses a pool
// of ":memory:", where each has its own, unless it is limited to one connection
// that stays open: SetMaxOpenConns(1), and no limit to its idle or life time.
//
// A pool of github.com/lib/pq's own does not look at contexts while the server
// is silent. Give a URL instead, or use pgx.
func New(db *sql.DB, d Dialect, o Options) driver.Driver {
	return driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
		if cfg.URL != "" {
			return nil, errors.New("database: open: Options.URL does not go with a pool that the program opened")
		}
		if db == nil {
			return nil, errors.New("database: open: New was given no *sql.DB")
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
		return s, nil
	})
}
