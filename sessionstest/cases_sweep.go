package sessionstest

import (
	"errors"
	"time"

	"github.com/pump-go/sessions/driver"
)

// A record that a store has not removed shows again when the clock goes back
// to before its expiry, so going back is how these cases look.

var sweepCases = []testCase{
	{"sweep-nothing", 8, "Sweep removes the records that have expired, and returns how many it removed.", []Ability{Sweep}, sweepNothing},
	{"sweep-expired-only", 8, "Sweep removes the records that have expired, all of them and no others, and returns how many it removed.", []Ability{Sweep}, sweepExpiredOnly},
	{"sweep-many", 8, "Sweep removes all the records that have expired, however many batches that takes.", []Ability{Sweep}, sweepMany},
	{"sweep-moved-expiry", 8, "the sweep goes by the expiry that a record has now, not by one that it had.", []Ability{Sweep}, sweepMovedExpiry},
	{"sweep-at-a-nearer-expiry", 8, "the sweep goes by the expiry that a record has now, also where a Touch or Save brought it nearer.", []Ability{Sweep}, sweepNearerExpiry},
	{"sweep-expiry-moved-behind-a-load", 8, "the sweep goes by the expiry that a record has now, also where a Save was based on one loaded before a Touch.", []Ability{Sweep}, sweepBehindLoad},
	{"sweep-recreated", 8, "a record that was created where an expired one was stays.", []Ability{Sweep}, sweepRecreated},
	{"sweep-during-refresh", 8, "a record that was refreshed meanwhile stays: the step that deletes looks at the expiry again.", []Ability{Sweep}, sweepDuringRefresh},
	{"sweep-during-creation", 8, "what is created where an expired record was stays: the step that deletes looks at the expiry again.", []Ability{Sweep}, sweepDuringCreation},
	{"sweep-by-itself", 8, "the store removes expired records by itself, every Config.SweepInterval.", []Ability{Sweep}, sweepByItself},
	{"sweep-not-by-itself", 8, "with a negative Config.SweepInterval the store never removes expired records by itself.", []Ability{Sweep}, sweepNotByItself},
}

// sweeps calls Sweep, which has to remove want records.
func (e *env) sweeps(s driver.Store, want int) {
	n, err := e.sweeper(s).Sweep(e.ctx)
	e.must(err, "Sweep")
	if n != want {
		e.failf("Sweep says that it removed %d records, where %d had expired", n, want)
	}
}

func sweepNothing(e *env) {
	s := e.open()
	e.sweeps(s, 0)
	rec := e.record("live")
	key := e.create(s, rec)
	e.sweeps(s, 0)
	e.holds(s, key, rec, "after Sweep")
}

func sweepExpiredOnly(e *env) {
	s := e.open()
	var expired []driver.Key
	live := map[driver.Key]driver.Record{}
	for i := range driver.Millis(20) {
		rec := e.owned("user:42", "data")
		if i%2 == 0 {
			rec.Expires -= i
			expired = append(expired, e.create(s, rec))
		} else {
			rec.Expires += i
			live[e.create(s, rec)] = rec
		}
	}
	e.clock.advance(time.Hour)
	e.sweeps(s, len(expired))
	for key, rec := range live {
		e.holds(s, key, rec, "of a live record, after Sweep")
	}
	e.sweeps(s, 0)
	e.clock.set(driver.MillisOf(start))
	for _, key := range expired {
		e.absent(s, key, "after Sweep was to remove the record, with the clock set back")
	}
	for key, rec := range live {
		e.holds(s, key, rec, "of a live record, after Sweep")
	}
}

func sweepMany(e *env) {
	s := e.open()
	keys := e.fill(s, 1200, func(int) driver.Record { return e.record("data") })
	e.clock.advance(time.Hour)
	e.sweeps(s, len(keys))
	e.sweeps(s, 0)
}

func sweepMovedExpiry(e *env) {
	s := e.open()
	touched, saved := e.record("touched"), e.record("saved")
	touchedKey, savedKey := e.create(s, touched), e.create(s, saved)
	touched = extended(touched, hour)
	e.must(s.Touch(e.ctx, touchedKey, touched), "Touch")
	old := saved.Version
	saved = next(saved, "saved again")
	saved.Expires += hour
	e.must(s.Save(e.ctx, savedKey, old, saved), "Save at the present version")

	e.clock.advance(time.Hour)
	e.sweeps(s, 0)
	e.holds(s, touchedKey, touched, "after Touch and a Sweep at the expiry before")
	e.holds(s, savedKey, saved, "after Save and a Sweep at the expiry before")
	e.clock.advance(time.Hour)
	e.sweeps(s, 2)
}

func sweepNearerExpiry(e *env) {
	s := e.open()
	touched, saved, stays := e.record("touched"), e.record("saved"), e.record("stays")
	touchedKey, savedKey, key := e.create(s, touched), e.create(s, saved), e.create(s, stays)
	touched = extended(touched, -hour/2)
	e.must(s.Touch(e.ctx, touchedKey, touched), "Touch to an earlier expiry")
	sooner := next(saved, "saved again")
	sooner.Expires -= hour / 2
	e.must(s.Save(e.ctx, savedKey, saved.Version, sooner), "Save with an earlier expiry")
	e.clock.set(touched.Expires)
	e.sweeps(s, 2)
	e.clock.set(driver.MillisOf(start))
	e.absent(s, touchedKey, "after Sweep at the expiry that a Touch brought nearer, with the clock set back")
	e.absent(s, savedKey, "after Sweep at the expiry that a Save brought nearer, with the clock set back")
	e.holds(s, key, stays, "after Sweep, of a record whose expiry has not come")
}

