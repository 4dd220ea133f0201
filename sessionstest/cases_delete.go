package sessionstest

import "github.com/pump-go/sessions/driver"

var deleteCases = []testCase{
	{"delete-nothing", 0, "Delete with version 0 removes whatever is there, and finding nothing is no error.", nil, deleteNothing},
	{"delete-whatever", 3, "a deleted record is gone, and its neighbours stay.", nil, deleteWhatever},
	{"delete-at-version", 3, "Delete at the live record's version removes it.", nil, deleteAtVersion},
	{"delete-at-wrong-version", 2, "Delete removes the live record only at the version it names, else it changes nothing: ErrConflict.", nil, deleteAtWrongVersion},
	{"delete-at-version-where-nothing-is", 2, "Delete at a version, where no live record is, answers ErrConflict.", nil, deleteVersionOfNothing},
	{"save-after-delete", 3, "no Save based on a record loaded before a Delete brings it back.", nil, saveAfterDelete},
	{"touch-after-delete", 3, "no Touch based on a record loaded before a Delete brings it back.", nil, touchAfterDelete},
	{"create-after-delete", 3, "after a Delete the key is free, and nothing loaded before it reaches what is created there.", nil, createAfterDelete},
}

func deleteNothing(e *env) {
	s := e.open()
	key := newKey()
	e.must(s.Delete(e.ctx, key, 0), "Delete with version 0 where nothing is")
	e.absent(s, key, "after Delete of nothing")
	key = e.create(s, e.record("data"))
	e.must(s.Delete(e.ctx, key, 0), "Delete with version 0")
	e.must(s.Delete(e.ctx, key, 0), "Delete with version 0, a second time")
}

func deleteWhatever(e *env) {
	s := e.open()
	rec, other := e.owned("user:42", "data"), e.owned("user:42", "neighbour")
	key, neighbour := e.create(s, rec), e.create(s, other)
	e.must(s.Delete(e.ctx, key, 0), "Delete with version 0")
	e.absent(s, key, "after Delete")
	e.holds(s, neighbour, other, "of the deleted record's neighbour")
}

func deleteAtVersion(e *env) {
	s := e.open()
	key := e.create(s, e.record("first"))
	rec := e.load(s, key, "before it is replaced")
	now := next(rec, "second")
	e.must(s.Save(e.ctx, key, rec.Version, now), "Save at the present version")
	e.must(s.Touch(e.ctx, key, extended(now, 1)), "Touch at the present version")
	e.must(s.Delete(e.ctx, key, now.Version), "Delete at the present version, after a Touch")
	e.absent(s, key, "after Delete at its version")
	e.conflicts(s.Delete(e.ctx, key, now.Version), "Delete at a version, a second time")
}

func deleteAtWrongVersion(e *env) {
	s := e.open()
	rec := e.record("first")
	key := e.create(s, rec)
	e.conflicts(s.Delete(e.ctx, key, rec.Version^1), "Delete at a version that the record never had")
	e.holds(s, key, rec, "after a Delete that conflicted")
	now := next(rec, "second")
	e.must(s.Save(e.ctx, key, rec.Version, now), "Save at the present version")
	e.conflicts(s.Delete(e.ctx, key, rec.Version), "Delete at the version before")
	e.holds(s, key, now, "after a Delete that conflicted")
}

func deleteVersionOfNothing(e *env) {
	s := e.open()
	e.conflicts(s.Delete(e.ctx, newKey(), newVersion()), "Delete at a version where nothing is")
}

// deletions are the ways in which a record goes.
var deletions = map[string]func(driver.Record) driver.Version{
	"Delete with version 0":       func(driver.Record) driver.Version { return 0 },
	"Delete at the version of it": func(r driver.Record) driver.Version { return r.Version },
}

func saveAfterDelete(e *env) {
	s := e.open()
	for how, version := range deletions {
		rec := e.record("data")
		key := e.create(s, rec)
		loaded := e.load(s, key, "before Delete")
		e.must(s.Delete(e.ctx, key, version(rec)), how)
		e.conflicts(s.Save(e.ctx, key, loaded.Version, next(loaded, "revived")), "Save after "+how)
		loaded.Hint = nil
		e.conflicts(s.Save(e.ctx, key, loaded.Version, next(loaded, "revived")), "Save without a hint after "+how)
		e.absent(s, key, "after "+how+" and a Save based on what was loaded before")
	}
}

func touchAfterDelete(e *env) {
	s := e.open()
	for how, version := range deletions {
		rec := e.record("data")
		key := e.create(s, rec)
		loaded := e.load(s, key, "before Delete")
		e.must(s.Delete(e.ctx, key, version(rec)), how)
		e.conflicts(s.Touch(e.ctx, key, extended(loaded, hour)), "Touch after "+how)
		loaded.Hint = nil
		e.conflicts(s.Touch(e.ctx, key, extended(loaded, hour)), "Touch without a hint after "+how)
		e.absent(s, key, "after "+how+" and a Touch of what was loaded before")
	}
}

func createAfterDelete(e *env) {
	s := e.open()
	for how, version := range deletions {
		rec := e.record("first")
		key := e.create(s, rec)
		loaded := e.load(s, key, "before Delete")
		e.must(s.Delete(e.ctx, key, version(rec)), how)
		now := e.record("second")
		e.must(s.Save(e.ctx, key, 0, now), "Save with old 0 after "+how)
		e.conflicts(s.Save(e.ctx, key, loaded.Version, next(loaded, "revived")), "Save based on the record that was there before")
		e.conflicts(s.Touch(e.ctx, key, extended(loaded, hour)), "Touch of the record that was there before")
		e.conflicts(s.Delete(e.ctx, key, loaded.Version), "Delete at the version that was there before")
		e.holds(s, key, now, "created after "+how)
	}
}
