package dbm

import (
	"bytes"
	"context"
	"iter"

	"go.etcd.io/bbolt"

	"github.com/pump-go/sessions/driver"
)

// A listing reads in pages, each in a transaction of its own, because bbolt cannot
// reuse space while a transaction is open.
const (
	pageKeys  = 256
	pageBytes = 1 << 20
)

// All yields all live sessions, in the order of their keys.
func (s *store) All(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return s.list(ctx, s.names.records, nil, func(*driver.Record) bool { return true })
}

// Owned yields the live sessions of an owner.
func (s *store) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	if len(owner) > driver.MaxOwner {
		owner = "" // no session has such an owner
	}
	return s.list(ctx, s.names.owners, ownersPrefix(owner), func(r *driver.Record) bool { return r.Owner == owner })
}

// found is an entry of a page: a session, or an error.
type found struct {
	driver.Entry
	err error
}

// list reads the entries of a bucket that begin with prefix and end with a key,
// and yields the sessions at these keys for which keep returns true. No
// transaction is open while it yields.
func (s *store) list(ctx context.Context, bucket []byte, prefix []byte, keep func(*driver.Record) bool) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		p := page{prefix: prefix, keep: keep}
		for p.more = true; p.more; {
			err := s.view(ctx, func(b buckets) error {
				p.more = false
				p.found = p.found[:0]
				if !b.missing() {
					p.read(b, b.in(bucket).Cursor(), s.now())
				}
				return nil
			})
			if err != nil {
				yield(driver.Entry{}, wrap("list", err))
				return
			}
			for _, f := range p.found {
				if err := ctx.Err(); err != nil {
					yield(driver.Entry{}, wrap("list", err))
					return
				}
				if !yield(f.Entry, wrap("list", f.err)) {
					return
				}
			}
		}
	}
}

// page is the position of a listing, and the entries that it has read.
type page struct {
	prefix []byte
	keep   func(*driver.Record) bool
	after  []byte // the last entry read
	more   bool
	found  []found
}

// read reads the next page.
func (p *page) read(b buckets, c *bbolt.Cursor, now driver.Millis) {
	size := 0
	n := 0
	for k, _ := following(c, p.prefix, p.after); k != nil && bytes.HasPrefix(k, p.prefix); k, _ = c.Next() {
		if n == pageKeys || size > pageBytes {
			p.more = true
			break
		}
		n++
		p.after = append(p.after[:0], k...)
		if len(k) != len(p.prefix)+len(driver.Key{}) {
			continue // not written by this package
		}
		key := driver.Key(k[len(k)-len(driver.Key{}):])
		rec, err := b.live(key, now)
		switch {
		case err != nil:
			p.found = append(p.found, found{driver.Entry{Key: key}, err})
		case rec.Version != 0 && p.keep(&rec):
			rec.Data = bytes.Clone(rec.Data)
			size += len(rec.Data)
			p.found = append(p.found, found{driver.Entry{Key: key, Record: rec}, nil})
		}
	}
}
