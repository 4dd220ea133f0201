package memory

import (
	"encoding/binary"
	"slices"
	"strings"
	"sync"

	"github.com/pump-go/sessions/driver"
)

// shard is one part of the store's sessions. Its methods require that mu is held,
// unless they say that they lock it. With this many shards, mu is held for some
// dozens of nanoseconds; an RWMutex was measured as no faster on one core and
// slower on two.
type shard struct {
	mu     sync.Mutex
	closed bool
	// byPrefix maps the first 8 bytes of a key to a chain of the entries with
	// that prefix. Keys are digests, so chains longer than one hardly occur; a map
	// slot of 16 bytes instead of 40 saves a fifth of a small session's memory.
	byPrefix map[uint64]*entry
	queue    queue
	byOwner  map[string][]*entry // the entries that have an owner; nil until there is one
}

func prefix(key *driver.Key) uint64 { return binary.LittleEndian.Uint64(key[:]) }

// find returns the entry at key, expired or not, or nil.
func (sh *shard) find(key *driver.Key) *entry {
	e := sh.byPrefix[prefix(key)]
	for e != nil && e.key != *key {
		e = e.next
	}
	return e
}

// add adds a new entry.
func (sh *shard) add(e *entry) {
	p := prefix(&e.key)
	e.next = sh.byPrefix[p]
	sh.byPrefix[p] = e
	sh.queue.push(e)
	sh.indexOwner(e)
}

// remove removes an entry.
func (sh *shard) remove(e *entry) {
	p := prefix(&e.key)
	switch first := sh.byPrefix[p]; {
	case first != e:
		for first.next != e {
			first = first.next
		}
		first.next = e.next
	case e.next != nil:
		sh.byPrefix[p] = e.next
	default:
		delete(sh.byPrefix, p)
	}
	sh.queue.remove(e)
	sh.unindexOwner(e)
}

// replace sets an entry of the shard to rec, whose body is given.
func (sh *shard) replace(e *entry, rec *driver.Record, body string) {
	newOwner := e.owner() != rec.Owner
	if newOwner {
		sh.unindexOwner(e)
	}
	e.set(rec, body)
	if newOwner {
		sh.indexOwner(e)
	}
	sh.queue.advance(e)
}

func (e *entry) set(rec *driver.Record, body string) {
	e.body, e.ownerLen = body, uint8(len(rec.Owner))
	e.version, e.created, e.accessed, e.expires = rec.Version, rec.Created, rec.Accessed, rec.Expires
}

// indexOwner adds e to byOwner if it has an owner.
func (sh *shard) indexOwner(e *entry) {
	if e.ownerLen == 0 {
		return
	}
	if sh.byOwner == nil {
		sh.byOwner = make(map[string][]*entry)
	}
	owner := e.owner()
	if _, known := sh.byOwner[owner]; !known {
		owner = strings.Clone(owner) // a substring as the map's key would keep the whole body in memory
	}
	sh.byOwner[owner] = append(sh.byOwner[owner], e)
}

// unindexOwner removes e from byOwner.
func (sh *shard) unindexOwner(e *entry) {
	if e.ownerLen == 0 {
		return
	}
	list := sh.byOwner[e.owner()]
	if len(list) == 1 {
		delete(sh.byOwner, e.owner())
		return
	}
	i, last := slices.Index(list, e), len(list)-1
	list[i], list[last] = list[last], nil
	sh.byOwner[e.owner()] = list[:last]
}
