package memcached

import (
	"fmt"
	"net"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/cespare/xxhash/v2"
	"github.com/dgryski/go-rendezvous"
)

// selector tells which server has a key, by rendezvous hashing: each server
// draws a number for the key, and the highest has it. So a server that joins
// takes over only the keys that it draws highest for, from each of the others
// its share. A server that is down keeps its keys: to ask another for them
// would lose sessions, and bring old states of them back afterwards.
type selector struct {
	addrs  map[string]net.Addr
	choose *rendezvous.Rendezvous
}

// NewSelector returns a selector for a client of the program's own, over
// servers as Options.URL names them. gomemcache's own list moves nearly every
// session when a server is added; this one moves the new server's share. The
// order of the servers does not matter, their spelling does: a host's name and
// its address are two servers.
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
			return nil, fmt.Errorf("server %d of %d: %.80q is in the list already", i+1, len(servers), addr.name)
		}
		s.addrs[addr.name] = addr
		names = append(names, addr.name)
	}
	s.choose = rendezvous.New(names, xxhash.Sum64String)
	return s, nil
}

// PickServer returns the server that has the key.
func (s *selector) PickServer(key string) (net.Addr, error) {
	addr, ok := s.addrs[s.choose.Lookup(key)]
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
