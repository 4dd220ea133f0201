package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/lib/pq"
)

func (at *place) openPostgres() (*pool, error) {
	c := &pqConnector{cfg: at.postgres, links: make(map[*link]struct{})}
	p := openPool(c, PostgreSQL, at.Pool)
	p.hasten = c.hasten
	p.slots = make(chan struct{}, p.size)
	p.SetMaxOpenConns(0)    // the slots see to it
	p.SetConnMaxLifetime(0) // and gone to that: lib/pq's Close waits for the server
	return p, nil
}

// pqConnector makes connections of lib/pq that end with the call that uses
// them, on a server that is silent too, and that are not used again once the
// server has hung up. lib/pq on its own asks the server to cancel the statement
// and waits for the answer.
type pqConnector struct {
	cfg   pq.Config
	mu    sync.Mutex
	links map[*link]struct{}
}

func (c *pqConnector) Driver() driver.Driver { return &pq.Driver{} }

// pqMethods are those of lib/pq's connection that database/sql looks for.
type pqMethods interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
	driver.SessionResetter
	driver.Validator
	driver.Pinger
}

type pqConn struct {
	pqMethods
	link *link
	c    *pqConnector
}

func (c *pqConnector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &link{dialing: cancel, born: time.Now()}
	if call, ok := ctx.Value(callKey{}).(*call); ok {
		call.uses(l)
	}
	connector, err := pq.NewConnectorConfig(c.cfg)
	if err != nil {
		return nil, err
	}
	connector.Dialer(l)
	c.keep(l)
	stop := context.AfterFunc(ctx, l.abort)
	conn, err := connector.Connect(ctx)
	if !stop() && err == nil {
		err = errors.Join(ctx.Err(), conn.Close())
	}
	if err != nil {
		c.drop(l)
		return nil, err
	}
	methods, ok := conn.(pqMethods)
	if !ok {
		c.drop(l)
		return nil, errors.Join(errors.New("lib/pq's connection lacks a method"), conn.Close())
	}
	return &pqConn{methods, l, c}, nil
}

func (c *pqConnector) keep(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.links[l] = struct{}{}
}

func (c *pqConnector) drop(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.links, l)
}

// hasten gives every connection a second for what it still has to say.
func (c *pqConnector) hasten() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for l := range c.links {
		l.until(time.Now().Add(time.Second))
	}
}

// ResetSession is called before a connection is used again.
func (c *pqConn) ResetSession(ctx context.Context) error {
	if c.link.gone() {
		return driver.ErrBadConn
	}
	if call, ok := ctx.Value(callKey{}).(*call); ok {
		call.uses(c.link)
	}
	return c.pqMethods.ResetSession(ctx)
}

func (c *pqConn) Close() error {
	c.c.drop(c.link)
	return c.pqMethods.Close()
}

// link is one connection's way to the network, by which it can be cut.
type link struct {
	dialing context.CancelFunc // ends the way there
	mu      sync.Mutex
	conn    net.Conn
	born    time.Time
	asked   time.Time // when it was last looked at, or used
	aborted bool
}

var errCut = errors.New("the call's context ended")

func (l *link) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.aborted {
		return nil, errors.Join(errCut, conn.Close())
	}
	l.conn = conn
	return conn, nil
}

func (l *link) Dial(network, address string) (net.Conn, error) {
	return l.DialContext(context.Background(), network, address)
}

func (l *link) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return l.DialContext(ctx, network, address)
}

// abort makes whatever is waiting for the network fail, now and ever after.
func (l *link) abort() {
	l.mu.Lock()
	l.aborted = true
	l.mu.Unlock()
	l.dialing()
	l.until(time.Unix(1, 0))
}

func (l *link) until(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		_ = l.conn.SetDeadline(t) // fails only on a closed one
	}
}

// gone tells that the connection is of no more use: cut by us, old, or hung up
// by the server, which also says something first. Then it is cut for good, so
// that closing it takes no time.
func (l *link) gone() bool {
	l.mu.Lock()
	idle := time.Since(l.asked)
	l.asked = time.Now()
	gone := l.aborted || l.conn == nil || time.Since(l.born) > maxLifetime || idle > briefly && hungUp(l.conn)
	l.mu.Unlock()
	if gone {
		l.abort()
	}
	return gone
}

// briefly is how long a connection may idle without being looked at, which
// costs a system call: less than a server takes to restart.
const briefly = 20 * time.Millisecond
