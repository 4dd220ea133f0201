package sessionstest

import "github.com/pump-go/sessions/driver"

var touchCases = []testCase{
	{"touch-moves-the-times", 0, "Touch sets Accessed and Expires and changes nothing else, not even the version.", nil, touchMovesTimes},
	{"touch-to-earlier-expiry", 1, "a record is absent from its Expires on, also if Touch made that earlier.", nil, touchToEarlierExpiry},
	{"touch-at-wrong-version", 2, "Touch changes a record only at its version, else it writes nothing and fails with ErrConflict.", nil, touchAtWrongVersion},
	{"touch-missing", 2, "Touch never creates a record: if there is no live one, it writes nothing and fails with ErrConflict.", nil, touchMissing},
	{"touch-after-replace", 2, "Touch changes a record only at its version, else it writes nothing and fails with ErrConflict.", nil, touchAfterReplace},
}

func touchMovesTimes(e *env) {
	s := e.open()
	rec := e.owned("user:42", "data\x00\xff")
	key := e.create(s, rec)
	for _, by := range []driver.Millis{1, hour, 0, -hour / 2, 40 * 24 * hour} {
		now := extended(e.load(s, key, "before Touch"), by)
		e.must(s.Touch(e.ctx, key, now), "Touch at the current version")
		e.holds(s, key, now, "after Touch")
	}
	now := e.load(s, key, "after several Touches")
	last := next(now, "replaced")
	e.must(s.Save(e.ctx, key, rec.Version, last), "Save at the version after several Touches")
	e.holds(s, key, last, "after Touches and a Save")
}

func touchToEarlierExpiry(e *env) {
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
	e.holds(s, key, rec, "after a Touch that returned ErrConflict")
}

func touchMissing(e *env) {
	s := e.open()
	key := newKey()
	e.conflicts(s.Touch(e.ctx, key, e.record("from nowhere")), "Touch with no record")
	e.absent(s, key, "after a Touch that returned ErrConflict")
}

func touchAfterReplace(e *env) {
	s := e.open()
	key := e.create(s, e.record("first"))
	stale := e.load(s, key, "before it is replaced")
	now := next(stale, "second")
	e.must(s.Save(e.ctx, key, stale.Version, now), "Save at the current version")
	e.conflicts(s.Touch(e.ctx, key, extended(stale, hour)), "Touch at the previous version")
	e.holds(s, key, now, "after a Touch that returned ErrConflict")
}
