package sessionstest

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pump-go/sessions/driver"
)

var listingCases = []testCase{
	{"list-everything-once", 9, "All yields every live record, as saved, exactly once.", []Ability{List}, listEverything},
	{"list-many", 9, "All yields every live record exactly once, however many there are.", []Ability{List}, listMany},
	{"list-during-changes", 9, "a record that exists throughout a listing is yielded exactly once, whatever happens to other records and to its own times.", []Ability{List}, listDuringChanges},
	{"list-with-changes-in-the-body", 9, "a record that exists throughout a listing is yielded exactly once, whatever the loop body changes: page by key, not by an offset or a value that can change.", []Ability{List}, func(e *env) {
		s := e.open()
		e.changeInBody(s, e.lister(s).All(e.ctx), "All")
	}},
	{"list-twice", 9, "a listing can be iterated again, and then yields the records that exist at that time.", []Ability{List}, func(e *env) {
		s := e.open()
		e.listTwice(s, e.lister(s).All(e.ctx), "All")
	}},
	{"list-with-calls-in-the-body", 9, "a listing holds no lock, transaction or connection while it yields, so the loop body may call the store.", []Ability{List}, func(e *env) {
		s := e.open()
		e.callInBody(s, e.lister(s).All)
	}},
	{"list-stopped-early", 9, "the caller may stop a listing at any step, and it holds nothing afterwards.", []Ability{List}, func(e *env) {
		s := e.open()
		e.stopEarly(s, e.lister(s).All(e.ctx))
	}},
}

// fill creates up to n records, fewer on a slow backend, and returns them by
// key.
func (e *env) fill(s driver.Store, n int, rec func(i int) driver.Record) map[driver.Key]driver.Record {
	var mu sync.Mutex
	recs := make(map[driver.Key]driver.Record)
	e.each(n, func(i int) {
		r := rec(i)
		key := e.create(s, r)
		mu.Lock()
		defer mu.Unlock()
		recs[key] = r
	})
	return recs
}

func listEverything(e *env) {
	s := e.open()
	l := e.lister(s)
	recs := map[driver.Key]driver.Record{}
	e.lists(l.All(e.ctx), recs, "All of an empty store")
	for i := range 12 {
		rec := e.owned(hostile[i], everyByte[:i])
		recs[e.create(s, rec)] = rec
	}
	e.lists(l.All(e.ctx), recs, "All")
	i := 0
	for key, rec := range maps.Clone(recs) {
		switch i++; i % 4 {
		case 0:
			e.must(s.Delete(e.ctx, key, 0), "Delete")
			delete(recs, key)
		case 1:
			now := next(rec, "replaced")
			e.must(s.Save(e.ctx, key, rec.Version, now), "Save at the current version")
			recs[key] = now
		case 2:
			recs[key] = extended(rec, hour)
			e.must(s.Touch(e.ctx, key, recs[key]), "Touch")
		}
	}
	e.lists(l.All(e.ctx), recs, "All, after records were replaced, touched and deleted")
}

func listMany(e *env) {
	s := e.open()
	l := e.lister(s)
	recs := e.fill(s, 1200, func(i int) driver.Record {
		rec := e.record(strconv.Itoa(i))
		rec.Expires += driver.Millis(i % 3) // equal expiries across a page boundary
		return rec
	})
	e.lists(l.All(e.ctx), recs, "All")
}

func listDuringChanges(e *env) {
	s := e.open()
	l := e.lister(s)
	e.churn(s, "", func() iter.Seq2[driver.Entry, error] { return l.All(e.ctx) }, "All")
}

// churn lists repeatedly while records are created, deleted and refreshed, and
// checks that those that exist throughout are yielded once each time.
func (e *env) churn(s driver.Store, owner string, list func() iter.Seq2[driver.Entry, error], listing string) {
	const staying = 40
	keys := make([]driver.Key, staying)
	index := make(map[driver.Key]int)
	for i := range keys {
		keys[i] = e.create(s, e.owned(owner, "stays"))
		index[keys[i]] = i
	}
	var stop atomic.Bool
	var changes atomic.Int64
	e.parallel(4, func(i int) {
		switch i {
		case 0:
			defer stop.Store(true)
			e.roundsWith(15, &changes, func(int) {
				var times [staying]int
				for entry, err := range list() {
					e.must(err, listing+" during changes")
					runtime.Gosched() // let the others run between two steps
					if i, ok := index[entry.Key]; ok {
						times[i]++
					}
				}
				for _, n := range times {
					if n != 1 {
						e.fatalf("%s yielded a record that existed throughout %d times, want once", listing, n)
					}
				}
			})
		case 1: // refresh the records that exist throughout
			for j := 0; !stop.Load(); j++ {
				runtime.Gosched() // on one processor, alternate
				key := keys[j%staying]
				rec := e.load(s, key, "of a record that exists throughout")
				if j%3 == 0 {
					e.must(s.Save(e.ctx, key, rec.Version, next(rec, fmt.Sprint("stays ", j))), "Save of a record that exists throughout")
				} else {
					e.must(s.Touch(e.ctx, key, extended(rec, driver.Millis(j%7-3))), "Touch of a record that exists throughout")
				}
			}
		default: // create and delete short-lived records
			for ; !stop.Load(); changes.Add(1) {
				var come [5]driver.Key
				for j := range come {
					runtime.Gosched()
					come[j] = e.create(s, e.owned(owner, "comes and goes"))
				}
				for _, key := range come {
					runtime.Gosched()
					e.must(s.Delete(e.ctx, key, 0), "Delete of a short-lived record")
				}
			}
		}
	})
}

