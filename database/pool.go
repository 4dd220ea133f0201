package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"reflect"
	"strings"
	"time"
)

// connectTimeout bounds each attempt to connect: database/sql also connects in
// the background, with a context that never ends.
const connectTimeout = 5 * time.Second

// maxLifetime is the age at which a connection is replaced, so that connections
// spread over the servers behind one name as these change.
const maxLifetime = time.Hour

// pool is a *sql.DB and what the store needs to know about it.
type pool struct {
	*sql.DB
	dialect Dialect
	// owned reports whether the store opened the pool, and closes it. The
	// fields below are only set for such a pool.
	owned bool
	size  int
	// shortenDeadlines makes connections that hang fail within a second, so that
	// Close does not wait for them.
	shortenDeadlines func()
	// writerSem is SQLite's: it admits one writer of this process at a time, so
	// that writers queue instead of polling. Calls then need no context, which
	// would cost SQLite's driver two goroutines each: none waits longer than one
	// write takes.
	writerSem chan struct{}
	// checkpointer is that of a file of SQLite, or nil.
	checkpointer *checkpointer
	// inMemory: the pool's one connection is the database.
	inMemory bool
	// callSem is PostgreSQL's: it admits as many calls at a time as the pool has
	// connections. Waiting in database/sql would not end with a callContext.
	callSem chan struct{}
}

// openPool returns a pool of at most size connections from c.
func openPool(c driver.Connector, d Dialect, size int) *pool {
	if size == 0 {
		size = defaultPool
	}
	p := &pool{DB: sql.OpenDB(&timedConnector{c}), dialect: d, owned: true, size: size, shortenDeadlines: func() {}}
	p.SetMaxOpenConns(size)
	p.SetMaxIdleConns(size)
	p.SetConnMaxIdleTime(5 * time.Minute)
	p.SetConnMaxLifetime(maxLifetime)
	return p
}

// close closes the pool if the store owns it. Errors while closing server
// connections are ignored: no call is using them.
func (p *pool) close() error {
	if !p.owned {
		return nil
	}
	p.shortenDeadlines()
	if err := p.Close(); p.dialect == SQLite {
		return err
	}
	return nil
}

// dropReadOnly closes the idle connections, which are read-only, and reports
// whether new ones may be writable: those to a server that took over under the
// same name, or to a file that has become writable. A connection that SQLite
// opened read-only stays read-only.
func (p *pool) dropReadOnly() bool {
	if !p.owned || p.inMemory {
		return false
	}
	p.SetMaxIdleConns(0)
	p.SetMaxIdleConns(p.size)
	return true
}

// mayResend reports whether the driver can report a lost connection in a way that
// makes database/sql send a write a second time. lib/pq can; the other drivers
// do so only if nothing was sent.
func (p *pool) mayResend() bool {
	t := reflect.TypeOf(p.Driver())
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return strings.HasSuffix(t.PkgPath(), "github.com/lib/pq")
}

// timedConnector bounds each attempt to connect by connectTimeout.
type timedConnector struct{ driver.Connector }

func (c *timedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	return c.Connector.Connect(ctx)
}
