package sessionstest

import (
	"errors"
	"time"

	"github.com/pump-go/sessions/driver"
)

var expiryCases = []testCase{
	{"expiry-to-the-millisecond", 1, "a record can be loaded until 1 ms before its Expires, and is absent from Expires on.", nil, expiryExact},
	{"expiry-under-a-second", 1, "a lifetime under a second is kept exactly: neither rounded nor treated as no expiry.", nil, expirySubSecond},
	{"expiry-far-away", 1, "a record can be loaded until its Expires, however distant.", nil, expiryFarAway},
	{"expiry-by-config-now", 1, "time is read from Config.Now, never from the system's or server's clock.", nil, expiryByConfigNow},
	{"expiry-moved-by-save", 1, "a record expires at the Expires of its last Save.", nil, expiryMovedBySave},
	{"expiry-in-the-past", 1, "a record saved or touched with an Expires in the past is absent.", nil, expiryInPast},
	{"expired-load", 1, "Load returns ErrNotFound for an expired record, whether or not it has been removed.", nil, expiredLoad},
	{"expired-replace", 1, "an expired record is absent: Save at its version fails with ErrConflict and creates nothing.", nil, expiredReplace},
	{"expired-touch", 1, "an expired record is absent: Touch fails with ErrConflict.", nil, expiredTouch},
	{"expired-delete", 1, "an expired record is absent: Delete at its version fails with ErrConflict, and with version 0 returns nil.", nil, expiredDelete},
	{"expired-create", 1, "an expired record is absent: Save with old 0 creates a new one.", nil, expiredCreate},
	{"expired-in-all", 1, "All does not yield expired records.", []Ability{List}, expiredInAll},
	{"expired-in-owned", 1, "Owned does not yield expired records.", []Ability{Owners}, expiredInOwned},
}

func expiryExact(e *env) {
	s := e.open()
	recs := map[driver.Key]driver.Record{}
	for _, offset := range []driver.Millis{0, 1, 410, 411, 500, 910, 911, 999} { // the clock starts 89 ms into a second
		rec := e.record("data")
		rec.Expires += offset
		recs[e.create(s, rec)] = rec
	}
	for key, rec := range recs {
		e.clock.set(rec.Expires - 1)
		e.holds(s, key, rec, "1 ms before Expires")
	}
	for key, rec := range recs {
		e.clock.set(rec.Expires)
		e.absent(s, key, "at Expires")
	}
}

func expirySubSecond(e *env) {
	s := e.open()
	for range 5 {
		rec := e.record("brief")
		rec.Expires = rec.Created + 400
		began := time.Now()
		key := e.create(s, rec)
		e.clock.advance(399 * time.Millisecond)
		got, err := s.Load(e.ctx, key)
		if errors.Is(err, driver.ErrNotFound) && time.Since(began) >= 300*time.Millisecond {
			continue // a server may have removed it by its own clock
		}
		e.must(err, "Load 1 ms before the end of a lifetime of 400 ms")
		if d := difference(got, rec); d != "" {
			e.failf("Load 1 ms before the end of a lifetime of 400 ms: %s", d)
		}
		e.clock.advance(time.Millisecond)
		e.absent(s, key, "at the end of a lifetime of 400 ms")
		return
	}
}

func expiryFarAway(e *env) {
	s := e.open()
	const day = 24 * hour
	var keys []driver.Key
	var recs []driver.Record
	for _, life := range []driver.Millis{
		25 * day, // past 2^31 ms
		30*day + 1,
		50 * day, // past 2^32 ms
		400 * day,
		70 * 366 * day, // past 2^31 and 2^32 s since the epoch
		driver.MillisOf(time.Date(9999, time.December, 31, 23, 59, 59, 999e6, time.UTC)) - e.clock.millis(),
	} {
		rec := e.record("long")
		rec.Expires = rec.Created + life
		key := e.create(s, rec)
		e.holds(s, key, rec, "of a record that expires "+rec.Expires.Time().String())
		now := next(rec, "long, replaced")
		e.must(s.Save(e.ctx, key, rec.Version, now), "Save of a record that expires "+rec.Expires.Time().String())
		keys, recs = append(keys, key), append(recs, now)
	}
	for i, rec := range recs {
		e.clock.set(rec.Expires - 1)
		e.holds(s, keys[i], rec, "1 ms before "+rec.Expires.Time().String())
		e.clock.set(rec.Expires)
		e.absent(s, keys[i], "at its expiry, "+rec.Expires.Time().String())
	}
}

