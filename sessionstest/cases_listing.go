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
	{"list-everything-once", 9, "All yields every live record, as it was saved, exactly once.", []Ability{List}, listEverything},
	{"list-many", 9, "All yields every live record exactly once, however many pages that takes.", []Ability{List}, listMany},
	{"list-while-others-change", 9, "a record present from the first step to the last comes exactly once, whatever happens to others and to its times.", []Ability{List}, listWhileChanging},
	{"list-while-its-body-changes", 9, "a record present from the first step to the last comes exactly once, whatever happens to others and to its times: pages are found by the key, not by a number or a value that changes.", []Ability{List}, func(e *env) {
		s := e.open()
		e.changeFromWithin(s, e.lister(s).All(e.ctx), "All")
	}},
	{"list-twice", 9, "a listing may be iterated again, and then lists what is there at that time.", []Ability{List}, func(e *env) {
		s := e.open()
		e.listTwice(s, e.lister(s).All(e.ctx), "All")
	}},
	{"list-and-call-from-within", 9, "a listing holds no lock, transaction or connection while it yields, so its body may call the store.", []Ability{List}, func(e *env) {
		s := e.open()
		e.callFromWithin(s, e.lister(s).All)
	}},
	{"list-broken-off", 9, "a listing may be broken off anywhere, and holds nothing afterwards.", []Ability{List}, func(e *env) {
		s := e.open()
		e.breakOff(s, e.lister(s).All(e.ctx))
	}},
}

// fill creates up to n records, fewer where the backend is slow, and returns
// them by key.
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
			e.must(s.Save(e.ctx, key, rec.Version, now), "Save at the present version")
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
		rec.Expires += driver.Millis(i % 3) // equal expiries must not confuse a page's end
		return rec
	})
	e.lists(l.All(e.ctx), recs, "All")
}

func listWhileChanging(e *env) {
	s := e.open()
	l := e.lister(s)
	e.churn(s, "", func() iter.Seq2[driver.Entry, error] { return l.All(e.ctx) }, "All")
}

// churn lists again and again while records come, go and are refreshed, and
// sees that those that stay are yielded once each time.
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
			e.roundsAmong(15, &changes, func(int) {
				var times [staying]int
				for entry, err := range list() {
					e.must(err, listing+" while others change")
					runtime.Gosched() // the others need a turn, between steps above all
					if i, ok := index[entry.Key]; ok {
						times[i]++
					}
				}
				for _, n := range times {
					if n != 1 {
						e.fatalf("%s yielded a record that was there all the while %d times, want once", listing, n)
					}
				}
			})
		case 1: // refresh those that stay
			for j := 0; !stop.Load(); j++ {
				runtime.Gosched() // on one processor, a step of each in turn
				key := keys[j%staying]
				rec := e.load(s, key, "of a record that stays")
				if j%3 == 0 {
					e.must(s.Save(e.ctx, key, rec.Version, next(rec, fmt.Sprint("stays ", j))), "Save of a record that stays")
				} else {
					e.must(s.Touch(e.ctx, key, extended(rec, driver.Millis(j%7-3))), "Touch of a record that stays")
				}
			}
		default: // come and go
			for ; !stop.Load(); changes.Add(1) {
				var come [5]driver.Key
				for j := range come {
					runtime.Gosched()
					come[j] = e.create(s, e.owned(owner, "comes and goes"))
				}
				for _, key := range come {
					runtime.Gosched()
					e.must(s.Delete(e.ctx, key, 0), "Delete of a record that comes and goes")
				}
			}
		}
	})
}

// changeFromWithin changes records in a listing's body: some that were listed
// and some that were not, so that whatever a page is found by moves under it.
// There are more records than one page has.
func (e *env) changeFromWithin(s driver.Store, list iter.Seq2[driver.Entry, error], listing string) {
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
		e.must(err, listing+" while its body changes records")
		times[entry.Key]++
		if step++; time.Since(began) > e.effort/4 {
			continue // a slow backend: the rest without changes
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
			what := "not changed meanwhile"
			if done[key] != "" {
				what = done[key] + " meanwhile"
			}
			e.failf("%s yielded a record that was there all the while (%s) %d times, want once", listing, what, n)
		}
	}
}

// listTwice iterates one sequence again after a change.
func (e *env) listTwice(s driver.Store, list iter.Seq2[driver.Entry, error], listing string) {
	e.lists(list, nil, listing+" of an empty store")
	want := map[driver.Key]driver.Record{}
	for range 3 {
		rec := e.owned("user:42", "data")
		want[e.create(s, rec)] = rec
		e.lists(list, want, "the same sequence of "+listing+", iterated again after a Save,")
	}
}

// callFromWithin uses every method of the store in a listing's body.
func (e *env) callFromWithin(s driver.Store, list func(context.Context) iter.Seq2[driver.Entry, error]) {
	before := map[driver.Key]bool{}
	for range 6 {
		before[e.create(s, e.owned("user:42", "data"))] = true
	}
	for entry, err := range list(e.ctx) {
		e.must(err, "the listing")
		if !before[entry.Key] {
			continue // created below; whether it is listed is the store's choice
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
		e.failf("%d records that were there all the while were not listed", len(before))
	}
}

// breakOff leaves listings early, then uses the store.
func (e *env) breakOff(s driver.Store, list iter.Seq2[driver.Entry, error]) {
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
		rec := e.load(s, key, "after a listing was broken off")
		e.must(s.Save(e.ctx, key, rec.Version, next(rec, "changed")), "Save after a listing was broken off")
	}
}
