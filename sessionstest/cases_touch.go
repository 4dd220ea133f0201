package sessionstest

import "github.com/pump-go/sessions/driver"

var touchCases = []testCase{
	{"touch-moves-the-times", 0, "Touch sets Accessed and Expires, and nothing else of the record changes, the version included.", nil, touchMovesTimes},
	{"touch-back", 1, "a record is absent once its Expires has come, also where Touch moved that to an earlier time.", nil, touchBack},
	{"touch-at-wrong-version", 2, "Touch changes a record only at its version, else it writes nothing: ErrConflict.", nil, touchAtWrongVersion},
	{"touch-nothing", 2, "Touch never creates: where no live record is, it writes nothing: ErrConflict.", nil, touchNothing},
	{"touch-after-replace", 2, "Touch changes a record only at its version, else it writes nothing: ErrConflict.", nil, touchAfterReplace},
}

func touchMovesTimes(e *env) {
	s := e.open()
	rec := e.owned("user:42", "data\x00\xff")
	key := e.create(s, rec)
	for _, by := range []driver.Millis{1, hour, 0, -hour / 2, 40 * 24 * hour} {
		now := extended(e.load(s, key, "before Touch"), by)
		e.must(s.Touch(e.ctx, key, now), "Touch at the present version")
		e.holds(s, key, now, "after Touch")
	}
	now := e.load(s, key, "after several Touches")
	last := next(now, "replaced")
	e.must(s.Save(e.ctx, key, rec.Version, last), "Save at the version that several Touches left alone")
	e.holds(s, key, last, "after Touches and a Save")
}

func touchBack(e *env) {
	s := e.open()
	rec := e.record("data")
	key := e.create(s, rec)
	earlier := extended(rec, -hour/2)
	e.must(s.Touch(e.ctx, key, earlier), "Touch to an earlier expiry")
	e.clock.set(earlier.Expires - 1)
	e.holds(s, key, earlier, "1 ms before the earlier expiry")
	e.clock.set(earlier.Expires)
	e.absent(s, key, "at the earlier expiry")
}

func touchAtWrongVersion(e *env) {
	s := e.open()
	rec := e.record("data")
	key := e.create(s, rec)
	wrong := extended(rec, hour)
	wrong.Version ^= 1
	e.conflicts(s.Touch(e.ctx, key, wrong), "Touch at a version that the record never had")
	e.holds(s, key, rec, "after a Touch that conflicted")
}

func touchNothing(e *env) {
	s := e.open()
	key := newKey()
	e.conflicts(s.Touch(e.ctx, key, e.record("from nowhere")), "Touch where nothing is")
	e.absent(s, key, "after a Touch that conflicted")
}

func touchAfterReplace(e *env) {
	s := e.open()
	key := e.create(s, e.record("first"))
	stale := e.load(s, key, "before it is replaced")
	now := next(stale, "second")
	e.must(s.Save(e.ctx, key, stale.Version, now), "Save at the present version")
	e.conflicts(s.Touch(e.ctx, key, extended(stale, hour)), "Touch at the version before")
	e.holds(s, key, now, "after a Touch that conflicted")
}
