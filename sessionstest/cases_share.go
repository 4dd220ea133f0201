package sessionstest

import "github.com/pump-go/sessions/driver"

var shareCases = []testCase{
	{"share-sees-writes", 4, "every call sees what earlier calls acknowledged, from any store that shares the backend.", []Ability{Share}, shareSees},
	{"share-conflicts", 2, "Save, Touch and Delete compare the stored version, whichever store wrote it.", []Ability{Share}, shareConflicts},
	{"share-sign-out", 3, "no Save or Touch through one store restores a record deleted through another.", []Ability{Share}, shareSignOut},
	{"share-counter", 2, "after N acknowledged increments through two stores on one backend the counter is N.", []Ability{Share}, func(e *env) {
		e.countTogether(e.open(), e.open())
	}},
	{"share-create", 2, "Save with old 0 creates a record only if there is no live one: of several concurrent calls through several stores exactly one succeeds.", []Ability{Share}, shareCreate},
}

func shareSees(e *env) {
	one, two := e.open(), e.open()
	rec := e.owned("user:42", "data\x00\xff")
	key := e.create(one, rec)
	e.holds(two, key, rec, "through a store other than the one that created it")
	now := next(e.load(two, key, "through another store"), "replaced")
	e.must(two.Save(e.ctx, key, rec.Version, now), "Save through a store other than the one that created it")
	e.holds(one, key, now, "through a store other than the one that replaced it")
	now = extended(now, hour)
	e.must(one.Touch(e.ctx, key, now), "Touch through a store other than the one that replaced it")
	e.holds(two, key, now, "through a store other than the one that touched it")
	e.must(two.Delete(e.ctx, key, now.Version), "Delete through a store other than the one that touched it")
	e.absent(one, key, "through a store other than the one that deleted it")
}

func shareConflicts(e *env) {
	one, two := e.open(), e.open()
	key := e.create(one, e.record("first"))
	stale := e.load(one, key, "before the other store replaces it")
	e.conflicts(two.Save(e.ctx, key, 0, e.record("again")), "Save with old 0 over another store's record")
	now := next(stale, "second")
	now.Hint = nil
	e.must(two.Save(e.ctx, key, stale.Version, now), "Save through the other store")
	e.conflicts(one.Save(e.ctx, key, stale.Version, next(stale, "lost")), "Save at a version that the other store replaced")
	e.conflicts(one.Touch(e.ctx, key, extended(stale, hour)), "Touch at a version that the other store replaced")
	e.conflicts(one.Delete(e.ctx, key, stale.Version), "Delete at a version that the other store replaced")
	e.holds(one, key, now, "after calls that returned ErrConflict")
	e.holds(two, key, now, "after calls that returned ErrConflict")
}

func shareSignOut(e *env) {
	one, two := e.open(), e.open()
	key := e.create(one, e.record("data"))
	loaded := e.load(one, key, "before the other store deletes it")
	e.must(two.Delete(e.ctx, key, 0), "Delete through the other store")
	e.conflicts(one.Save(e.ctx, key, loaded.Version, next(loaded, "revived")), "Save of a record that the other store deleted")
	e.conflicts(one.Touch(e.ctx, key, extended(loaded, hour)), "Touch of a record that the other store deleted")
	e.absent(one, key, "after Delete through the other store")
	e.absent(two, key, "after Delete")
}

func shareCreate(e *env) {
	stores := []driver.Store{e.open(), e.open(), e.open()}
	e.rounds(15, func(int) {
		key, recs := newKey(), e.records(6)
		w := e.oneSucceeds(len(recs), "Save with old 0, through several stores", func(i int) error {
			return stores[i%len(stores)].Save(e.ctx, key, 0, recs[i])
		})
		for _, s := range stores {
			e.holds(s, key, recs[w], "after a race to create through several stores")
		}
	})
}
