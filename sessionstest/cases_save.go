package sessionstest

import (
	"math"

	"github.com/pump-go/sessions/driver"
)

var saveCases = []testCase{
	{"load-missing", 0, "Load returns the record at the key, or ErrNotFound.", nil, loadMissing},
	{"create", 4, "every call sees what earlier calls acknowledged.", nil, saveCreates},
	{"replace-whole", 4, "every call sees what earlier calls acknowledged: the whole new record, and nothing of the one it replaced.", nil, saveReplaces},
	{"create-over-live", 2, "Save with old 0 creates a record only if there is no live one, else it writes nothing and fails with ErrConflict.", nil, createOverLive},
	{"replace-at-wrong-version", 2, "Save replaces a record only at the version it names, else it writes nothing and fails with ErrConflict.", nil, replaceAtWrongVersion},
	{"replace-missing", 2, "Save at a version never creates a record: it fails with ErrConflict.", nil, replaceMissing},
	{"replace-twice-from-one-load", 2, "of two Saves based on the same version, the second writes nothing and fails with ErrConflict.", nil, replaceTwice},
	{"extreme-numbers", 6, "any valid version and times are returned exactly.", nil, extremeNumbers},
	{"keys-one-bit-apart", 4, "each key has its own record, also when two keys differ in one bit.", nil, keysOneBitApart},
}

func loadMissing(e *env) {
	s := e.open()
	e.absent(s, newKey(), "at an unused key")
	e.absent(s, driver.Key{}, "at the zero key")
}

func saveCreates(e *env) {
	s := e.open()
	rec := e.owned("user:42", "first")
	rec.Created -= 7
	key := e.create(s, rec)
	e.holds(s, key, rec, "after Save created it")
	e.holds(s, key, rec, "a second time")
	e.absent(s, newKey(), "at another key")
}

func saveReplaces(e *env) {
	s := e.open()
	rec := e.owned("user:42", "a first value, rather long")
	key := e.create(s, rec)
	for _, data := range []string{"short", "", "a third value, longer than both that were there before"} {
		now := e.load(s, key, "before it is replaced")
		old := now.Version
		now = next(now, data)
		now.Owner += "+"
		now.Created++
		now.Accessed += 2
		now.Expires += 3
		e.must(s.Save(e.ctx, key, old, now), "Save at the current version")
		e.holds(s, key, now, "after Save replaced it")
	}
}

func createOverLive(e *env) {
	s := e.open()
	rec := e.record("first")
	key := e.create(s, rec)
	e.conflicts(s.Save(e.ctx, key, 0, e.record("second")), "Save with old 0 over a live record")
	e.conflicts(s.Save(e.ctx, key, 0, rec), "Save with old 0 of a record that is already stored")
	e.holds(s, key, rec, "after Saves that returned ErrConflict")
}

func replaceAtWrongVersion(e *env) {
	s := e.open()
	rec := e.record("first")
	key := e.create(s, rec)
	for _, wrong := range []driver.Version{rec.Version ^ 1, rec.Version ^ 1<<61, newVersion()} {
		e.conflicts(s.Save(e.ctx, key, wrong, e.record("second")), "Save at a version that the record never had")
	}
	e.conflicts(s.Save(e.ctx, key, rec.Version^1, rec), "Save at a wrong version of a record that is already stored")
	e.holds(s, key, rec, "after Saves that returned ErrConflict")
}

func replaceMissing(e *env) {
	s := e.open()
	key := newKey()
	e.conflicts(s.Save(e.ctx, key, newVersion(), e.record("from nowhere")), "Save at a version with no record")
	e.absent(s, key, "after a Save that returned ErrConflict")
	rec := e.record("first")
	e.must(s.Save(e.ctx, key, 0, rec), "Save with old 0, after one that returned ErrConflict")
	e.holds(s, key, rec, "after Save created it")
}

func replaceTwice(e *env) {
	s := e.open()
	key := e.create(s, e.record("first"))
	mine := e.load(s, key, "the first time")
	theirs := e.load(s, key, "the second time")
	winner := next(mine, "second")
	e.must(s.Save(e.ctx, key, mine.Version, winner), "Save at the current version")
	e.conflicts(s.Save(e.ctx, key, theirs.Version, next(theirs, "lost")), "Save at the previous version")
	e.holds(s, key, winner, "after the second Save returned ErrConflict")
}

func extremeNumbers(e *env) {
	s := e.open()
	for _, v := range []driver.Version{1, 2, 1 << 31, 1<<53 + 1, math.MaxInt64 - 1, math.MaxInt64} {
		rec := e.record("version")
		rec.Version = v
		key := e.create(s, rec)
		e.holds(s, key, rec, "of an extreme version")
		second := next(rec, "replaced")
		e.must(s.Save(e.ctx, key, v, second), "Save at an extreme version")
		e.must(s.Delete(e.ctx, key, second.Version), "Delete at a version")
	}
	for _, m := range []driver.Millis{-1, 1, 999, 1000, 1<<31*1000 + 1, start0 - 1, start0 + 1} {
		rec := e.record("times")
		rec.Created, rec.Accessed = m, m+1
		rec.Expires += 1
		e.holds(s, e.create(s, rec), rec, "of a record with odd milliseconds")
	}
}

var start0 = driver.MillisOf(start)

func keysOneBitApart(e *env) {
	s := e.open()
	base := newKey()
	keys := []driver.Key{base, {}}
	for bit := range 8 * len(base) {
		k := base
		k[bit/8] ^= 1 << (bit % 8)
		keys = append(keys, k)
	}
	recs := make([]driver.Record, len(keys))
	e.each(len(keys), func(i int) {
		rec := e.record(keys[i].String())
		e.must(s.Save(e.ctx, keys[i], 0, rec), "Save with old 0 at a key that differs in one bit from another's")
		recs[i] = rec
	})
	e.each(len(keys), func(i int) {
		if recs[i].Version != 0 {
			e.holds(s, keys[i], recs[i], "at a key that differs in one bit from another's")
		}
	})
}
