package sessionstest

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/pump-go/sessions/driver"
)

const (
	bothOrNeither  = "Renew writes both records or neither."
	renewCondition = "Renew replaces the record at the old key only at the version it names, else it writes nothing and fails with ErrConflict."
)

var renewCases = []testCase{
	{"renew", 0, "Renew replaces the record at the old key by the forward, and creates the one at the new key.", nil, renewWritesBoth},
	{"renew-hostile-bytes", 6, "Data and Owner of both records are returned byte for byte, including NUL and invalid UTF-8.", nil, renewHostileBytes},
	{"renew-at-wrong-version", 2, renewCondition, nil, renewAtWrongVersion},
	{"renew-twice-from-one-load", 2, renewCondition, nil, renewTwice},
	{"renew-of-deleted", 3, "no Renew based on a record loaded before a Delete restores the session.", nil, renewOfDeleted},
	{"renew-of-expired", 1, "an expired record is absent to Renew: it fails with ErrConflict and writes neither record.", nil, renewOfExpired},
	{"renew-over-expired", 1, "an expired record at the new key is absent to Renew, which creates a record in its place.", nil, renewOverExpired},
	{"renew-as-taken-key", 2, "Renew creates a record only if there is no live one at the new key, else it writes neither record and fails with ErrConflict.", nil, renewAsTakenKey},
	{"renew-over-the-limit", 6, "if the Data of one record is above the limit, Renew fails with ErrTooLarge and writes neither record.", nil, renewOverLimit},
	{"renew-hint", 0, "Renew works with the hint of the old record and without it.", nil, renewHint},
	{"renew-expiry", 1, "each record that Renew writes expires at its own time.", nil, renewExpiry},
	{"renew-owners", 10, "Owned yields both records that Renew wrote, each under its present owner alone.", []Ability{Owners}, renewOwners},
	{"renew-namespaces", 4, "Renew neither sees nor changes a record of another namespace.", []Ability{Share}, renewNamespaces},
	{"renew-sees-other-stores", 4, "another store that is open sees what Renew wrote.", []Ability{Share}, renewShared},
	{"race-renew", 2, "of several concurrent Renews at one version exactly one succeeds, and only its records are stored.", nil, raceRenew},
	{"race-renew-against-save", 2, "of a concurrent Renew and Save at one version exactly one succeeds; the other changes nothing.", nil, raceRenewAgainstSave},
	{"race-renew-against-delete", 3, "of a concurrent Renew and Delete at one version exactly one succeeds; the other changes nothing.", nil, raceRenewAgainstDelete},
	{"race-renew-as-one-key", 2, "of several concurrent Renews with one new key exactly one succeeds; the others write neither record.", nil, raceRenewAsOneKey},
	{"race-renew-torn", 0, "nobody sees one of the two records that Renew writes without the other.", nil, raceRenewTorn},
}

// renewer returns the store as a Renewer, or skips the case.
func (e *env) renewer(s driver.Store) driver.Renewer {
	if r, ok := renewerOf(s); ok {
		return r
	}
	e.skip("the store does not implement driver.Renewer")
	return nil
}

// renewerOf reports whether the store below the suite's own wrapper is a Renewer.
func renewerOf(s driver.Store) (driver.Renewer, bool) {
	if w, ok := s.(*watched); ok {
		_, ok := w.Store.(driver.Renewer)
		return w, ok
	}
	r, ok := s.(driver.Renewer)
	return r, ok
}

// forwardOf returns a record to put in the place of rec.
func forwardOf(rec driver.Record) driver.Record {
	f := next(rec, "a forward")
	f.Accessed++
	f.Expires = rec.Expires - hour/2
	return f
}

// written records a failure unless Renew has written both records.
func (e *env) written(s driver.Store, oldKey driver.Key, forward driver.Record, key driver.Key, rec driver.Record, when string) {
	e.holds(s, oldKey, forward, "of the forward "+when)
	e.holds(s, key, rec, "of the new record "+when)
}

// unwritten records a failure unless the old record is there as before and there is
// no new one.
func (e *env) unwritten(s driver.Store, oldKey driver.Key, old driver.Record, key driver.Key, when string) {
	e.holds(s, oldKey, old, "of the old record "+when)
	e.absent(s, key, "of the new record "+when)
}

