package sessionstest

var hintCases = []testCase{
	{"hint-missing", 0, "a store works without its hint.", nil, hintMissing},
	{"hint-from-load", 0, "the hint of a loaded record can be used by the next Save, Touch or Delete.", nil, hintFromLoad},
	{"hint-older-than-a-touch", 0, "Save and Touch compare only the version, which a Touch does not change, so a record loaded before a Touch can still be saved.", nil, hintOlderThanTouch},
	{"hint-older-than-a-save", 2, "the version decides, never the hint: Save and Touch based on a replaced record write nothing and fail with ErrConflict.", nil, hintOlderThanSave},
}

func hintMissing(e *env) {
	s := e.open()
	rec := e.owned("user:42", "first")
	key := e.create(s, rec)
	for _, data := range []string{"second", "third"} {
		old := rec.Version
		rec = next(rec, data)
		e.must(s.Save(e.ctx, key, old, rec), "Save without a hint")
		rec = extended(rec, hour)
		e.must(s.Touch(e.ctx, key, rec), "Touch without a hint")
		e.holds(s, key, rec, "after Save and Touch without a hint")
	}
	e.must(s.Delete(e.ctx, key, rec.Version), "Delete at the current version")
	e.absent(s, key, "after Delete")
}

func hintFromLoad(e *env) {
	s := e.open()
	key := e.create(s, e.owned("user:42", "first"))
	for _, data := range []string{"second", "third"} {
		rec := e.load(s, key, "before Save")
		old := rec.Version
		rec = next(rec, data)
		e.must(s.Save(e.ctx, key, old, rec), "Save with the hint of Load")
		rec = extended(e.load(s, key, "before Touch"), hour)
		e.must(s.Touch(e.ctx, key, rec), "Touch with the hint of Load")
		e.holds(s, key, rec, "after Save and Touch with the hint of Load")
	}
}

func hintOlderThanTouch(e *env) {
	s := e.open()
	rec := e.record("first")
	key := e.create(s, rec)
	mine := e.load(s, key, "the first time")
	theirs := e.load(s, key, "the second time")
	e.must(s.Touch(e.ctx, key, extended(theirs, 2*hour)), "the first Touch")
	again := extended(mine, hour)
	e.must(s.Touch(e.ctx, key, again), "Touch of a record loaded before another Touch")
	e.holds(s, key, again, "after two Touches based on the same Load")

	mine = e.load(s, key, "the first time")
	e.must(s.Touch(e.ctx, key, extended(mine, 2*hour)), "the first Touch")
	now := next(mine, "second") // with the loaded expiry, earlier than the Touch's
	e.must(s.Save(e.ctx, key, mine.Version, now), "Save of a record loaded before another Touch")
	e.holds(s, key, now, "after a Touch and a Save based on an earlier Load")
	e.clock.set(now.Expires)
	e.absent(s, key, "at the expiry that Save set")
}

func hintOlderThanSave(e *env) {
	s := e.open()
	key := e.create(s, e.record("first"))
	stale := e.load(s, key, "before it is replaced")
	fresh := e.load(s, key, "before it is replaced")
	now := next(fresh, "second")
	e.must(s.Save(e.ctx, key, fresh.Version, now), "Save at the current version")
	e.conflicts(s.Save(e.ctx, key, stale.Version, next(stale, "lost")), "Save with the hint and version of a replaced record")
	e.conflicts(s.Touch(e.ctx, key, extended(stale, hour)), "Touch with the hint and version of a replaced record")
	e.holds(s, key, now, "after Saves and Touches that returned ErrConflict")
}
