package sessionstest

import (
	"errors"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pump-go/sessions/driver"
)

var concurrencyCases = []testCase{
	{"race-counter", 2, "ErrConflict is certain, and so is success: after N acknowledged compare-and-swap increments the counter is N.", nil, func(e *env) {
		s := e.open()
		e.countTogether(s, s)
	}},
	{"race-create", 2, "Save with old 0 creates a record only if there is no live one: of several concurrent calls exactly one succeeds.", nil, raceCreate},
	{"race-create-over-expired", 2, "Save with old 0 creates a record only if there is no live one: of several concurrent calls over an expired record exactly one succeeds.", nil, raceCreateOverExpired},
	{"race-save", 2, "Save replaces a record only at the version it names: of several concurrent calls with the same old version exactly one succeeds.", nil, raceSave},
	{"race-delete-at-version", 2, "Delete removes a record only at the version it names: of several concurrent calls exactly one succeeds.", nil, raceDeleteAtVersion},
	{"race-save-or-delete", 3, "of a concurrent Save and Delete at the same version exactly one succeeds; the other fails with ErrConflict and changes nothing.", nil, raceSaveOrDelete},
	{"race-save-against-delete", 3, "no Save or Touch based on a record loaded before a Delete restores it, in whatever order the calls arrive.", nil, raceSaveAgainstDelete},
	{"race-touch-against-save", 2, "Touch changes only the times: it never undoes a concurrent Save.", nil, raceTouchAgainstSave},
	{"race-distinct-keys", 4, "each key has its own record: calls for one key never affect another.", nil, raceDistinctKeys},
	{"race-torn-reads", 1, "Load never returns a partly written record, not even during a Save.", nil, raceTornReads},
	{"race-read-your-writes", 4, "every call sees what earlier calls acknowledged, from any goroutine.", nil, raceReadYourWrites},
}

// increment adds 1 to the counter at key by compare-and-swap, retrying until it
// succeeds. It returns the old and the new version, and the versions whose Save
// returned ErrConflict.
func increment(e *env, s driver.Store, key driver.Key) (old, new driver.Version, refused []driver.Version) {
	for {
		rec := e.load(s, key, "of a counter")
		n, err := strconv.Atoi(string(rec.Data))
		e.must(err, "reading a counter")
		now := next(rec, strconv.Itoa(n+1))
		err = s.Save(e.ctx, key, rec.Version, now)
		if err == nil {
			return rec.Version, now.Version, refused
		}
		if !errors.Is(err, driver.ErrConflict) {
			e.fatalf("Save of a counter failed: %v", err)
		}
		refused = append(refused, now.Version)
	}
}

// countTogether has 16 goroutines increment one counter through the stores, and
// follows the chain of versions. On a fast store there are thousands of
// increments, enough to detect one lost in a thousand.
func (e *env) countTogether(stores ...driver.Store) {
	var (
		mu      sync.Mutex
		follows = map[driver.Version]driver.Version{}
		refused = map[driver.Version]bool{}
	)
	first := e.record("0")
	key := e.create(stores[0], first)
	began := time.Now()
	e.parallel(16, func(i int) {
		for n := 0; !e.failed(); n++ {
			if took := time.Since(began); took > e.effort || n >= 25 && (took > e.effort/10 || n >= 500) {
				return
			}
			old, now, not := increment(e, stores[i%len(stores)], key)
			mu.Lock()
			if follows[old] != 0 {
				e.failf("two Saves based on the same version succeeded")
			}
			follows[old] = now
			for _, v := range not {
				refused[v] = true
			}
			mu.Unlock()
		}
	})
	last := e.load(stores[0], key, "of the counter at the end")
	if n := len(follows); string(last.Data) != strconv.Itoa(n) {
		e.failf("the counter is %s after %d acknowledged increments", last.Data, n)
	}
	steps, at := 0, first.Version
	for ; follows[at] != 0 && steps <= len(follows); steps++ {
		at = follows[at]
	}
	if at != last.Version || steps != len(follows) {
		e.failf("the acknowledged Saves do not form a chain from the first version to the last: it ends after %d of %d steps", steps, len(follows))
	}
	for old := range follows {
		if refused[old] {
			e.failf("Save returned ErrConflict, but its record was loaded afterwards")
		}
	}
	if refused[last.Version] {
		e.failf("Save returned ErrConflict, but its record was stored")
	}
}