func renewWritesBoth(e *env) {
	s := e.open()
	r := e.renewer(s)
	old := e.owned("user:42", "data of some length, so that the forward is shorter")
	oldKey, key := e.create(s, old), newKey()
	loaded := e.load(s, oldKey, "before Renew")
	forward, rec := forwardOf(loaded), e.owned("user:43", "renewed")
	rec.Created -= 7
	e.must(r.Renew(e.ctx, oldKey, old.Version, forward, key, rec), "Renew at the current version")
	e.written(s, oldKey, forward, key, rec, "after Renew")
	// Both are records like any other.
	third, now := newKey(), e.load(s, key, "before it is renewed again")
	again := forwardOf(now)
	e.must(r.Renew(e.ctx, key, rec.Version, again, third, next(now, "again")), "Renew of a renewed record")
	e.holds(s, key, again, "after it was renewed again")
	e.must(s.Delete(e.ctx, oldKey, forward.Version), "Delete of a forward at its version")
	e.absent(s, oldKey, "after Delete of the forward")
}

func renewHostileBytes(e *env) {
	s := e.open()
	r := e.renewer(s)
	e.each(len(hostile), func(i int) {
		old := e.owned(hostile[i], hostile[i])
		oldKey, key := e.create(s, old), newKey()
		forward, rec := forwardOf(old), e.owned(hostile[(i+1)%len(hostile)], hostile[i]+everyByte)
		forward.Data = []byte(everyByte + hostile[i])
		e.must(r.Renew(e.ctx, oldKey, old.Version, forward, key, rec), "Renew with hostile bytes")
		e.written(s, oldKey, forward, key, rec, "with hostile bytes")
	})
	old := e.record("data")
	oldKey, key := e.create(s, old), newKey()
	forward, rec := forwardOf(old), e.record("")
	forward.Data = nil
	e.must(r.Renew(e.ctx, oldKey, old.Version, forward, key, rec), "Renew with empty Data")
	e.written(s, oldKey, forward, key, rec, "with empty Data")
}

func renewAtWrongVersion(e *env) {
	s := e.open()
	r := e.renewer(s)
	old := e.owned("user:42", "first")
	oldKey, key := e.create(s, old), newKey()
	for _, wrong := range []driver.Version{old.Version ^ 1, old.Version ^ 1<<61, newVersion()} {
		e.conflicts(r.Renew(e.ctx, oldKey, wrong, forwardOf(old), key, e.record("renewed")), "Renew at a version that the record never had")
		e.unwritten(s, oldKey, old, key, "after a Renew at a wrong version")
	}
	missing := newKey()
	e.conflicts(r.Renew(e.ctx, missing, newVersion(), forwardOf(old), key, e.record("renewed")), "Renew with no record at the old key")
	e.absent(s, missing, "after a Renew with no record at the old key")
	e.absent(s, key, "after a Renew with no record at the old key")
}

func renewTwice(e *env) {
	s := e.open()
	r := e.renewer(s)
	old := e.record("first")
	oldKey, key, late := e.create(s, old), newKey(), newKey()
	forward, rec := forwardOf(old), e.record("renewed")
	e.must(r.Renew(e.ctx, oldKey, old.Version, forward, key, rec), "Renew at the current version")
	e.conflicts(r.Renew(e.ctx, oldKey, old.Version, forwardOf(old), late, e.record("lost")), "Renew at the previous version")
	e.conflicts(r.Renew(e.ctx, oldKey, old.Version, forward, key, rec), "the same Renew, sent a second time")
	e.conflicts(s.Save(e.ctx, oldKey, old.Version, next(old, "lost")), "Save at the version before a Renew")
	e.conflicts(s.Delete(e.ctx, oldKey, old.Version), "Delete at the version before a Renew")
	e.written(s, oldKey, forward, key, rec, "after the second Renew returned ErrConflict")
	e.absent(s, late, "after a Renew that returned ErrConflict")
}

func renewOfDeleted(e *env) {
	s := e.open()
	r := e.renewer(s)
	old := e.owned("user:42", "first")
	oldKey, key := e.create(s, old), newKey()
	e.must(s.Delete(e.ctx, oldKey, 0), "Delete")
	e.conflicts(r.Renew(e.ctx, oldKey, old.Version, forwardOf(old), key, e.record("renewed")), "Renew of a deleted record")
	e.absent(s, oldKey, "after a Renew of a deleted record")
	e.absent(s, key, "after a Renew of a deleted record")
	if o, ok := driver.As[driver.Owners](s); ok {
		if _, cannot := e.suite.Cannot[Owners]; !cannot {
			e.lists(o.Owned(e.ctx, "user:42"), nil, "Owned, after a Renew of a deleted record")
		}
	}
}

