package sessionstest

import "github.com/pump-go/sessions/driver"

var deleteCases = []testCase{
	{"delete-missing", 0, "Delete with version 0 removes any record; if there is none, it returns nil.", nil, deleteMissing},
	{"delete-any-version", 3, "Delete with version 0 removes the record and no other.", nil, deleteAnyVersion},
	{"delete-at-version", 3, "Delete at the live record's version removes it.", nil, deleteAtVersion},
	{"delete-at-wrong-version", 2, "Delete removes a record only at the version it names, else it changes nothing and fails with ErrConflict.", nil, deleteAtWrongVersion},
	{"delete-missing-at-version", 2, "Delete at a version fails with ErrConflict if there is no live record.", nil, deleteMissingAtVersion},
	{"save-after-delete", 3, "no Save based on a record loaded before a Delete restores it.", nil, saveAfterDelete},
	{"touch-after-delete", 3, "no Touch based on a record loaded before a Delete restores it.", nil, touchAfterDelete},
	{"create-after-delete", 3, "after a Delete a new record can be created at the key, and calls based on the old one do not affect it.", nil, createAfterDelete},
}

func deleteMissing(e *env) {
	s := e.open()
	key := newKey()
	e.must(s.Delete(e.ctx, key, 0), "Delete with version 0 with no record")
	e.absent(s, key, "after Delete with no record")
	key = e.create(s, e.record("data"))
	e.must(s.Delete(e.ctx, key, 0), "Delete with version 0")
	e.must(s.Delete(e.ctx, key, 0), "Delete with version 0, a second time")
}

func deleteAnyVersion(e *env) {
	s := e.open()
	rec, other := e.owned("user:42", "data"), e.owned("user:42", "neighbour")
	key, neighbour := e.create(s, rec), e.create(s, other)
	e.must(s.Delete(e.ctx, key, 0), "Delete with version 0")
	e.absent(s, key, "after Delete")
	e.holds(s, neighbour, other, "of another record")
}

func deleteAtVersion(e *env) {
	s := e.open()
	key := e.create(s, e.record("first"))
	rec := e.load(s, key, "before it is replaced")
	now := next(rec, "second")
	e.must(s.Save(e.ctx, key, rec.Version, now), "Save at the current version")
	e.must(s.Touch(e.ctx, key, extended(now, 1)), "Touch at the current version")
	e.must(s.Delete(e.ctx, key, now.Version), "Delete at the current version, after a Touch")
	e.absent(s, key, "after Delete at its version")
	e.conflicts(s.Delete(e.ctx, key, now.Version), "Delete at a version, a second time")
}

func deleteAtWrongVersion(e *env) {
	s := e.open()
	rec := e.record("first")
	key := e.create(s, rec)
	e.conflicts(s.Delete(e.ctx, key, rec.Version^1), "Delete at a version that the record never had")
	e.holds(s, key, rec, "after a Delete that returned ErrConflict")
	now := next(rec, "second")
	e.must(s.Save(e.ctx, key, rec.Version, now), "Save at the current version")
	e.conflicts(s.Delete(e.ctx, key, rec.Version), "Delete at the previous version")
	e.holds(s, key, now, "after a Delete that returned ErrConflict")
}

func deleteMissingAtVersion(e *env) {
	s := e.open()
	e.conflicts(s.Delete(e.ctx, newKey(), newVersion()), "Delete at a version with no record")
}

// deletions are the ways to delete a record.
var deletions = map[string]func(driver.Record) driver.Version{
	"Delete with version 0":          func(driver.Record) driver.Version { return 0 },
	"Delete at the record's version": func(r driver.Record) driver.Version { return r.Version },
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
		e.absent(s, key, "after "+how+" and a Save based on the deleted record")
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
		e.absent(s, key, "after "+how+" and a Touch of the deleted record")
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
		e.conflicts(s.Save(e.ctx, key, loaded.Version, next(loaded, "revived")), "Save based on the deleted record")
		e.conflicts(s.Touch(e.ctx, key, extended(loaded, hour)), "Touch of the deleted record")
		e.conflicts(s.Delete(e.ctx, key, loaded.Version), "Delete at the deleted record's version")
		e.holds(s, key, now, "created after "+how)
	}
}