func sweepBehindLoad(e *env) {
	s := e.open()
	key := e.create(s, e.record("first"))
	loaded := e.load(s, key, "before Touch")
	e.must(s.Touch(e.ctx, key, extended(loaded, hour)), "Touch to a later expiry")
	sooner := next(loaded, "second") // expires as loaded: sooner than the Touch says
	e.must(s.Save(e.ctx, key, loaded.Version, sooner), "Save based on what was loaded before the Touch")

	key = e.create(s, e.record("first"))
	loaded = e.load(s, key, "before Touch")
	e.must(s.Touch(e.ctx, key, extended(loaded, -hour/2)), "Touch to an earlier expiry")
	later := next(loaded, "second")
	e.must(s.Save(e.ctx, key, loaded.Version, later), "Save based on what was loaded before the Touch")

	e.clock.set(later.Expires - 1)
	e.sweeps(s, 0)
	e.holds(s, key, later, "after a Sweep 1 ms before the expiry that Save wrote")
	e.clock.set(later.Expires)
	e.sweeps(s, 2)
}

func sweepRecreated(e *env) {
	s := e.open()
	key, _ := e.expire(s)
	rec := e.record("new")
	e.must(s.Save(e.ctx, key, 0, rec), "Save with old 0 over an expired record")
	e.sweeps(s, 0)
	e.holds(s, key, rec, "created over an expired record, after Sweep")

	rec = e.record("to be deleted")
	key = e.create(s, rec)
	e.must(s.Delete(e.ctx, key, 0), "Delete")
	rec.Version, rec.Expires = newVersion(), rec.Expires+3*hour
	e.must(s.Save(e.ctx, key, 0, rec), "Save with old 0 after Delete")
	e.clock.advance(2 * time.Hour)
	e.sweeps(s, 1)
	e.holds(s, key, rec, "created after Delete, after Sweep at the deleted record's expiry")
}

func sweepDuringRefresh(e *env) {
	s := e.open()
	sweeper := e.sweeper(s)
	e.rounds(5, func(int) {
		recs := make([]driver.Record, 60)
		keys := make([]driver.Key, len(recs))
		errs := make([]error, len(recs))
		for i := range recs {
			recs[i] = e.record("data")
			keys[i] = e.create(s, recs[i])
		}
		e.clock.set(recs[0].Expires - 1)
		half, done := make(chan struct{}), make(chan struct{})
		e.parallel(2, func(i int) {
			if i == 0 {
				defer close(done)
				for j, rec := range recs {
					if j == len(recs)/2 {
						close(half)
					}
					errs[j] = s.Touch(e.ctx, keys[j], extended(rec, hour))
				}
				return
			}
			<-half
			e.clock.set(recs[0].Expires)
			for {
				_, err := sweeper.Sweep(e.ctx)
				e.must(err, "Sweep while records are refreshed")
				select {
				case <-done:
					return
				default:
				}
			}
		})
		for j, rec := range recs {
			switch {
			case errs[j] == nil:
				e.holds(s, keys[j], extended(rec, hour), "of a record that Touch refreshed, after Sweep")
			case errors.Is(errs[j], driver.ErrConflict):
				e.absent(s, keys[j], "of a record that Touch found expired")
			default:
				e.failf("Touch during Sweep failed: %v", errs[j])
			}
		}
	})
}

func sweepDuringCreation(e *env) {
	s := e.open()
	sweeper := e.sweeper(s)
	e.rounds(5, func(int) {
		keys := make([]driver.Key, 60)
		for i := range keys {
			keys[i] = e.create(s, e.record("expires"))
		}
		e.clock.advance(time.Hour)
		recs := e.records(len(keys))
		done := make(chan struct{})
		e.parallel(2, func(i int) {
			if i == 0 {
				defer close(done)
				for j, key := range keys {
					e.must(s.Save(e.ctx, key, 0, recs[j]), "Save with old 0 over an expired record, during Sweep")
				}
				return
			}
			for sweeping := true; sweeping; {
				select {
				case <-done:
					sweeping = false
				default:
				}
				_, err := sweeper.Sweep(e.ctx)
				e.must(err, "Sweep while records are created")
			}
		})
		for j, key := range keys {
			e.holds(s, key, recs[j], "created over an expired record, after a Sweep at the same time")
		}
	})
}

func sweepByItself(e *env) {
	s := e.open(func(c *driver.Config) { c.SweepInterval = 5 * time.Millisecond })
	e.sweeper(s)
	live := e.record("live")
	live.Expires += hour
	key := e.create(s, live)
	for _, round := range []string{"", ", in the second round"} {
		var expired []driver.Key
		for range 10 {
			expired = append(expired, e.create(s, e.record("data")))
		}
		e.eventually("expired records are still there, long after Config.SweepInterval"+round, func() bool {
			e.clock.set(driver.MillisOf(start) + hour)
			time.Sleep(10 * time.Millisecond)
			e.clock.set(driver.MillisOf(start))
			for _, k := range expired {
				_, err := s.Load(e.ctx, k)
				if err == nil {
					return false
				}
				e.wants(err, driver.ErrNotFound, "Load of a record that the store may have removed")
			}
			return true
		})
	}
	e.holds(s, key, live, "of a live record, after the store removed expired ones")
}

func sweepNotByItself(e *env) {
	for _, interval := range []time.Duration{-1, -5 * time.Millisecond} {
		s := e.open(func(c *driver.Config) { c.SweepInterval = interval })
		e.sweeper(s)
		key, rec := e.expire(s)
		time.Sleep(25 * time.Millisecond) // a store that sweeps has time for it; one that does not needs none
		e.clock.set(driver.MillisOf(start))
		e.holds(s, key, rec, "of an expired record that nobody swept, with the clock set back")
		e.close(s, "Close")
	}
}
