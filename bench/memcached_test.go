package bench

import (
	"fmt"
	"sync"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/memcached"
)

// memcached is one private server, and both contenders use a client with the same
// settings. scs has no maintained store for it.

var sharedMemcached = sync.OnceValues(servers.StartMemcached)

func memcachedClient(tb testing.TB) *memcache.Client {
	s, err := sharedMemcached()
	if servers.MaySkip(err) {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	c := memcache.New(s.Addr)
	c.MaxIdleConns = 64
	tb.Cleanup(func() { c.Close() })
	return c
}

func oursMemcached(tb testing.TB) app {
	a := ours(tb, sessions.Options{Driver: memcached.New(memcachedClient(tb), memcached.Options{}), Namespace: fmt.Sprint("b", tables.Add(1))})
	a.sessions = nil
	return a
}

// rawItems is gets, and add or cas with a time to live.
type rawItems struct {
	c      *memcache.Client
	prefix string
}

func rawMemcached(tb testing.TB) app {
	return rawApp(rawItems{memcachedClient(tb), fmt.Sprintf("raw%d:", tables.Add(1))})
}

func (s rawItems) load(cookie string) (stored, error) {
	item, err := s.c.Get(s.prefix + cookie)
	if err != nil {
		return stored{}, err
	}
	return stored{item.Value, item.CasID}, nil
}

func (s rawItems) save(cookie string, old stored, b []byte) (string, error) {
	item := &memcache.Item{Key: s.prefix + cookie, Value: b, Expiration: 3600, CasID: old.cas}
	if old.isNew() {
		return cookie, s.c.Add(item)
	}
	return cookie, s.c.CompareAndSwap(item)
}