func renewOfExpired(e *env) {
	s := e.open()
	r := e.renewer(s)
	oldKey, old := e.expire(s)
	key := newKey()
	forward := forwardOf(old)
	forward.Expires = e.clock.millis() + hour
	e.conflicts(r.Renew(e.ctx, oldKey, old.Version, forward, key, e.record("renewed")), "Renew of an expired record")
	e.absent(s, oldKey, "after a Renew of an expired record")
	e.absent(s, key, "after a Renew of an expired record")
}

func renewOverExpired(e *env) {
	s := e.open()
	r := e.renewer(s)
	key, _ := e.expire(s)
	old := e.record("first")
	oldKey := e.create(s, old)
	forward, rec := forwardOf(old), e.owned("user:42", "renewed")
	e.must(r.Renew(e.ctx, oldKey, old.Version, forward, key, rec), "Renew with an expired record at the new key")
	e.written(s, oldKey, forward, key, rec, "after a Renew over an expired record")
}

func renewAsTakenKey(e *env) {
	s := e.open()
	r := e.renewer(s)
	old, other := e.owned("user:42", "first"), e.owned("user:43", "another's")
	oldKey, key := e.create(s, old), e.create(s, other)
	rec := e.owned("user:42", "renewed")
	e.conflicts(r.Renew(e.ctx, oldKey, old.Version, forwardOf(old), key, rec), "Renew with a live record at the new key")
	e.holds(s, oldKey, old, "of the old record after a Renew that returned ErrConflict")
	e.holds(s, key, other, "of the record at the new key after a Renew that returned ErrConflict")
	free := newKey()
	forward := forwardOf(old)
	e.must(r.Renew(e.ctx, oldKey, old.Version, forward, free, rec), "Renew with another key")
	e.written(s, oldKey, forward, free, rec, "after Renew with another key")
}

func renewOverLimit(e *env) {
	if e.suite.MaxData == 0 {
		e.skip("the store has no limit")
	}
	s := e.open()
	r := e.renewer(s)
	old := e.owned("user:42", "first")
	oldKey, key := e.create(s, old), newKey()
	large := strings.Repeat("x", e.suite.MaxData+1)
	e.wants(r.Renew(e.ctx, oldKey, old.Version, forwardOf(old), key, e.record(large)), driver.ErrTooLarge, "Renew with a new record that is too large")
	e.unwritten(s, oldKey, old, key, "after a Renew that is too large")
	e.wants(r.Renew(e.ctx, oldKey, old.Version, next(old, large), key, e.record("renewed")), driver.ErrTooLarge, "Renew with a forward that is too large")
	e.unwritten(s, oldKey, old, key, "after a Renew that is too large")
	full := e.record(large[1:])
	forward := forwardOf(old)
	e.must(r.Renew(e.ctx, oldKey, old.Version, forward, key, full), "Renew with the largest Data that the harness declares")
	e.written(s, oldKey, forward, key, full, "of the largest Data")
}

func renewHint(e *env) {
	s := e.open()
	r := e.renewer(s)
	for _, drop := range []bool{false, true} {
		oldKey, key := e.create(s, e.owned("user:42", "first")), newKey()
		old := e.load(s, oldKey, "before Renew")
		touched := extended(old, hour)
		e.must(s.Touch(e.ctx, oldKey, touched), "Touch")
		forward := forwardOf(old) // the hint is older than the record's times
		if drop {
			forward.Hint = nil
		}
		rec := e.owned("user:42", "renewed")
		e.must(r.Renew(e.ctx, oldKey, old.Version, forward, key, rec), "Renew of a record that was touched")
		e.written(s, oldKey, forward, key, rec, "after Renew")
	}
}

