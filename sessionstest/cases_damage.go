package sessionstest

import (
	"errors"

	"github.com/pump-go/sessions/driver"
)

var damageCases = []testCase{
	{"damaged-load", 7, "a record that cannot be read whole is ErrCorrupt, and its neighbours are undisturbed.", nil, damagedLoad},
	{"damaged-delete", 7, "Delete with version 0 removes whatever is there, a damaged record too.", nil, damagedDelete},
	{"damaged-listing", 7, "a damaged record is yielded as an error with its Key set, and the listing goes on.", []Ability{List}, damagedListing},
	{"damaged-reopen", 7, "a damaged record does not keep the store from opening, nor its neighbours from being there.", []Ability{Reopen}, damagedReopen},
	{"damaged-sweep", 7, "a damaged record does not disturb a sweep.", []Ability{Sweep}, damagedSweep},
}

// damage saves some records and damages two others, so that a listing which
// ends at the one is missing the other.
func (e *env) damage(s driver.Store) (damaged [2]driver.Key, sound map[driver.Key]driver.Record) {
	if e.suite.Damage == nil {
		e.skip("the harness has no Damage")
	}
	sound = map[driver.Key]driver.Record{}
	for range 4 {
		rec := e.owned("user:42", "sound")
		sound[e.create(s, rec)] = rec
	}
	for i := range damaged {
		damaged[i] = e.create(s, e.owned("user:42", "to be damaged"))
		e.must(e.suite.Damage(e.cfg, damaged[i]), "Harness.Damage")
	}
	return damaged, sound
}

func damagedLoad(e *env) {
	s := e.open()
	damaged, sound := e.damage(s)
	for range 2 {
		for _, key := range damaged {
			_, err := s.Load(e.ctx, key)
			e.wants(err, driver.ErrCorrupt, "Load of a damaged record")
		}
	}
	for key, rec := range sound {
		e.holds(s, key, rec, "of a damaged record's neighbour")
	}
}

func damagedDelete(e *env) {
	s := e.open()
	damaged, _ := e.damage(s)
	key := damaged[0]
	e.must(s.Delete(e.ctx, key, 0), "Delete with version 0 of a damaged record")
	e.absent(s, key, "after Delete of a damaged record")
	rec := e.record("new")
	e.must(s.Save(e.ctx, key, 0, rec), "Save with old 0, after Delete of a damaged record")
	e.holds(s, key, rec, "created where a damaged record was")
}

func damagedListing(e *env) {
	s := e.open()
	l := e.lister(s)
	damaged, sound := e.damage(s)
	times := map[driver.Key]int{}
	for entry, err := range l.All(e.ctx) {
		times[entry.Key]++
		bad := entry.Key == damaged[0] || entry.Key == damaged[1]
		if bad && !errors.Is(err, driver.ErrCorrupt) || !bad && err != nil {
			e.failf("All yielded the key %v (damaged: %t) with the error %v", entry.Key, bad, err)
		}
	}
	for _, key := range damaged {
		if times[key] != 1 {
			e.failf("All yielded a damaged record %d times, want once, as an error", times[key])
		}
	}
	for key := range sound {
		if times[key] != 1 {
			e.failf("All yielded a damaged record's neighbour %d times, want once", times[key])
		}
	}
}

func damagedReopen(e *env) {
	s := e.open()
	damaged, sound := e.damage(s)
	s = e.again(s)
	for _, key := range damaged {
		_, err := s.Load(e.ctx, key)
		e.wants(err, driver.ErrCorrupt, "Load of a damaged record, after another Open")
	}
	for key, rec := range sound {
		e.holds(s, key, rec, "of a damaged record's neighbour, after another Open")
	}
	rec := e.record("new")
	e.holds(s, e.create(s, rec), rec, "of a new record, after another Open with damaged ones")
}

func damagedSweep(e *env) {
	s := e.open()
	w := e.sweeper(s)
	_, sound := e.damage(s)
	e.clock.set(driver.MillisOf(start) + hour)
	// Whether the damaged one counts, or goes, is the store's choice.
	if _, err := w.Sweep(e.ctx); err != nil && !errors.Is(err, driver.ErrCorrupt) {
		e.failf("Sweep with a damaged record in the backend failed: %v", err)
	}
	e.clock.set(driver.MillisOf(start))
	for key := range sound {
		e.absent(s, key, "of an expired record beside a damaged one, after Sweep and with the clock set back")
	}
}
