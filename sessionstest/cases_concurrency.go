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
	{"race-counter", 2, "ErrConflict is a certainty, and so is success: of N increments acknowledged by compare-and-swap, N are there.", nil, func(e *env) {
		s := e.open()
		e.countTogether(s, s)
	}},
	{"race-create", 2, "with old 0, Save creates if no live record is there: of many at once, one does.", nil, raceCreate},
	{"race-create-over-expired", 2, "with old 0, Save creates if no live record is there: of many at once over an expired one, one does.", nil, raceCreateOverExpired},
	{"race-save", 2, "Save replaces a record only at the version it names: of many at once from one version, one does.", nil, raceSave},
	{"race-delete-at-version", 2, "Delete at a version removes the record only there: of many at once, one does.", nil, raceDeleteAtVersion},
	{"race-save-or-delete", 3, "of a Save and a Delete at the same version one succeeds, and the other's ErrConflict is certain.", nil, raceSaveOrDelete},
	{"race-save-against-delete", 3, "no Save or Touch based on a record loaded before a Delete brings it back, in whatever order they arrive.", nil, raceSaveAgainstDelete},
	{"race-touch-against-save", 2, "Touch changes the times alone: it never undoes a Save that came between.", nil, raceTouchAgainstSave},
	{"race-distinct-keys", 4, "a key names one record: what is done at one key is never seen at another.", nil, raceDistinctKeys},
	{"race-half-records", 1, "Load never returns half a record, in the midst of Saves neither.", nil, raceHalfRecords},
	{"race-read-your-writes", 4, "what one call has acknowledged every later call sees, from any goroutine.", nil, raceReadYourWrites},
}

// increment adds one to the counter at key, by compare-and-swap, until it
// succeeds. It returns the versions between which it did, and those that
// were refused.
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

// countTogether has 16 goroutines increment one counter through the stores,
// and follows the versions from the first to the last. On a fast store there are
// thousands of increments, so that one lost in a thousand shows.
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
		e.failf("the counter is at %s after %d increments that were acknowledged", last.Data, n)
	}
	steps, at := 0, first.Version
	for ; follows[at] != 0 && steps <= len(follows); steps++ {
		at = follows[at]
	}
	if at != last.Version || steps != len(follows) {
		e.failf("the acknowledged Saves do not lead from the first version to the last: after %d of %d steps the chain ends", steps, len(follows))
	}
	for old := range follows {
		if refused[old] {
			e.failf("ErrConflict was given for a Save whose record was then loaded")
		}
	}
	if refused[last.Version] {
		e.failf("ErrConflict was given for a Save whose record is there")
	}
}

// oneWins has n goroutines try the same thing; exactly one must succeed and
// all others conflict. It returns the winner.
func (e *env) oneWins(n int, what string, try func(i int) error) int {
	errs := make([]error, n)
	e.parallel(n, func(i int) { errs[i] = try(i) })
	winner, winners := -1, 0
	for i, err := range errs {
		switch {
		case err == nil:
			winner, winners = i, winners+1
		case !errors.Is(err, driver.ErrConflict):
			e.fatalf("%s failed with %v, want success or ErrConflict", what, err)
		}
	}
	if winners != 1 {
		e.fatalf("%s: of %d at once %d succeeded, want one", what, n, winners)
	}
	return winner
}

// records makes n records that differ.
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
		w := e.oneWins(len(recs), "Save with old 0", func(i int) error { return s.Save(e.ctx, key, 0, recs[i]) })
		e.holds(s, key, recs[w], "after a race to create")
	})
}

func raceCreateOverExpired(e *env) {
	s := e.open()
	e.rounds(25, func(int) {
		key, _ := e.expire(s)
		recs := e.records(8)
		w := e.oneWins(len(recs), "Save with old 0 over an expired record", func(i int) error { return s.Save(e.ctx, key, 0, recs[i]) })
		e.holds(s, key, recs[w], "after a race to create over an expired record")
	})
}