// oneSucceeds calls f from n goroutines; exactly one call must succeed, and all
// others must return ErrConflict. It returns the index of the successful one.
func (e *env) oneSucceeds(n int, what string, try func(i int) error) int {
	errs := make([]error, n)
	e.parallel(n, func(i int) { errs[i] = try(i) })
	winner, winners := -1, 0
	for i, err := range errs {
		switch {
		case err == nil:
			winner, winners = i, winners+1
		case !errors.Is(err, driver.ErrConflict):
			e.fatalf("%s returned %v, want nil or ErrConflict", what, err)
		}
	}
	if winners != 1 {
		e.fatalf("%s: of %d concurrent calls %d succeeded, want 1", what, n, winners)
	}
	return winner
}

// records returns n different records.
func (e *env) records(n int) []driver.Record {
	recs := make([]driver.Record, n)
	for i := range recs {
		recs[i] = e.record("by " + strconv.Itoa(i))
	}
	return recs
}

func raceCreate(e *env) {
	s := e.open()
	e.rounds(25, func(int) {
		key, recs := newKey(), e.records(8)
		w := e.oneSucceeds(len(recs), "Save with old 0", func(i int) error { return s.Save(e.ctx, key, 0, recs[i]) })
		e.holds(s, key, recs[w], "after a race to create")
	})
}

func raceCreateOverExpired(e *env) {
	s := e.open()
	e.rounds(25, func(int) {
		key, _ := e.expire(s)
		recs := e.records(8)
		w := e.oneSucceeds(len(recs), "Save with old 0 over an expired record", func(i int) error { return s.Save(e.ctx, key, 0, recs[i]) })
		e.holds(s, key, recs[w], "after a race to create over an expired record")
	})
}

func raceSave(e *env) {
	s := e.open()
	key := e.create(s, e.record("first"))
	e.rounds(25, func(int) {
		now := e.load(s, key, "before a race to save")
		recs := e.records(8)
		w := e.oneSucceeds(len(recs), "Save at the current version", func(i int) error {
			rec := recs[i]
			rec.Hint = now.Hint
			return s.Save(e.ctx, key, now.Version, rec)
		})
		e.holds(s, key, recs[w], "after a race to save")
	})
}

func raceDeleteAtVersion(e *env) {
	s := e.open()
	e.rounds(25, func(int) {
		rec := e.record("data")
		key := e.create(s, rec)
		e.oneSucceeds(8, "Delete at the current version", func(int) error { return s.Delete(e.ctx, key, rec.Version) })
		e.absent(s, key, "after a race to delete")
	})
}

func raceSaveOrDelete(e *env) {
	s := e.open()
	e.rounds(40, func(int) {
		key := e.create(s, e.record("data"))
		rec := e.load(s, key, "before a race to save or delete")
		now := next(rec, "saved")
		w := e.oneSucceeds(2, "Save or Delete at the current version", func(i int) error {
			if i == 0 {
				return s.Save(e.ctx, key, rec.Version, now)
			}
			return s.Delete(e.ctx, key, rec.Version)
		})
		if w == 0 {
			e.holds(s, key, now, "after Save succeeded and Delete did not")
		} else {
			e.absent(s, key, "after Delete succeeded and Save did not")
		}
	})
}

func raceSaveAgainstDelete(e *env) {
	s := e.open()
	e.rounds(25, func(int) {
		key := e.create(s, e.record("data"))
		var busy sync.WaitGroup
		busy.Add(5)
		e.parallel(6, func(i int) {
			if i == 5 {
				busy.Wait()
				e.must(s.Delete(e.ctx, key, 0), "Delete during Saves")
				e.absent(s, key, "after Delete was acknowledged")
				return
			}
			ready := sync.OnceFunc(busy.Done)
			defer ready()
			for range 200 {
				rec, err := s.Load(e.ctx, key)
				ready()
				runtime.Gosched() // let the deleting goroutine run
				if errors.Is(err, driver.ErrNotFound) {
					return
				}
				e.must(err, "Load")
				if i < 3 {
					err = s.Save(e.ctx, key, rec.Version, next(rec, "by a concurrent request"))
				} else {
					err = s.Touch(e.ctx, key, extended(rec, 1))
				}
				if err != nil && !errors.Is(err, driver.ErrConflict) {
					e.fatalf("Save or Touch returned %v, want nil or ErrConflict", err)
				}
			}
		})
		e.absent(s, key, "after Delete, when all concurrent calls have returned")
	})
}