func renewExpiry(e *env) {
	s := e.open()
	r := e.renewer(s)
	old := e.owned("user:42", "first")
	oldKey, key := e.create(s, old), newKey()
	forward, rec := forwardOf(old), e.owned("user:42", "renewed")
	e.must(r.Renew(e.ctx, oldKey, old.Version, forward, key, rec), "Renew")
	e.clock.set(forward.Expires - 1)
	e.written(s, oldKey, forward, key, rec, "just before the forward expires")
	e.clock.set(forward.Expires)
	e.absent(s, oldKey, "of the forward when it expires")
	e.holds(s, key, rec, "of the new record when the forward expires")
	e.clock.set(rec.Expires)
	e.absent(s, key, "of the new record when it expires")
}

func renewOwners(e *env) {
	s := e.open()
	r, o := e.renewer(s), e.owners(s)
	type owners struct{ old, forward, new string }
	for _, who := range []owners{
		{"", "", "a"}, {"b", "b", "b"}, {"c", "c", "d"}, {"e", "f", "e"}, {"g", "", ""}, {"h", "h", ""}, {"", "i", "j"},
	} {
		for _, hinted := range []bool{true, false} {
			oldKey, key := e.create(s, e.owned(who.old, "first")), newKey()
			old := e.load(s, oldKey, "before Renew")
			forward := forwardOf(old)
			if !hinted {
				forward.Hint = nil
			}
			forward.Owner = who.forward
			rec := e.owned(who.new, "renewed")
			lost := newKey()
			e.conflicts(r.Renew(e.ctx, oldKey, old.Version^1, forward, lost, e.owned("nobody's", "lost")), "Renew at a wrong version")
			e.must(r.Renew(e.ctx, oldKey, old.Version, forward, key, rec), "Renew of a record with an owner")
			want := map[string]map[driver.Key]driver.Record{who.old: {}, who.forward: {}, who.new: {}, "nobody's": {}}
			want[who.forward][oldKey] = forward
			want[who.new][key] = rec
			for owner, recs := range want {
				if owner == "" {
					recs = nil
				}
				e.lists(o.Owned(e.ctx, owner), recs, "Owned, after Renew")
			}
			e.must(errors.Join(s.Delete(e.ctx, oldKey, forward.Version), s.Delete(e.ctx, key, rec.Version)), "Delete after Renew")
			for owner := range want {
				e.lists(o.Owned(e.ctx, owner), nil, "Owned, after Renew and Delete")
			}
		}
	}
}

func renewNamespaces(e *env) {
	stores := e.openNamespaces(e.fewNamespaces())
	oldKey, recs := e.sameKey(stores)
	key := newKey()
	for i, s := range stores {
		r := e.renewer(s)
		forward, rec := forwardOf(recs[i]), e.owned("user:42", "renewed in namespace "+e.namespaces()[i])
		e.must(r.Renew(e.ctx, oldKey, recs[i].Version, forward, key, rec), "Renew with keys used in other namespaces")
		e.written(s, oldKey, forward, key, rec, "in its namespace")
		for j := i + 1; j < len(stores); j++ {
			e.unwritten(stores[j], oldKey, recs[j], key, "after a Renew in another namespace")
			e.conflicts(e.renewer(stores[j]).Renew(e.ctx, oldKey, forward.Version, forwardOf(forward), newKey(), e.record("lost")),
				"Renew at the version of another namespace's record")
		}
	}
}

func renewShared(e *env) {
	s, other := e.open(), e.open()
	r := e.renewer(s)
	old := e.owned("user:42", "first")
	oldKey, key := e.create(s, old), newKey()
	e.holds(other, oldKey, old, "by another store, before Renew")
	forward, rec := forwardOf(old), e.owned("user:42", "renewed")
	e.must(r.Renew(e.ctx, oldKey, old.Version, forward, key, rec), "Renew")
	e.written(other, oldKey, forward, key, rec, "by another store")
	e.conflicts(e.renewer(other).Renew(e.ctx, oldKey, old.Version, forwardOf(old), newKey(), e.record("lost")), "Renew by another store at the previous version")
}

func raceRenew(e *env) {
	s := e.open()
	r := e.renewer(s)
	e.rounds(25, func(int) {
		old := e.owned("user:42", "first")
		oldKey, recs := e.create(s, old), e.records(8)
		keys, forwards := make([]driver.Key, len(recs)), make([]driver.Record, len(recs))
		for i := range recs {
			keys[i], forwards[i] = newKey(), forwardOf(old)
		}
		w := e.oneSucceeds(len(recs), "Renew", func(i int) error {
			return r.Renew(e.ctx, oldKey, old.Version, forwards[i], keys[i], recs[i])
		})
		e.written(s, oldKey, forwards[w], keys[w], recs[w], "of the Renew that succeeded")
		for i, key := range keys {
			if i != w {
				e.absent(s, key, "of the new record of a Renew that returned ErrConflict")
			}
		}
	})
}

