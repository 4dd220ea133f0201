package memcached

import (
	"fmt"
	"net"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/cespare/xxhash/v2"
	"github.com/dgryski/go-rendezvous"
)

// selector selects the server of a key by rendezvous hashing: the server with the
// highest hash of its name and the key. A new server takes over only the keys for
// which its hash is the highest. A server that is down keeps its keys; the package
// documentation has the reasons.
type selector struct {
	addrs  map[string]net.Addr
	hashes *rendezvous.Rendezvous
}

// NewSelector returns a selector for a client of the program's own, over servers
// written as in sessions.Options.URL. Adding a server moves only that server's share
// of the sessions; with gomemcache's ServerList it would move almost all. The order
// of the servers does not matter. Host names and addresses are different servers.
func NewSelector(servers ...string) (memcache.ServerSelector, error) {
	s, err := newSelector(servers)
	if err != nil {
		return nil, fmt.Errorf("memcached: %w", err)
	}
	return s, nil
}

func newSelector(servers []string) (*selector, error) {
	s := &selector{addrs: make(map[string]net.Addr)}
	var names []string
	for i, server := range servers {
		addr, err := parseServer(server)
		if err != nil {
			return nil, fmt.Errorf("server %d of %d: %w", i+1, len(servers), err)
		}
		if s.addrs[addr.name] != nil {
			return nil, fmt.Errorf("server %d of %d: %.80q is already in the list", i+1, len(servers), addr.name)
		}
		s.addrs[addr.name] = addr
		names = append(names, addr.name)
	}
	s.hashes = rendezvous.New(names, xxhash.Sum64String)
	return s, nil
}

// PickServer returns the server of the key.
func (s *selector) PickServer(key string) (net.Addr, error) {
	addr, ok := s.addrs[s.hashes.Lookup(key)]
	if !ok {
		return nil, memcache.ErrNoServers
	}
	return addr, nil
}

// Each calls f for each server until one call fails.
func (s *selector) Each(f func(net.Addr) error) error {
	for _, addr := range s.addrs {
		if err := f(addr); err != nil {
			return err
		}
	}
	return nil
}