// changeInBody changes records in the listing's loop body, both already
// listed ones and others, so that a listing that pages by a value that can change
// misses or repeats records. There are more records than fit on a usual page.
func (e *env) changeInBody(s driver.Store, list iter.Seq2[driver.Entry, error], listing string) {
	const owner = "user:42"
	recs := e.fill(s, 260, func(i int) driver.Record {
		rec := e.owned(owner, "stays "+strconv.Itoa(i))
		rec.Expires += driver.Millis(i)
		return rec
	})
	stay := slices.Collect(maps.Keys(recs))
	leave := slices.Collect(maps.Keys(e.fill(s, 60, func(i int) driver.Record { return e.owned(owner, "leaves") })))
	times, done := map[driver.Key]int{}, map[driver.Key]string{}
	step, began := 0, time.Now()
	for entry, err := range list {
		e.must(err, listing+" with changes in its body")
		times[entry.Key]++
		if step++; time.Since(began) > e.effort/4 {
			continue // a slow backend: list the rest without changes
		}
		key := stay[(step/2)%len(stay)]
		rec, at := recs[key], recs[key].Version
		switch step % 6 {
		case 0:
			rec = next(rec, "stays, saved")
			done[key] = "saved"
			e.must(s.Save(e.ctx, key, at, rec), "Save in the body of a listing")
		case 2:
			rec = extended(rec, hour/2)
			done[key] = "touched, to a later expiry"
			e.must(s.Touch(e.ctx, key, rec), "Touch in the body of a listing")
		case 4:
			rec = extended(rec, -hour/2)
			done[key] = "touched, to an earlier expiry"
			e.must(s.Touch(e.ctx, key, rec), "Touch in the body of a listing")
		case 1, 5:
			if n := len(leave); n > 0 {
				e.must(s.Delete(e.ctx, leave[n-1], 0), "Delete in the body of a listing")
				leave = leave[:n-1]
			}
		case 3:
			if step < 260 {
				e.create(s, e.owned(owner, "comes"))
			}
		}
		recs[key] = rec
	}
	for key := range recs {
		if n := times[key]; n != 1 {
			what := "unchanged"
			if done[key] != "" {
				what = done[key]
			}
			e.failf("%s yielded a record that existed throughout (%s) %d times, want once", listing, what, n)
		}
	}
}

// listTwice iterates one sequence again after changes.
func (e *env) listTwice(s driver.Store, list iter.Seq2[driver.Entry, error], listing string) {
	e.lists(list, nil, listing+" of an empty store")
	want := map[driver.Key]driver.Record{}
	for range 3 {
		rec := e.owned("user:42", "data")
		want[e.create(s, rec)] = rec
		e.lists(list, want, "the same sequence of "+listing+", iterated again after a Save,")
	}
}

// callInBody calls every method of the store in a listing's loop body.
func (e *env) callInBody(s driver.Store, list func(context.Context) iter.Seq2[driver.Entry, error]) {
	before := map[driver.Key]bool{}
	for range 6 {
		before[e.create(s, e.owned("user:42", "data"))] = true
	}
	for entry, err := range list(e.ctx) {
		e.must(err, "the listing")
		if !before[entry.Key] {
			continue // created below; it may be listed or not
		}
		delete(before, entry.Key)
		rec := e.load(s, entry.Key, "in the body of a listing")
		now := next(rec, "changed in the body of a listing")
		e.must(s.Save(e.ctx, entry.Key, rec.Version, now), "Save in the body of a listing")
		e.must(s.Touch(e.ctx, entry.Key, extended(now, hour)), "Touch in the body of a listing")
		if len(before)%2 == 0 {
			e.must(s.Delete(e.ctx, entry.Key, now.Version), "Delete in the body of a listing")
		}
		e.create(s, e.owned("user:42", "created in the body of a listing"))
		for _, err := range list(e.ctx) {
			e.must(err, "a listing in the body of a listing")
		}
	}
	if len(before) > 0 {
		e.failf("%d records that existed throughout were not listed", len(before))
	}
}

// stopEarly stops listings early, then uses the store.
func (e *env) stopEarly(s driver.Store, list iter.Seq2[driver.Entry, error]) {
	var keys []driver.Key
	for range 5 {
		keys = append(keys, e.create(s, e.owned("user:42", "data")))
	}
	for range 3 {
		for _, err := range list {
			e.must(err, "the listing")
			break
		}
	}
	for _, key := range keys {
		rec := e.load(s, key, "after a listing was stopped early")
		e.must(s.Save(e.ctx, key, rec.Version, next(rec, "changed")), "Save after a listing was stopped early")
	}
}
