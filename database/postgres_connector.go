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

func (t *target) openPostgres() (*pool, error) {
	c := &pqConnector{cfg: t.postgres, conns: make(map[*conn]struct{})}
	p := openPool(c, PostgreSQL, t.Pool)
	p.shortenDeadlines = c.shortenDeadlines
	p.callSem = make(chan struct{}, p.size)
	p.SetMaxOpenConns(0)    // callSem is the limit
	p.SetConnMaxLifetime(0) // conn.unusable is: lib/pq's Close waits for the server
	return p, nil
}

// pqConnector opens connections of lib/pq that fail when the context of the call
// ends, even if the server is silent, and that are not reused once the server has
// closed them. lib/pq alone asks the server to cancel the statement, and waits for
// its answer.
type pqConnector struct {
	cfg   pq.Config
	mu    sync.Mutex
	conns map[*conn]struct{}
}

func (c *pqConnector) Driver() driver.Driver { return &pq.Driver{} }

// pqMethods are the methods of lib/pq's connection that database/sql looks for.
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
	conn      *conn
	connector *pqConnector
}

// Connect implements driver.Connector.
func (c *pqConnector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n := &conn{cancelDial: cancel, opened: time.Now()}
	if call, ok := ctx.Value(callContextKey{}).(*callContext); ok {
		call.use(n)
	}
	connector, err := pq.NewConnectorConfig(c.cfg)
	if err != nil {
		return nil, err
	}
	connector.Dialer(n)
	c.add(n)
	stop := context.AfterFunc(ctx, n.abort)
	opened, err := connector.Connect(ctx)
	if !stop() && err == nil {
		err = errors.Join(ctx.Err(), opened.Close())
	}
	if err != nil {
		c.remove(n)
		return nil, err
	}
	methods, ok := opened.(pqMethods)
	if !ok {
		c.remove(n)
		return nil, errors.Join(errors.New("lib/pq's connection lacks a method"), opened.Close())
	}
	return &pqConn{methods, n, c}, nil
}

func (c *pqConnector) add(n *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns[n] = struct{}{}
}

func (c *pqConnector) remove(n *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, n)
}

// shortenDeadlines gives every connection a second to finish.
func (c *pqConnector) shortenDeadlines() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := range c.conns {
		n.setDeadline(time.Now().Add(time.Second))
	}
}

// ResetSession implements driver.SessionResetter. database/sql calls it before it
// uses a connection again.
func (c *pqConn) ResetSession(ctx context.Context) error {
	if c.conn.unusable() {
		return driver.ErrBadConn
	}
	if call, ok := ctx.Value(callContextKey{}).(*callContext); ok {
		call.use(c.conn)
	}
	return c.pqMethods.ResetSession(ctx)
}

// Close implements driver.Conn.
func (c *pqConn) Close() error {
	c.connector.remove(c.conn)
	return c.pqMethods.Close()
}

// conn is a network connection to PostgreSQL that can be aborted. It dials for
// lib/pq.
type conn struct {
	cancelDial context.CancelFunc
	opened     time.Time

	mu      sync.Mutex
	net     net.Conn
	checked time.Time // when it was last checked or used
	aborted bool
}

var errAborted = errors.New("the call's context ended")

// DialContext implements pq.DialerContext.
func (c *conn) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	dialed, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aborted {
		return nil, errors.Join(errAborted, dialed.Close())
	}
	c.net = dialed
	return dialed, nil
}

// Dial implements pq.Dialer.
func (c *conn) Dial(network, address string) (net.Conn, error) {
	return c.DialContext(context.Background(), network, address)
}

// DialTimeout implements pq.Dialer.
func (c *conn) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return c.DialContext(ctx, network, address)
}

// abort makes every use of the connection fail, those under way included.
func (c *conn) abort() {
	c.mu.Lock()
	c.aborted = true
	c.mu.Unlock()
	c.cancelDial()
	c.setDeadline(time.Unix(1, 0))
}

func (c *conn) setDeadline(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.net != nil {
		_ = c.net.SetDeadline(t) // fails only on a closed one
	}
}

// idleCheckAfter is how long a connection may be idle before a check, which costs
// a system call, is due: less than a server takes to restart.
const idleCheckAfter = 20 * time.Millisecond

// unusable reports whether the connection was aborted, is too old, or was closed
// by the server. It aborts such a connection, so that closing it does not wait.
func (c *conn) unusable() bool {
	c.mu.Lock()
	idle := time.Since(c.checked)
	c.checked = time.Now()
	unusable := c.aborted || c.net == nil || time.Since(c.opened) > maxLifetime || idle > idleCheckAfter && peerClosed(c.net)
	c.mu.Unlock()
	if unusable {
		c.abort()
	}
	return unusable
}