func raceSave(e *env) {
	s := e.open()
	key := e.create(s, e.record("first"))
	e.rounds(25, func(int) {
		now := e.load(s, key, "before a race to save")
		recs := e.records(8)
		w := e.oneWins(len(recs), "Save at the present version", func(i int) error {
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
		e.oneWins(8, "Delete at the present version", func(int) error { return s.Delete(e.ctx, key, rec.Version) })
		e.absent(s, key, "after a race to delete")
	})
}

func raceSaveOrDelete(e *env) {
	s := e.open()
	e.rounds(40, func(int) {
		key := e.create(s, e.record("data"))
		rec := e.load(s, key, "before a race to save or delete")
		now := next(rec, "saved")
		w := e.oneWins(2, "Save or Delete at the present version", func(i int) error {
			if i == 0 {
				return s.Save(e.ctx, key, rec.Version, now)
			}
			return s.Delete(e.ctx, key, rec.Version)
		})
		if w == 0 {
			e.holds(s, key, now, "after Save won over Delete")
		} else {
			e.absent(s, key, "after Delete won over Save")
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
				e.must(s.Delete(e.ctx, key, 0), "Delete of a record that is being saved")
				e.absent(s, key, "after Delete was acknowledged")
				return
			}
			ready := sync.OnceFunc(busy.Done)
			defer ready()
			for range 200 {
				rec, err := s.Load(e.ctx, key)
				ready()
				runtime.Gosched() // the one who deletes needs a turn
				if errors.Is(err, driver.ErrNotFound) {
					return
				}
				e.must(err, "Load")
				if i < 3 {
					err = s.Save(e.ctx, key, rec.Version, next(rec, "by a request under way"))
				} else {
					err = s.Touch(e.ctx, key, extended(rec, 1))
				}
				if err != nil && !errors.Is(err, driver.ErrConflict) {
					e.fatalf("Save or Touch failed with %v, want success or ErrConflict", err)
				}
			}
		})
		e.absent(s, key, "after Delete, once every request under way has ended")
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
					e.fatalf("Touch failed with %v, want success or ErrConflict", err)
				}
			}
			return
		}
		defer stop.Store(true)
		rec := e.load(s, key, "before Saves")
		e.roundsAmong(100, &touches, func(n int) {
			// Touches leave the version alone, so nothing may refuse these.
			now := next(rec, strconv.Itoa(n+1))
			e.must(s.Save(e.ctx, key, rec.Version, now), "Save at the present version, among Touches")
			rec = e.load(s, key, "after Save, among Touches")
			if rec.Version != now.Version || string(rec.Data) != string(now.Data) {
				e.failf("a Touch undid a Save: data %s, want %s", excerpt(rec.Data), excerpt(now.Data))
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
			e.holds(s, key, rec, "by its only writer")
			now := next(rec, "")
			now.Data = stamped(uint32(i), 200)
			e.must(s.Save(e.ctx, key, rec.Version, now), "Save by the record's only writer")
			now = extended(now, driver.Millis(n))
			e.must(s.Touch(e.ctx, key, now), "Touch by the record's only writer")
			e.holds(s, key, now, "by its only writer")
			e.must(s.Delete(e.ctx, key, now.Version), "Delete by the record's only writer")
			e.absent(s, key, "after Delete by its only writer")
		})
	})
}

func raceHalfRecords(e *env) {
	s := e.open()
	rec := e.record("")
	rec.Data = stamped(0, 100)
	key := e.create(s, rec)
	var stop atomic.Bool
	var loads atomic.Int64
	e.parallel(5, func(i int) {
		if i == 0 {
			defer stop.Store(true)
			e.roundsAmong(100, &loads, func(n int) {
				// A part of two records shows: data, owner and times must agree.
				now := next(rec, "")
				now.Data = stamped(uint32(n), 1<<(n%16))
				now.Owner = "user:" + strconv.Itoa(n)
				now.Accessed = rec.Created + driver.Millis(n)
				now.Expires = rec.Expires + driver.Millis(n)
				e.must(s.Save(e.ctx, key, rec.Version, now), "Save at the present version")
				rec = now
			})
			return
		}
		for ; !stop.Load() && !e.failed(); loads.Add(1) {
			got := e.load(s, key, "among Saves")
			who, ok := readStamp(got.Data)
			switch {
			case !ok:
				e.failf("Load returned part of a record's data: %s", excerpt(got.Data))
			case got.Owner != "" && (got.Owner != "user:"+strconv.Itoa(int(who)) || got.Accessed-got.Created != driver.Millis(who)):
				e.failf("Load returned the data of Save %d with the owner %q and the times of another", who, got.Owner)
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
			e.roundsAmong(150, &loads, func(n int) {
				old := rec.Version
				rec = next(rec, strconv.Itoa(n+1))
				e.must(s.Save(e.ctx, key, old, rec), "Save at the present version")
				acknowledged.Store(int64(n + 1))
			})
			return
		}
		for ; !stop.Load() && !e.failed(); loads.Add(1) {
			least := acknowledged.Load()
			got := e.load(s, key, "among Saves")
			n, err := strconv.ParseInt(string(got.Data), 10, 64)
			e.must(err, "reading a counter")
			if n < least {
				e.failf("Load saw Save %d after Save %d was acknowledged", n, least)
			}
		}
	})
}