func raceRenewAgainstSave(e *env) {
	s := e.open()
	r := e.renewer(s)
	e.rounds(40, func(i int) {
		old := e.record("first")
		oldKey, key := e.create(s, old), newKey()
		forward, rec, saved := forwardOf(old), e.record("renewed"), next(old, "saved")
		w := e.oneSucceeds(2, "Renew or Save", func(call int) error {
			if call == i%2 { // the first to start is not always the same
				return s.Save(e.ctx, oldKey, old.Version, saved)
			}
			return r.Renew(e.ctx, oldKey, old.Version, forward, key, rec)
		})
		if w == i%2 {
			e.unwritten(s, oldKey, saved, key, "after a Save at the same time as a Renew")
		} else {
			e.written(s, oldKey, forward, key, rec, "after a Renew at the same time as a Save")
		}
	})
}

func raceRenewAgainstDelete(e *env) {
	s := e.open()
	r := e.renewer(s)
	e.rounds(40, func(i int) {
		old := e.record("first")
		oldKey, key := e.create(s, old), newKey()
		forward, rec := forwardOf(old), e.record("renewed")
		w := e.oneSucceeds(2, "Renew or Delete", func(call int) error {
			if call == i%2 {
				return s.Delete(e.ctx, oldKey, old.Version)
			}
			return r.Renew(e.ctx, oldKey, old.Version, forward, key, rec)
		})
		if w == i%2 {
			e.absent(s, oldKey, "after a Delete at the same time as a Renew")
			e.absent(s, key, "after a Delete at the same time as a Renew")
		} else {
			e.written(s, oldKey, forward, key, rec, "after a Renew at the same time as a Delete")
		}
	})
}

func raceRenewAsOneKey(e *env) {
	s := e.open()
	r := e.renewer(s)
	e.rounds(25, func(int) {
		const n = 4
		key, recs := newKey(), e.records(n)
		olds, oldKeys, forwards := e.records(n), make([]driver.Key, n), make([]driver.Record, n)
		for i := range n {
			oldKeys[i], forwards[i] = e.create(s, olds[i]), forwardOf(olds[i])
		}
		w := e.oneSucceeds(n, "Renew with one new key", func(i int) error {
			return r.Renew(e.ctx, oldKeys[i], olds[i].Version, forwards[i], key, recs[i])
		})
		for i := range n {
			if i == w {
				e.written(s, oldKeys[i], forwards[i], key, recs[i], "of the Renew that succeeded")
			} else {
				e.holds(s, oldKeys[i], olds[i], "of the old record of a Renew that returned ErrConflict")
			}
		}
	})
}

func raceRenewTorn(e *env) {
	s := e.open()
	r := e.renewer(s)
	type renewal struct {
		oldKey, key  driver.Key
		old, forward driver.Version
	}
	var current atomic.Pointer[renewal]
	ctx, stop := context.WithCancel(e.ctx)
	defer stop()
	e.parallel(3, func(i int) {
		if i == 0 {
			defer stop()
			e.rounds(60, func(int) {
				old := e.record("first")
				oldKey, forward := e.create(s, old), forwardOf(old)
				now := &renewal{oldKey, newKey(), old.Version, forward.Version}
				current.Store(now)
				e.must(r.Renew(e.ctx, oldKey, old.Version, forward, now.key, e.record("renewed")), "Renew")
			})
			return
		}
		for ctx.Err() == nil && !e.failed() {
			now := current.Load()
			if now == nil {
				continue
			}
			if i == 1 { // the forward, and then the new record
				if rec := e.load(s, now.oldKey, "during a Renew"); rec.Version == now.forward {
					if _, err := s.Load(e.ctx, now.key); err != nil {
						e.failf("the forward was seen, and then not the new record: %v", err)
					}
				}
			} else if _, err := s.Load(e.ctx, now.key); err == nil { // the new record, and then the forward
				if rec := e.load(s, now.oldKey, "during a Renew"); rec.Version != now.forward {
					e.failf("the new record was seen, and then the old one in place of the forward")
				}
			}
		}
	})
}
