//go:build unix

package database

import (
	"context"
	"database/sql/driver"
	"net"
	"testing"
	"time"
)

// quiet is a connection to a listener that says nothing.
func quiet(t *testing.T) (*link, net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	k := &link{dialing: func() {}, born: time.Now(), asked: time.Now()}
	if _, err := k.DialContext(t.Context(), "tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close(); k.conn.Close() })
	return k, peer
}

func TestConnectionsThatAreNotUsedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*link, net.Conn)
		gone   bool
	}{
		"in use":        {func(*link, net.Conn) {}, false},
		"idle":          {func(k *link, _ net.Conn) { k.asked = time.Time{} }, false},
		"old":           {func(k *link, _ net.Conn) { k.born = time.Now().Add(-2 * maxLifetime) }, true},
		"cut":           {func(k *link, _ net.Conn) { k.abort() }, true},
		"hung up":       {func(k *link, peer net.Conn) { k.asked = time.Time{}; peer.Close() }, true},
		"told farewell": {func(k *link, peer net.Conn) { k.asked = time.Time{}; _, _ = peer.Write([]byte("E")) }, true},
	} {
		k, peer := quiet(t)
		c.change(k, peer)
		time.Sleep(10 * time.Millisecond) // the loopback's
		if got := k.gone(); got != c.gone {
			t.Errorf("%s: gone %v", name, got)
		}
	}
}

// The end of a call's context never cuts a connection that another call uses.
func TestACallCutsItsOwnConnectionOnly(t *testing.T) {
	k, _ := quiet(t)
	ctx, cancel := context.WithCancel(t.Context())
	over := newCall(ctx, 0)
	over.uses(k)
	over.end()
	cancel()
	over.cut()
	if k.gone() {
		t.Error("cut by a call that had ended")
	}
	ctx, cancel = context.WithCancel(t.Context())
	c := newCall(ctx, 0)
	cancel()
	time.Sleep(10 * time.Millisecond)
	c.uses(k) // it was still waiting for a connection
	if !k.gone() {
		t.Error("a call whose context had ended got a connection that is not cut")
	}
	if (&pqConn{link: k}).ResetSession(t.Context()) != driver.ErrBadConn {
		t.Error("a connection that was cut was to be used again")
	}
}
