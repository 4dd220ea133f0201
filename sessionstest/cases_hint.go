package sessionstest

var hintCases = []testCase{
	{"hint-none", 0, "a store works without its hint.", nil, hintNone},
	{"hint-of-the-load", 0, "the hint of a Load serves the Save, Touch or Delete that follows.", nil, hintOfLoad},
	{"hint-older-than-a-touch", 0, "Save and Touch go by the version: a Touch in between leaves it alone, so what was loaded before may still be saved.", nil, hintOlderThanTouch},
	{"hint-older-than-a-save", 2, "a hint never stands in for the version: Save and Touch based on a replaced record write nothing, ErrConflict.", nil, hintOlderThanSave},
}

func hintNone(e *env) {
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
	e.must(s.Delete(e.ctx, key, rec.Version), "Delete at the present version")
	e.absent(s, key, "after Delete")
}

func hintOfLoad(e *env) {
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
	mine := e.load(s, key, "by the one")
	theirs := e.load(s, key, "by the other")
	e.must(s.Touch(e.ctx, key, extended(theirs, 2*hour)), "Touch by the other")
	again := extended(mine, hour)
	e.must(s.Touch(e.ctx, key, again), "Touch by the one, loaded before the other's Touch")
	e.holds(s, key, again, "after two Touches based on the same Load")

	mine = e.load(s, key, "by the one")
	e.must(s.Touch(e.ctx, key, extended(mine, 2*hour)), "Touch by the other")
	now := next(mine, "second") // expires as it was loaded: sooner than the Touch says
	e.must(s.Save(e.ctx, key, mine.Version, now), "Save by the one, loaded before the other's Touch")
	e.holds(s, key, now, "after a Touch by the other and a Save by the one")
	e.clock.set(now.Expires)
	e.absent(s, key, "at the expiry that the Save wrote")
}

func hintOlderThanSave(e *env) {
	s := e.open()
	key := e.create(s, e.record("first"))
	stale := e.load(s, key, "before it is replaced")
	fresh := e.load(s, key, "before it is replaced")
	now := next(fresh, "second")
	e.must(s.Save(e.ctx, key, fresh.Version, now), "Save at the present version")
	e.conflicts(s.Save(e.ctx, key, stale.Version, next(stale, "lost")), "Save with a hint and version older than another's Save")
	e.conflicts(s.Touch(e.ctx, key, extended(stale, hour)), "Touch with a hint and version older than another's Save")
	e.holds(s, key, now, "after Saves and Touches that conflicted")
}
