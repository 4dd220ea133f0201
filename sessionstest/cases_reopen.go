package sessionstest

import "github.com/pump-go/sessions/driver"

var reopenCases = []testCase{
	{"reopen", 4, "what was acknowledged before Close can be loaded after the store is reopened.", []Ability{Reopen}, reopen},
	{"reopen-keeps-changes", 3, "deletions and replacements made before Close remain after the store is reopened.", []Ability{Reopen}, reopenKeepsChanges},
	{"reopen-expired", 1, "a record that expired while no store was open is absent.", []Ability{Reopen}, reopenExpired},
	{"reopen-sweeps", 8, "Sweep removes every expired record, including those saved before the store was reopened.", []Ability{Reopen, Sweep}, reopenSweeps},
	{"reopen-owned", 10, "Owned misses no record, including those saved before the store was reopened.", []Ability{Reopen, Owners}, reopenOwned},
}

// again closes the store and opens a new one.
func (e *env) again(s driver.Store) driver.Store {
	e.close(s, "Close")
	return e.open()
}

func reopen(e *env) {
	s := e.open()
	recs := e.fill(s, 20, func(i int) driver.Record { return e.owned(hostileOwners[i], everyByte[i:]) })
	s = e.again(s)
	for key, rec := range recs {
		e.holds(s, key, rec, "after the store was reopened")
	}
	s = e.again(s)
	for key, rec := range recs {
		e.conflicts(s.Save(e.ctx, key, 0, rec), "Save with old 0 over a record saved before the store was reopened")
		now := next(rec, "replaced")
		e.must(s.Save(e.ctx, key, rec.Version, now), "Save at a version saved before the store was reopened")
		e.holds(s, key, now, "after it was replaced in the reopened store")
	}
}

func reopenKeepsChanges(e *env) {
	s := e.open()
	gone, rec := e.record("gone"), e.record("first")
	goneKey, key := e.create(s, gone), e.create(s, rec)
	e.must(s.Delete(e.ctx, goneKey, 0), "Delete")
	now := next(rec, "second")
	e.must(s.Save(e.ctx, key, rec.Version, now), "Save at the current version")
	now = extended(now, hour)
	e.must(s.Touch(e.ctx, key, now), "Touch")
	s = e.again(s)
	e.absent(s, goneKey, "of a record deleted before Close")
	e.conflicts(s.Save(e.ctx, goneKey, gone.Version, next(gone, "revived")), "Save of a record deleted before Close")
	e.conflicts(s.Touch(e.ctx, goneKey, extended(gone, hour)), "Touch of a record deleted before Close")
	e.conflicts(s.Save(e.ctx, key, rec.Version, next(rec, "lost")), "Save at a version replaced before Close")
	e.holds(s, key, now, "replaced and touched before Close")
}

func reopenExpired(e *env) {
	s := e.open()
	rec, live := e.record("data"), e.record("live")
	live.Expires++
	key, liveKey := e.create(s, rec), e.create(s, live)
	e.close(s, "Close")
	e.clock.set(rec.Expires)
	s = e.open()
	e.absent(s, key, "of a record that expired while no store was open")
	e.conflicts(s.Touch(e.ctx, key, extended(rec, hour)), "Touch of a record that expired while no store was open")
	e.holds(s, liveKey, live, "of a record that expires in 1 ms")
}

func reopenSweeps(e *env) {
	s := e.open()
	for range 5 {
		e.create(s, e.record("data"))
	}
	live := e.record("live")
	live.Expires++
	key := e.create(s, live)
	e.close(s, "Close")
	e.clock.set(live.Expires - 1)
	s = e.open()
	e.sweeps(s, 5)
	e.holds(s, key, live, "of a live record, after Sweep")
}

func reopenOwned(e *env) {
	s := e.open()
	want := map[driver.Key]driver.Record{}
	for range 5 {
		rec := e.owned("user:42", "data")
		want[e.create(s, rec)] = rec
		e.create(s, e.owned("user:43", "another's"))
	}
	s = e.again(s)
	e.lists(e.owners(s).Owned(e.ctx, "user:42"), want, "Owned, after the store was reopened")
}
