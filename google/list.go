package google

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"cloud.google.com/go/datastore"

	"github.com/pump-go/sessions/driver"
)

// page is how many records a step of a listing reads at most.
const page = 100

// All yields every live record.
func (s *store) All(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return s.list(ctx, "", s.query())
}

// Owned yields an owner's live records.
func (s *store) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	if owner == "" {
		return s.list(ctx, "", nil)
	}
	return s.list(ctx, owner, s.query().FilterField(ownerProperty, "=", []byte(owner)))
}

// query is for the keys of the sessions.
func (s *store) query() *datastore.Query {
	return datastore.NewQuery(s.at.Kind).Namespace(s.at.Namespace).KeysOnly()
}

// found is a record of a listing, or what is wrong with it.
type found struct {
	entry driver.Entry
	err   error
}

// list yields page after page in the order of keys. A page's keys come from an
// index and its records from a lookup, so that they are as they are now,
// whatever the index says. Nothing is held between two pages.
func (s *store) list(ctx context.Context, owner string, q *datastore.Query) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		var after *datastore.Key
		for {
			var keys []*datastore.Key
			var records []found
			err := s.call(ctx, "list", func(ctx context.Context) (err error) {
				if q != nil {
					keys, records, err = s.page(ctx, owner, q, after)
				}
				return err
			})
			if err != nil {
				yield(driver.Entry{}, err)
				return
			}
			for _, f := range records {
				if !yield(f.entry, f.err) {
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

func (s *store) page(ctx context.Context, owner string, q *datastore.Query, after *datastore.Key) ([]*datastore.Key, []found, error) {
	q = q.Order("__key__").Limit(page)
	if after != nil {
		q = q.FilterField("__key__", ">", after)
	}
	keys, err := s.client.GetAll(ctx, q, nil)
	if err != nil || len(keys) == 0 {
		return nil, nil, err
	}
	t := &terms{}
	all, err := entities(keys, func(into []*entity) error { return s.client.GetMulti(withTerms(ctx, t), keys, into) })
	if err != nil {
		return nil, nil, err
	}
	var records []found
	for i, e := range all {
		if e == nil {
			continue // deleted since
		}
		var f found
		f.entry.Key, f.err = driver.ParseKey(keys[i].Name)
		if f.err == nil {
			f.entry.Record, f.err = e.parse()
		} else {
			f.err = errors.Join(f.err, driver.ErrCorrupt)
		}
		rec := &f.entry.Record
		switch {
		case f.err != nil:
			f.err = fmt.Errorf("google: list: %w", f.err)
		case rec.Expired(s.cfg.Now()), owner != "" && rec.Owner != owner:
			continue
		default:
			rec.Hint = hint{t.version(keys[i]), rec.Version, rec.Expires}
		}
		records = append(records, f)
	}
	return keys, records, nil
}
