package google

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"cloud.google.com/go/datastore"

	"github.com/pump-go/sessions/driver"
)

// page is the maximum number of records that one step of a listing reads.
const page = 100

// All yields every live record.
func (s *store) All(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return s.list(ctx, "", s.query())
}

// Owned yields the live records of an owner.
func (s *store) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	if owner == "" {
		return s.list(ctx, "", nil)
	}
	return s.list(ctx, owner, s.query().FilterField(ownerProperty, "=", []byte(owner)))
}

// query returns a query for the keys of all sessions.
func (s *store) query() *datastore.Query {
	return datastore.NewQuery(s.settings.Kind).Namespace(s.settings.Namespace).KeysOnly()
}

// result is one step of a listing's iterator.
type result struct {
	entry driver.Entry
	err   error
}

// list yields records page by page, in the order of keys. The keys of a page come
// from an index and its records from a lookup, so the records are current even if
// the index is not. Nothing is held between pages. A nil query yields nothing.
func (s *store) list(ctx context.Context, owner string, q *datastore.Query) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		var after *datastore.Key
		for {
			var keys []*datastore.Key
			var results []result
			err := s.do(ctx, "list", func(ctx context.Context) (err error) {
				if q != nil {
					keys, results, err = s.page(ctx, owner, q, after)
				}
				return err
			})
			if err != nil {
				yield(driver.Entry{}, err)
				return
			}
			for _, r := range results {
				if !yield(r.entry, r.err) {
					return
				}
			}
			if len(keys) < page {
				return
			}
			after = keys[len(keys)-1]
		}
	}
}

// page returns the keys that follow after, and their results without those records
// that are deleted, expired or another owner's.
func (s *store) page(ctx context.Context, owner string, q *datastore.Query, after *datastore.Key) ([]*datastore.Key, []result, error) {
	q = q.Order("__key__").Limit(page)
	if after != nil {
		q = q.FilterField("__key__", ">", after)
	}
	keys, err := s.client.GetAll(ctx, q, nil)
	if err != nil || len(keys) == 0 {
		return nil, nil, err
	}
	entities, lookup, err := s.lookup(ctx, keys)
	if err != nil {
		return nil, nil, err
	}
	var results []result
	for i, e := range entities {
		if e == nil {
			continue // deleted since the query
		}
		var r result
		r.entry.Key, r.err = driver.ParseKey(keys[i].Name)
		if r.err == nil {
			r.entry.Record, r.err = e.parse()
		} else {
			r.err = errors.Join(r.err, driver.ErrCorrupt)
		}
		rec := &r.entry.Record
		switch {
		case r.err != nil:
			r.err = fmt.Errorf("google: list: %w", r.err)
		case rec.Expired(s.cfg.Now()), owner != "" && rec.Owner != owner:
			continue
		default:
			rec.Hint = hint{lookup.version(keys[i]), rec.Version, rec.Expires}
		}
		results = append(results, r)
	}
	return keys, results, nil
}
