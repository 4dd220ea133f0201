package memory

import (
	"encoding/binary"
	"slices"
	"strings"
	"sync"

	"github.com/pump-go/sessions/driver"
)

// shard is one part of the store's sessions. Its methods want mu held, unless
// they say that they take it. A plain mutex: with so many shards it is held for
// some dozens of nanoseconds, and an RWMutex measured no quicker on one core and
// slower on two.
type shard struct {
	mu     sync.Mutex
	closed bool
	// byPrefix finds the sessions by the first 8 bytes of their keys, and leads
	// to a chain of those that share them. Keys are digests, so a chain of two
	// is a curiosity; but a slot of 16 bytes instead of 40 saves a fifth of the
	// memory of a small session.
	byPrefix map[uint64]*entry
	queue    queue
	// byOwner has the sessions that have an owner, and is nil without any.
	byOwner map[string][]*entry
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

// add makes a new entry part of the shard.
func (sh *shard) add(e *entry) {
	p := prefix(&e.key)
	e.next = sh.byPrefix[p]
	sh.byPrefix[p] = e
	sh.queue.push(e)
	sh.own(e)
}

// remove takes an entry out of the shard.
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
	sh.disown(e)
}

// replace writes rec, whose body is given, over an entry of the shard.
func (sh *shard) replace(e *entry, rec *driver.Record, body string) {
	moves := e.owner() != rec.Owner
	if moves {
		sh.disown(e)
	}
	e.set(rec, body)
	if moves {
		sh.own(e)
	}
	sh.queue.hasten(e)
}

func (e *entry) set(rec *driver.Record, body string) {
	e.body, e.ownerLen = body, uint8(len(rec.Owner))
	e.version, e.created, e.accessed, e.expires = rec.Version, rec.Created, rec.Accessed, rec.Expires
}

// own enters e among its owner's sessions.
func (sh *shard) own(e *entry) {
	if e.ownerLen == 0 {
		return
	}
	if sh.byOwner == nil {
		sh.byOwner = make(map[string][]*entry)
	}
	owner := e.owner()
	if _, known := sh.byOwner[owner]; !known {
		owner = strings.Clone(owner) // the map's key must not keep a whole body alive
	}
	sh.byOwner[owner] = append(sh.byOwner[owner], e)
}

// disown is the reverse of own.
func (sh *shard) disown(e *entry) {
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
