package sessionstest

import (
	"errors"
	"iter"

	"github.com/pump-go/sessions/driver"
)

var damageCases = []testCase{
	{"damaged-load", 7, "Load returns ErrCorrupt for a damaged record, and other records are unaffected.", nil, damagedLoad},
	{"damaged-delete", 7, "Delete with version 0 removes any record, including a damaged one.", nil, damagedDelete},
	{"damaged-listing", 7, "All yields a damaged record as an error with its Key set, and goes on.", []Ability{List}, damagedListing},
	{"damaged-owned", 7, "Owned yields every readable record despite a damaged one, which it skips or yields as an error with its Key set.", []Ability{Owners}, damagedOwned},
	{"damaged-reopen", 7, "a damaged record prevents neither opening the store nor loading other records.", []Ability{Reopen}, damagedReopen},
	{"damaged-sweep", 7, "a damaged record does not stop a sweep.", []Ability{Sweep}, damagedSweep},
	{"newer-format", 7, "Load returns ErrNewerFormat for a record of a newer format, other records are unaffected, and Delete with version 0 removes it.", nil, newerFormat},
	{"newer-format-listing", 7, "All yields a record of a newer format as an error with its Key set, and goes on.", []Ability{List}, newerListing},
}

// damage saves some records and damages two others, so that a listing that ends
// at one misses the other. A store that cannot be shared is closed while the
// records are damaged, so damage returns the store to use afterwards.
func (e *env) damage(s driver.Store) (_ driver.Store, damaged [2]driver.Key, sound map[driver.Key]driver.Record) {
	if e.suite.Damage == nil {
		e.skip("Harness.Damage is nil")
	}
	return e.makeUnreadable(s, e.suite.Damage, "Harness.Damage")
}

func (e *env) newer(s driver.Store) (_ driver.Store, newer [2]driver.Key, sound map[driver.Key]driver.Record) {
	if e.suite.Newer == nil {
		e.skip("Harness.Newer is nil")
	}
	return e.makeUnreadable(s, e.suite.Newer, "Harness.Newer")
}

func (e *env) makeUnreadable(s driver.Store, change func(driver.Config, driver.Key) error, name string) (_ driver.Store, unreadable [2]driver.Key, sound map[driver.Key]driver.Record) {
	sound = map[driver.Key]driver.Record{}
	for range 4 {
		rec := e.owned("user:42", "sound")
		sound[e.create(s, rec)] = rec
	}
	for i := range unreadable {
		unreadable[i] = e.create(s, e.owned("user:42", "to be damaged"))
	}
	_, alone := e.suite.Cannot[Share]
	if alone {
		if why, gone := e.suite.Cannot[Reopen]; gone {
			e.skip("cannot Share or Reopen: " + why)
		}
		e.close(s, "Close")
	}
	for _, key := range unreadable {
		e.must(change(e.cfg, key), name)
	}
	if alone {
		s = e.open()
	}
	return s, unreadable, sound
}

func damagedLoad(e *env) {
	s, damaged, sound := e.damage(e.open())
	for range 2 {
		for _, key := range damaged {
			_, err := s.Load(e.ctx, key)
			e.wants(err, driver.ErrCorrupt, "Load of a damaged record")
		}
	}
	for key, rec := range sound {
		e.holds(s, key, rec, "of an undamaged record")
	}
}

func damagedDelete(e *env) {
	s, damaged, _ := e.damage(e.open())
	e.removes(s, damaged[0], "a damaged record")
}

// removes deletes an unreadable record, and checks that its key can be used
// again.
func (e *env) removes(s driver.Store, key driver.Key, what string) {
	e.must(s.Delete(e.ctx, key, 0), "Delete with version 0 of "+what)
	e.absent(s, key, "after Delete of "+what)
	rec := e.record("new")
	e.must(s.Save(e.ctx, key, 0, rec), "Save with old 0, after Delete of "+what)
	e.holds(s, key, rec, "created where "+what+" was")
}

func damagedListing(e *env) {
	s := e.open()
	e.lister(s)
	s, damaged, sound := e.damage(s)
	e.listsAround(e.lister(s).All(e.ctx), "All", damaged, sound, driver.ErrCorrupt, 1)
}

func damagedOwned(e *env) {
	s := e.open()
	e.owners(s)
	s, damaged, sound := e.damage(s)
	e.listsAround(e.owners(s).Owned(e.ctx, "user:42"), "Owned", damaged, sound, driver.ErrCorrupt, 0)
}

// listsAround checks that a listing yields each unreadable record as an error,
// at least least times and at most once, and every other record once.
func (e *env) listsAround(list iter.Seq2[driver.Entry, error], listing string, unreadable [2]driver.Key, sound map[driver.Key]driver.Record, want error, least int) {
	times := map[driver.Key]int{}
	for entry, err := range list {
		times[entry.Key]++
		switch bad := entry.Key == unreadable[0] || entry.Key == unreadable[1]; {
		case bad:
			e.wants(err, want, "a step of "+listing+" for an unreadable record")
		case err != nil:
			e.failf("%s yielded the key %v, which is not the key of an unreadable record, with the error %v", listing, entry.Key, err)
		}
	}
	for _, key := range unreadable {
		if n := times[key]; n < least || n > 1 {
			e.failf("%s yielded an unreadable record %d times, want once, as an error", listing, n)
		}
	}
	for key := range sound {
		if times[key] != 1 {
			e.failf("%s yielded a readable record %d times, want once", listing, times[key])
		}
	}
}

func damagedReopen(e *env) {
	s, damaged, sound := e.damage(e.open())
	s = e.again(s)
	for _, key := range damaged {
		_, err := s.Load(e.ctx, key)
		e.wants(err, driver.ErrCorrupt, "Load of a damaged record, after the store was reopened")
	}
	for key, rec := range sound {
		e.holds(s, key, rec, "of an undamaged record, after the store was reopened")
	}
	rec := e.record("new")
	e.holds(s, e.create(s, rec), rec, "of a new record, after the store was reopened with damaged ones")
}

func damagedSweep(e *env) {
	s, _, sound := e.damage(e.open())
	e.clock.set(driver.MillisOf(start) + hour)
	// Sweep may remove and count the damaged record, or not.
	if _, err := e.sweeper(s).Sweep(e.ctx); err != nil && !errors.Is(err, driver.ErrCorrupt) {
		e.failf("Sweep with a damaged record stored failed: %v", err)
	}
	e.clock.set(driver.MillisOf(start))
	for key := range sound {
		e.absent(s, key, "of an expired record that Sweep should have removed despite a damaged one, with the clock set back")
	}
}

func newerFormat(e *env) {
	s, newer, sound := e.newer(e.open())
	for _, key := range newer {
		_, err := s.Load(e.ctx, key)
		e.wants(err, driver.ErrNewerFormat, "Load of a record of a newer format")
	}
	for key, rec := range sound {
		e.holds(s, key, rec, "of a readable record next to one of a newer format")
	}
	e.removes(s, newer[0], "a record of a newer format")
}

func newerListing(e *env) {
	s := e.open()
	e.lister(s)
	s, newer, sound := e.newer(s)
	e.listsAround(e.lister(s).All(e.ctx), "All", newer, sound, driver.ErrNewerFormat, 1)
}
