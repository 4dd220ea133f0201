package sessionstest

import (
	"context"
	"iter"
	"strings"

	"github.com/pump-go/sessions/driver"
)

var ownerCases = []testCase{
	{"owned-exactly", 10, "Owned yields every record of the owner and no others.", []Ability{Owners}, ownedExactly},
	{"owned-many", 10, "Owned yields every record of the owner, however many there are.", []Ability{Owners}, ownedMany},
	{"owned-hostile", 10, "owners are compared byte for byte.", []Ability{Owners}, ownedHostile},
	{"owned-after-owner-change", 10, "Owned yields the records whose current owner is the given one.", []Ability{Owners}, ownedAfterOwnerChange},
	{"owned-after-delete", 10, "Owned checks its index against the records: it yields no deleted record.", []Ability{Owners}, ownedAfterDelete},
	{"owned-by-the-empty-owner", 10, "Owned yields nothing for the empty owner.", []Ability{Owners}, ownedByEmptyOwner},
	{"owned-during-changes", 9, "a record that exists throughout a listing is yielded exactly once.", []Ability{Owners}, ownedDuringChanges},
	{"owned-with-changes-in-the-body", 9, "a record that exists throughout a listing is yielded exactly once, whatever the loop body changes.", []Ability{Owners}, func(e *env) {
		s := e.open()
		e.changeInBody(s, e.owners(s).Owned(e.ctx, "user:42"), "Owned")
	}},
	{"owned-twice", 9, "a listing can be iterated again, and then yields the records that exist at that time.", []Ability{Owners}, func(e *env) {
		s := e.open()
		e.listTwice(s, e.owners(s).Owned(e.ctx, "user:42"), "Owned")
	}},
	{"owned-during-creation", 10, "Owned misses no record whose Save was acknowledged before the call.", []Ability{Owners}, ownedDuringCreation},
	{"owned-with-calls-in-the-body", 9, "a listing holds no lock, transaction or connection while it yields, so the loop body may call the store.", []Ability{Owners}, func(e *env) {
		s := e.open()
		o := e.owners(s)
		e.callInBody(s, func(ctx context.Context) iter.Seq2[driver.Entry, error] { return o.Owned(ctx, "user:42") })
	}},
	{"owned-stopped-early", 9, "the caller may stop a listing at any step, and it holds nothing afterwards.", []Ability{Owners}, func(e *env) {
		s := e.open()
		e.stopEarly(s, e.owners(s).Owned(e.ctx, "user:42"))
	}},
}

// hostileOwners are all different, some only slightly.
var hostileOwners = append([]string{
	"a", "A", "aa", "aA", " a", "user:42", "user:421", "user:4", "User:42", "user:42 ", "user:42\x00",
	everyByte[1:], everyByte[:driver.MaxOwner],
	strings.Repeat("x", driver.MaxOwner),
	strings.Repeat("x", driver.MaxOwner-1) + "y",
	strings.Repeat("x", driver.MaxOwner-1),
	strings.Repeat("\xff", driver.MaxOwner),
	strings.Repeat("%", driver.MaxOwner),
}, hostile...)

func ownedExactly(e *env) {
	s := e.open()
	o := e.owners(s)
	mine, theirs := map[driver.Key]driver.Record{}, map[driver.Key]driver.Record{}
	for range 6 {
		rec := e.owned("user:42", "mine")
		mine[e.create(s, rec)] = rec
		rec = e.owned("user:43", "theirs")
		theirs[e.create(s, rec)] = rec
		e.create(s, e.record("without an owner"))
	}
	e.lists(o.Owned(e.ctx, "user:42"), mine, "Owned")
	e.lists(o.Owned(e.ctx, "user:43"), theirs, "Owned")
	e.lists(o.Owned(e.ctx, "user:44"), nil, "Owned of an owner with no records")
	for key, rec := range mine {
		mine[key] = extended(rec, hour)
		e.must(s.Touch(e.ctx, key, mine[key]), "Touch")
	}
	e.lists(o.Owned(e.ctx, "user:42"), mine, "Owned, after Touch")
}

func ownedMany(e *env) {
	s := e.open()
	o := e.owners(s)
	recs := e.fill(s, 1200, func(int) driver.Record { return e.owned("user:42", "data") })
	e.lists(o.Owned(e.ctx, "user:42"), recs, "Owned")
}

