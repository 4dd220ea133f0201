//go:build unix

package database

import (
	"context"
	"database/sql/driver"
	"net"
	"testing"
	"time"
)

// quiet returns a connection to a listener that sends nothing.
func quiet(t *testing.T) (*conn, net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	k := &conn{cancelDial: func() {}, opened: time.Now(), checked: time.Now()}
	if _, err := k.DialContext(t.Context(), "tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close(); k.net.Close() })
	return k, peer
}

func TestBrokenConnectionsAreNotReused(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(*conn, net.Conn)
		unusable bool
	}{
		"in use":                  {func(*conn, net.Conn) {}, false},
		"idle":                    {func(k *conn, _ net.Conn) { k.checked = time.Time{} }, false},
		"old":                     {func(k *conn, _ net.Conn) { k.opened = time.Now().Add(-2 * maxLifetime) }, true},
		"cut":                     {func(k *conn, _ net.Conn) { k.abort() }, true},
		"closed by the server":    {func(k *conn, peer net.Conn) { k.checked = time.Time{}; peer.Close() }, true},
		"closing, with a message": {func(k *conn, peer net.Conn) { k.checked = time.Time{}; _, _ = peer.Write([]byte("E")) }, true},
	} {
		k, peer := quiet(t)
		c.change(k, peer)
		time.Sleep(10 * time.Millisecond) // the loopback's
		if got := k.unusable(); got != c.unusable {
			t.Errorf("%s: got unusable %v", name, got)
		}
	}
}

// The end of a call's context does not close a connection that another call uses.
func TestCallEndsOnlyItsOwnConnection(t *testing.T) {
	k, _ := quiet(t)
	ctx, cancel := context.WithCancel(t.Context())
	over := newCallContext(ctx, 0)
	over.use(k)
	over.release()
	cancel()
	over.abort()
	if k.unusable() {
		t.Error("the connection was closed by a call that had returned")
	}
	ctx, cancel = context.WithCancel(t.Context())
	c := newCallContext(ctx, 0)
	cancel()
	time.Sleep(10 * time.Millisecond)
	c.use(k) // it was still waiting for a connection
	if !k.unusable() {
		t.Error("a call whose context had ended got an open connection")
	}
	if (&pqConn{conn: k}).ResetSession(t.Context()) != driver.ErrBadConn {
		t.Error("a closed connection was offered for reuse")
	}
}