func raceTouchAgainstSave(e *env) {
	s := e.open()
	key := e.create(s, e.record("0"))
	var stop atomic.Bool
	var touches atomic.Int64
	e.parallel(3, func(i int) {
		if i > 0 {
			for ; !stop.Load() && !e.failed(); touches.Add(1) {
				err := s.Touch(e.ctx, key, extended(e.load(s, key, "before Touch"), 1))
				if err != nil && !errors.Is(err, driver.ErrConflict) {
					e.fatalf("Touch returned %v, want nil or ErrConflict", err)
				}
			}
			return
		}
		defer stop.Store(true)
		rec := e.load(s, key, "before Saves")
		e.roundsWith(100, &touches, func(n int) {
			// Touch keeps the version, so these must not conflict.
			now := next(rec, strconv.Itoa(n+1))
			e.must(s.Save(e.ctx, key, rec.Version, now), "Save at the current version, during Touches")
			rec = e.load(s, key, "after Save, during Touches")
			if rec.Version != now.Version || string(rec.Data) != string(now.Data) {
				e.failf("a Touch undid a Save: the data is %s, want %s", excerpt(rec.Data), excerpt(now.Data))
			}
		})
	})
}

func raceDistinctKeys(e *env) {
	s := e.open()
	e.parallel(12, func(i int) {
		e.rounds(15, func(n int) {
			rec := e.owned("user:"+strconv.Itoa(i), "")
			rec.Data = stamped(uint32(i), 300*(n%4))
			key := e.create(s, rec)
			e.holds(s, key, rec, "through its only writer")
			now := next(rec, "")
			now.Data = stamped(uint32(i), 200)
			e.must(s.Save(e.ctx, key, rec.Version, now), "Save by the record's only writer")
			now = extended(now, driver.Millis(n))
			e.must(s.Touch(e.ctx, key, now), "Touch by the record's only writer")
			e.holds(s, key, now, "through its only writer")
			e.must(s.Delete(e.ctx, key, now.Version), "Delete by the record's only writer")
			e.absent(s, key, "after Delete by its only writer")
		})
	})
}

func raceTornReads(e *env) {
	s := e.open()
	rec := e.record("")
	rec.Data = stamped(0, 100)
	key := e.create(s, rec)
	var stop atomic.Bool
	var loads atomic.Int64
	e.parallel(5, func(i int) {
		if i == 0 {
			defer stop.Store(true)
			e.roundsWith(100, &loads, func(n int) {
				// Data, owner and times must be of the same Save.
				now := next(rec, "")
				now.Data = stamped(uint32(n), 1<<(n%16))
				now.Owner = "user:" + strconv.Itoa(n)
				now.Accessed = rec.Created + driver.Millis(n)
				now.Expires = rec.Expires + driver.Millis(n)
				e.must(s.Save(e.ctx, key, rec.Version, now), "Save at the current version")
				rec = now
			})
			return
		}
		for ; !stop.Load() && !e.failed(); loads.Add(1) {
			got := e.load(s, key, "during Saves")
			who, ok := readStamp(got.Data)
			switch {
			case !ok:
				e.failf("Load returned a partly written record: %s", excerpt(got.Data))
			case got.Owner != "" && (got.Owner != "user:"+strconv.Itoa(int(who)) || got.Accessed-got.Created != driver.Millis(who)):
				e.failf("Load returned the data of Save %d with the owner (%q) or the times of another Save", who, got.Owner)
			}
		}
	})
}

func raceReadYourWrites(e *env) {
	s := e.open()
	rec := e.record("0")
	key := e.create(s, rec)
	var acknowledged, loads atomic.Int64
	var stop atomic.Bool
	e.parallel(5, func(i int) {
		if i == 0 {
			defer stop.Store(true)
			e.roundsWith(150, &loads, func(n int) {
				old := rec.Version
				rec = next(rec, strconv.Itoa(n+1))
				e.must(s.Save(e.ctx, key, old, rec), "Save at the current version")
				acknowledged.Store(int64(n + 1))
			})
			return
		}
		for ; !stop.Load() && !e.failed(); loads.Add(1) {
			least := acknowledged.Load()
			got := e.load(s, key, "during Saves")
			n, err := strconv.ParseInt(string(got.Data), 10, 64)
			e.must(err, "reading a counter")
			if n < least {
				e.failf("Load returned the record of Save %d after Save %d was acknowledged", n, least)
			}
		}
	})
}
