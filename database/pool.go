package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"reflect"
	"strings"
	"time"
)

// connectTimeout is how long one attempt to connect may take, whoever waits:
// database/sql also connects on its own behalf.
const connectTimeout = 5 * time.Second

// maxLifetime is when a connection is replaced, so that a server that joins
// behind the same name gets its share.
const maxLifetime = time.Hour

// pool is a *sql.DB and what there is to know about it.
type pool struct {
	*sql.DB
	dialect Dialect
	// ours tells that Close closes it. The rest is of pools that are ours.
	ours bool
	size int
	// hasten makes connections that hang fail within a second: Close would
	// wait for them.
	hasten func()
	// alone is SQLite's: one writer of this process at a time, so that they
	// take turns rather than poll, and no call is given a context, which would
	// cost it two goroutines. None waits longer than one write takes.
	alone chan struct{}
	// inMemory: the one connection is the database.
	inMemory bool
	// slots is PostgreSQL's: as many calls at a time as connections are to be.
	// database/sql's own wait for one, no context would end.
	slots chan struct{}
}

// openPool returns a pool of connections from c.
func openPool(c driver.Connector, d Dialect, size int) *pool {
	if size == 0 {
		size = defaultPool
	}
	p := &pool{DB: sql.OpenDB(&timedConnector{c}), dialect: d, ours: true, size: size, hasten: func() {}}
	p.SetMaxOpenConns(size)
	p.SetMaxIdleConns(size)
	p.SetConnMaxIdleTime(5 * time.Minute)
	p.SetConnMaxLifetime(maxLifetime)
	return p
}

// close closes the pool if it is ours. A server that does not take the farewell
// of a connection is nothing to report: the connection is closed all the same,
// and no call was under way on it.
func (p *pool) close() error {
	if !p.ours {
		return nil
	}
	p.hasten()
	if err := p.Close(); p.dialect == SQLite {
		return err
	}
	return nil
}

// renew drops the idle connections, which are read-only, and tells whether
// there will be others: to the server that has taken over under the same name,
// or to a file that can be written again. A connection that SQLite made
// while it could not stays as it is.
func (p *pool) renew() bool {
	if !p.ours || p.inMemory {
		return false
	}
	p.SetMaxIdleConns(0)
	p.SetMaxIdleConns(p.size)
	return true
}

// repeats tells whether the driver may report a lost connection in a way that
// makes database/sql send a write again that has run. lib/pq does; the others
// do so only where nothing was sent.
func (p *pool) repeats() bool {
	t := reflect.TypeOf(p.Driver())
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return strings.HasSuffix(t.PkgPath(), "github.com/lib/pq")
}

// timedConnector bounds each attempt to connect.
type timedConnector struct{ driver.Connector }

func (c *timedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	return c.Connector.Connect(ctx)
}