func ownedHostile(e *env) {
	s := e.open()
	o := e.owners(s)
	recs := e.fill(s, len(hostileOwners), func(i int) driver.Record {
		return e.owned(hostileOwners[i], hostileOwners[i])
	})
	var keys []driver.Key
	for key := range recs {
		keys = append(keys, key)
	}
	e.each(len(keys), func(i int) {
		rec := recs[keys[i]]
		e.lists(o.Owned(e.ctx, rec.Owner), map[driver.Key]driver.Record{keys[i]: rec}, "Owned of a hostile owner")
	})
}

func ownedAfterOwnerChange(e *env) {
	s := e.open()
	o := e.owners(s)
	rec := e.record("data")
	key := e.create(s, rec)
	before := ""
	for _, owner := range []string{"user:1", "user:2", "user:1", "", "user:3"} {
		now := next(e.load(s, key, "before its owner changes"), "of "+owner)
		old := rec.Version
		now.Owner = owner
		e.must(s.Save(e.ctx, key, old, now), "Save with another owner")
		if owner != "" {
			e.lists(o.Owned(e.ctx, owner), map[driver.Key]driver.Record{key: now}, "Owned of the new owner")
		}
		if before != "" {
			e.lists(o.Owned(e.ctx, before), nil, "Owned of the previous owner")
		}
		rec, before = now, owner
	}
	lost := next(rec, "lost")
	lost.Owner = "user:4"
	e.conflicts(s.Save(e.ctx, key, rec.Version^1, lost), "Save at a wrong version, with another owner")
	e.lists(o.Owned(e.ctx, "user:4"), nil, "Owned of an owner whose Save returned ErrConflict")
	e.lists(o.Owned(e.ctx, "user:3"), map[driver.Key]driver.Record{key: rec}, "Owned of the owner, after another Save returned ErrConflict")
}

func ownedAfterDelete(e *env) {
	s := e.open()
	o := e.owners(s)
	gone, rec := e.owned("user:42", "gone"), e.owned("user:42", "stays")
	goneKey, key := e.create(s, gone), e.create(s, rec)
	e.must(s.Delete(e.ctx, goneKey, gone.Version), "Delete")
	want := map[driver.Key]driver.Record{key: rec}
	e.lists(o.Owned(e.ctx, "user:42"), want, "Owned, after Delete of another")
	e.must(s.Save(e.ctx, goneKey, 0, e.owned("user:43", "another's")), "Save with old 0 after Delete")
	e.lists(o.Owned(e.ctx, "user:42"), want, "Owned, after another owner's record was created at the deleted record's key")

	expired, expiredKey := e.owned("user:44", "expires"), newKey()
	e.must(s.Save(e.ctx, expiredKey, 0, expired), "Save with old 0")
	e.clock.set(expired.Expires)
	e.lists(o.Owned(e.ctx, "user:44"), nil, "Owned, after the record expired")
	now := e.owned("user:44", "again")
	e.must(s.Save(e.ctx, expiredKey, 0, now), "Save with old 0 over an expired record")
	e.lists(o.Owned(e.ctx, "user:44"), map[driver.Key]driver.Record{expiredKey: now}, "Owned, after the record was created again")
}

func ownedByEmptyOwner(e *env) {
	s := e.open()
	o := e.owners(s)
	e.create(s, e.record("without an owner"))
	e.create(s, e.owned("user:42", "somebody's"))
	e.lists(o.Owned(e.ctx, ""), nil, "Owned of the empty owner")
}

func ownedDuringChanges(e *env) {
	s := e.open()
	o := e.owners(s)
	e.churn(s, "user:42", func() iter.Seq2[driver.Entry, error] { return o.Owned(e.ctx, "user:42") }, "Owned")
}

func ownedDuringCreation(e *env) {
	s := e.open()
	o := e.owners(s)
	e.parallel(4, func(i int) {
		owner := hostileOwners[i%2] // two writers share an owner
		e.rounds(25, func(int) {
			key := e.create(s, e.owned(owner, "data"))
			for entry, err := range o.Owned(e.ctx, owner) {
				e.must(err, "Owned")
				if entry.Key == key {
					return
				}
			}
			e.fatalf("Owned missed a record whose Save was acknowledged before the call")
		})
	})
}
