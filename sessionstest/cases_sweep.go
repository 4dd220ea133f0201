package sessionstest

import (
	"errors"
	"time"

	"github.com/pump-go/sessions/driver"
)

// These cases set the clock back to before a record's expiry: a record that was
// not removed can then be loaded again.

var sweepCases = []testCase{
	{"sweep-nothing", 8, "Sweep removes expired records and returns their number.", []Ability{Sweep}, sweepNothing},
	{"sweep-expired-only", 8, "Sweep removes every expired record and no others, and returns their number.", []Ability{Sweep}, sweepExpiredOnly},
	{"sweep-many", 8, "Sweep removes every expired record, however many batches that takes.", []Ability{Sweep}, sweepMany},
	{"sweep-after-later-expiry", 8, "Sweep uses a record's current expiry, not an earlier one.", []Ability{Sweep}, sweepLaterExpiry},
	{"sweep-after-earlier-expiry", 8, "Sweep uses a record's current expiry, also after a Touch or Save made it earlier.", []Ability{Sweep}, sweepEarlierExpiry},
	{"sweep-after-save-based-on-older-expiry", 8, "Sweep uses a record's current expiry, also after a Save based on a record loaded before a Touch.", []Ability{Sweep}, sweepAfterSaveOnOlderExpiry},
	{"sweep-recreated", 8, "Sweep does not remove a record created in place of an expired one.", []Ability{Sweep}, sweepRecreated},
	{"sweep-during-refresh", 8, "Sweep does not remove a record refreshed during the sweep: the step that deletes checks the expiry again.", []Ability{Sweep}, sweepDuringRefresh},
	{"sweep-during-creation", 8, "Sweep does not remove a record created during the sweep in place of an expired one: the step that deletes checks the expiry again.", []Ability{Sweep}, sweepDuringCreation},
	{"sweep-at-interval", 8, "the store removes expired records itself, every Config.SweepInterval.", []Ability{Sweep}, sweepAtInterval},
	{"sweep-disabled", 8, "with a negative Config.SweepInterval the store removes expired records only when Sweep is called.", []Ability{Sweep}, sweepDisabled},
}

// sweeps calls Sweep, which must remove want records.
func (e *env) sweeps(s driver.Store, want int) {
	n, err := e.sweeper(s).Sweep(e.ctx)
	e.must(err, "Sweep")
	if n != want {
		e.failf("Sweep returned %d, want %d, the number of expired records", n, want)
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
		e.absent(s, key, "of a record that Sweep should have removed, with the clock set back")
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

func sweepLaterExpiry(e *env) {
	s := e.open()
	touched, saved := e.record("touched"), e.record("saved")
	touchedKey, savedKey := e.create(s, touched), e.create(s, saved)
	touched = extended(touched, hour)
	e.must(s.Touch(e.ctx, touchedKey, touched), "Touch")
	old := saved.Version
	saved = next(saved, "saved again")
	saved.Expires += hour
	e.must(s.Save(e.ctx, savedKey, old, saved), "Save at the current version")

	e.clock.advance(time.Hour)
	e.sweeps(s, 0)
	e.holds(s, touchedKey, touched, "after Touch and a Sweep at the previous expiry")
	e.holds(s, savedKey, saved, "after Save and a Sweep at the previous expiry")
	e.clock.advance(time.Hour)
	e.sweeps(s, 2)
}

func sweepEarlierExpiry(e *env) {
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
	e.absent(s, touchedKey, "after Sweep at the earlier expiry that Touch set, with the clock set back")
	e.absent(s, savedKey, "after Sweep at the earlier expiry that Save set, with the clock set back")
	e.holds(s, key, stays, "of a live record, after Sweep")
}

func sweepAfterSaveOnOlderExpiry(e *env) {
	s := e.open()
	key := e.create(s, e.record("first"))
	loaded := e.load(s, key, "before Touch")
	e.must(s.Touch(e.ctx, key, extended(loaded, hour)), "Touch to a later expiry")
	sooner := next(loaded, "second") // with the loaded expiry, earlier than the Touch's
	e.must(s.Save(e.ctx, key, loaded.Version, sooner), "Save based on a record loaded before a Touch")

	key = e.create(s, e.record("first"))
	loaded = e.load(s, key, "before Touch")
	e.must(s.Touch(e.ctx, key, extended(loaded, -hour/2)), "Touch to an earlier expiry")
	later := next(loaded, "second")
	e.must(s.Save(e.ctx, key, loaded.Version, later), "Save based on a record loaded before a Touch")

	e.clock.set(later.Expires - 1)
	e.sweeps(s, 0)
	e.holds(s, key, later, "after a Sweep 1 ms before the expiry that Save set")
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
			e.holds(s, key, recs[j], "created over an expired record during a Sweep")
		}
	})
}

func sweepAtInterval(e *env) {
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
		e.eventually("expired records still exist long after Config.SweepInterval"+round, func() bool {
			e.clock.set(driver.MillisOf(start) + hour)
			time.Sleep(10 * time.Millisecond)
			e.clock.set(driver.MillisOf(start))
			for _, k := range expired {
				_, err := s.Load(e.ctx, k)
				if err == nil {
					return false
				}
				e.wants(err, driver.ErrNotFound, "Load of an expired record, with the clock set back")
			}
			return true
		})
	}
	e.holds(s, key, live, "of a live record, after the store removed expired ones")
}

func sweepDisabled(e *env) {
	for _, interval := range []time.Duration{-1, -5 * time.Millisecond} {
		s := e.open(func(c *driver.Config) { c.SweepInterval = interval })
		e.sweeper(s)
		key, rec := e.expire(s)
		time.Sleep(25 * time.Millisecond) // enough for a store that sweeps; the others pass at any speed
		e.clock.set(driver.MillisOf(start))
		e.holds(s, key, rec, "of an expired record that was not swept, with the clock set back")
		e.close(s, "Close")
	}
}