func expiryByConfigNow(e *env) {
	s := e.open()
	for _, years := range []int{0, 20, -20} {
		now := start.AddDate(years, 0, 0)
		e.clock.set(driver.MillisOf(now))
		rec := e.record("data")
		key := e.create(s, rec)
		e.holds(s, key, rec, "before the record expires, in "+now.Format("2006"))
		touched := extended(rec, hour)
		e.must(s.Touch(e.ctx, key, touched), "Touch before the record expires, in "+now.Format("2006"))
		e.clock.set(touched.Expires)
		e.absent(s, key, "after the record expired, in "+now.Format("2006"))
		e.conflicts(s.Touch(e.ctx, key, extended(touched, hour)), "Touch after the record expired, in "+now.Format("2006"))
	}
}

func expiryMovedBySave(e *env) {
	s := e.open()
	for _, by := range []driver.Millis{hour, -hour / 2} {
		rec := e.record("first")
		key := e.create(s, rec)
		now := next(rec, "second")
		now.Expires += by
		e.must(s.Save(e.ctx, key, rec.Version, now), "Save at the current version")
		e.clock.set(now.Expires - 1)
		e.holds(s, key, now, "1 ms before the Expires of the last Save")
		e.clock.set(now.Expires)
		e.absent(s, key, "at the Expires of the last Save")
	}
}

func expiryInPast(e *env) {
	s := e.open()
	for _, ago := range []driver.Millis{0, 1, hour} {
		rec := e.record("late")
		rec.Expires = rec.Created - ago
		key := newKey()
		_ = s.Save(e.ctx, key, 0, rec) // may succeed or fail
		e.absent(s, key, "of a record created with an expiry in the past")

		rec = e.record("in time")
		key = e.create(s, rec)
		late := extended(rec, -hour-ago)
		e.must(s.Touch(e.ctx, key, late), "Touch to an expiry in the past")
		e.absent(s, key, "of a record touched with an expiry in the past")
		now := e.record("again")
		e.must(s.Save(e.ctx, key, 0, now), "Save with old 0 over an expired record")
		e.holds(s, key, now, "created over an expired record")
	}
}

// expire saves a record and moves the clock to its expiry.
func (e *env) expire(s driver.Store) (driver.Key, driver.Record) {
	rec := e.owned("user:42", "expired")
	key := e.create(s, rec)
	e.clock.set(rec.Expires)
	return key, rec
}

func expiredLoad(e *env) {
	s := e.open()
	key, _ := e.expire(s)
	e.absent(s, key, "at Expires")
	e.clock.advance(time.Hour)
	e.absent(s, key, "an hour after Expires")
}

func expiredReplace(e *env) {
	s := e.open()
	key, rec := e.expire(s)
	revived := next(rec, "revived")
	revived.Expires += hour
	e.conflicts(s.Save(e.ctx, key, rec.Version, revived), "Save at the version of an expired record")
	e.absent(s, key, "after a Save based on an expired record")
}

func expiredTouch(e *env) {
	s := e.open()
	key, rec := e.expire(s)
	e.conflicts(s.Touch(e.ctx, key, extended(rec, hour)), "Touch of an expired record")
	e.absent(s, key, "after a Touch of an expired record")
}

func expiredDelete(e *env) {
	s := e.open()
	key, rec := e.expire(s)
	e.conflicts(s.Delete(e.ctx, key, rec.Version), "Delete at the version of an expired record")
	e.must(s.Delete(e.ctx, key, 0), "Delete with version 0 of an expired record")
	e.absent(s, key, "after Delete of an expired record")
}

func expiredCreate(e *env) {
	s := e.open()
	key, rec := e.expire(s)
	now := e.owned("user:7", "new")
	e.must(s.Save(e.ctx, key, 0, now), "Save with old 0 over an expired record")
	e.holds(s, key, now, "created over an expired record")
	e.conflicts(s.Save(e.ctx, key, rec.Version, next(rec, "revived")), "Save at the version of the expired record")
	e.conflicts(s.Touch(e.ctx, key, extended(rec, 2*hour)), "Touch of the expired record")
	e.conflicts(s.Delete(e.ctx, key, rec.Version), "Delete at the version of the expired record")
	e.holds(s, key, now, "created over an expired record, after calls based on the expired one")
}

func expiredInAll(e *env) {
	s := e.open()
	l := e.lister(s)
	e.expire(s)
	rec := e.record("live")
	key := e.create(s, rec)
	e.lists(l.All(e.ctx), map[driver.Key]driver.Record{key: rec}, "All")
}

func expiredInOwned(e *env) {
	s := e.open()
	o := e.owners(s)
	e.expire(s)
	rec := e.owned("user:42", "live")
	key := e.create(s, rec)
	e.lists(o.Owned(e.ctx, "user:42"), map[driver.Key]driver.Record{key: rec}, "Owned")
}
