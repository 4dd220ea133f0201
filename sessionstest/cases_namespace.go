package sessionstest

import (
	"strings"
	"time"

	"github.com/pump-go/sessions/driver"
)

var namespaceCases = []testCase{
	{"namespaces-records", 4, "records of one namespace are never visible in another.", []Ability{Share}, namespacesRecords},
	{"namespaces-all", 9, "All yields only the records of its namespace.", []Ability{Share, List}, namespacesInListing},
	{"namespaces-owned", 10, "Owned yields only the records of its namespace.", []Ability{Share, Owners}, namespacesOfOwner},
	{"namespaces-sweep", 8, "Sweep removes and counts only expired records of its namespace.", []Ability{Share, Sweep}, namespacesInSweep},
	{"namespaces-owner-index", 10, "Owned misses no record: index entries of different namespaces are separate, even for equal keys.", []Ability{Share, Owners}, namespacesOwnerIndex},
	{"namespaces-expiry-index", 8, "Sweep removes every expired record of its namespace: index entries of different namespaces are separate, even for equal keys.", []Ability{Share, Sweep}, namespacesExpiryIndex},
	{"namespaces-one-at-a-time", 4, "records of one namespace are never visible in another, also if only one is open at a time.", []Ability{Reopen}, namespacesOneAtATime},
	{"namespaces-one-at-a-time-all", 9, "All yields only the records of its namespace, also if only one is open at a time.", []Ability{Reopen, List}, namespacesOneAtATimeListed},
	{"namespaces-one-at-a-time-owned", 10, "Owned yields only the records of its namespace, also if only one is open at a time.", []Ability{Reopen, Owners}, namespacesOneAtATimeOwned},
	{"namespaces-one-at-a-time-sweep", 8, "Sweep removes and counts only expired records of its namespace, also if only one is open at a time.", []Ability{Reopen, Sweep}, namespacesOneAtATimeSwept},
}

// maxNamespace is the longest Config.Namespace.
const maxNamespace = 64

// namespaces returns valid names that are easily confused. They begin with the
// harness's namespace, which may be what makes the case's backend empty.
func (e *env) namespaces() []string {
	base := e.cfg.Namespace
	long := base + strings.Repeat("n", max(0, maxNamespace-1-len(base)))
	names := []string{base}
	for _, end := range []string{"app", "app2", "app-2", "app_2", "app.2", "ap"} {
		names = append(names, base+end)
	}
	return append(names, long+"1", long+"2")
}

// openNamespaces opens a store for each of the names.
func (e *env) openNamespaces(names []string) []driver.Store {
	var stores []driver.Store
	for _, ns := range names {
		stores = append(stores, e.openNamespace(ns))
	}
	return stores
}

// fewNamespaces returns some of the names, for slow cases.
func (e *env) fewNamespaces() []string { return e.namespaces()[:3] }

func (e *env) openNamespace(ns string) driver.Store {
	return e.open(func(c *driver.Config) { c.Namespace = ns })
}

func namespacesRecords(e *env) {
	stores := e.openNamespaces(e.namespaces())
	key := newKey()
	recs := make([]driver.Record, len(stores))
	for i, s := range stores {
		e.absent(s, key, "in a namespace with no records")
		recs[i] = e.record("in namespace " + e.namespaces()[i])
		e.must(s.Save(e.ctx, key, 0, recs[i]), "Save with old 0, at a key used in other namespaces")
	}
	for i, s := range stores {
		e.holds(s, key, recs[i], "after Saves at the same key in other namespaces")
	}
	for i, s := range stores {
		e.must(s.Delete(e.ctx, key, 0), "Delete in one namespace")
		for j := i + 1; j < len(stores); j++ {
			e.holds(stores[j], key, recs[j], "after Delete at the same key in another namespace")
		}
	}
}

// oneInEach saves a record in each namespace, and returns it with its key.
func (e *env) oneInEach(stores []driver.Store) []map[driver.Key]driver.Record {
	recs := make([]map[driver.Key]driver.Record, len(stores))
	for i, s := range stores {
		rec := e.owned("user:42", "in namespace "+e.namespaces()[i])
		recs[i] = map[driver.Key]driver.Record{e.create(s, rec): rec}
	}
	return recs
}

func namespacesInListing(e *env) {
	stores := e.openNamespaces(e.fewNamespaces())
	want := e.oneInEach(stores)
	for i, s := range stores {
		e.lists(e.lister(s).All(e.ctx), want[i], "All with records in several namespaces")
	}
}

func namespacesOfOwner(e *env) {
	stores := e.openNamespaces(e.fewNamespaces())
	want := e.oneInEach(stores)
	for i, s := range stores {
		e.lists(e.owners(s).Owned(e.ctx, "user:42"), want[i], "Owned with records in several namespaces")
	}
}

func namespacesInSweep(e *env) {
	stores := e.openNamespaces(e.fewNamespaces())
	recs := e.oneInEach(stores)
	for i, s := range stores {
		e.clock.advance(time.Hour)
		e.sweeps(s, 1)
		e.clock.set(driver.MillisOf(start))
		for key := range recs[i] {
			e.absent(s, key, "of a record that Sweep should have removed, with the clock set back")
		}
		for j := i + 1; j < len(stores); j++ {
			for key, rec := range recs[j] {
				e.holds(stores[j], key, rec, "of a record that expired in a namespace that was not swept, with the clock set back")
			}
		}
	}
}

// sameKey saves a record with the same key, owner and expiry in each namespace.
func (e *env) sameKey(stores []driver.Store) (driver.Key, []driver.Record) {
	key, recs := newKey(), make([]driver.Record, len(stores))
	for i, s := range stores {
		recs[i] = e.owned("user:42", "in namespace "+e.namespaces()[i])
		e.must(s.Save(e.ctx, key, 0, recs[i]), "Save with old 0, at a key used in other namespaces")
	}
	return key, recs
}

func namespacesOwnerIndex(e *env) {
	stores := e.openNamespaces(e.fewNamespaces())
	key, recs := e.sameKey(stores)
	for i, s := range stores {
		if i%2 == 0 {
			e.must(s.Delete(e.ctx, key, 0), "Delete in one namespace")
		} else {
			other := next(recs[i], "another's")
			other.Owner = "user:43"
			e.must(s.Save(e.ctx, key, recs[i].Version, other), "Save with another owner, in one namespace")
		}
		e.lists(e.owners(s).Owned(e.ctx, "user:42"), nil, "Owned of an owner with no more records in this namespace")
		for j := i + 1; j < len(stores); j++ {
			e.lists(e.owners(stores[j]).Owned(e.ctx, "user:42"), map[driver.Key]driver.Record{key: recs[j]},
				"Owned, after the record with the same key changed hands in another namespace")
		}
	}
}

func namespacesExpiryIndex(e *env) {
	stores := e.openNamespaces(e.fewNamespaces())
	key, recs := e.sameKey(stores)
	e.must(stores[0].Delete(e.ctx, key, 0), "Delete in one namespace")
	e.must(stores[1].Touch(e.ctx, key, extended(recs[1], 2*hour)), "Touch in one namespace")
	e.clock.advance(time.Hour)
	e.sweeps(stores[0], 0)
	e.sweeps(stores[1], 0)
	for _, s := range stores[2:] {
		e.sweeps(s, 1)
	}
	e.holds(stores[1], key, extended(recs[1], 2*hour), "after a record with the same key was swept in other namespaces")
}

func namespacesOneAtATime(e *env) {
	key := newKey()
	names := e.namespaces()
	recs := make([]driver.Record, len(names))
	for i, ns := range names {
		s := e.openNamespace(ns)
		recs[i] = e.record("in namespace " + ns)
		e.must(s.Save(e.ctx, key, 0, recs[i]), "Save with old 0, at a key used in other namespaces")
		e.close(s, "Close")
	}
	for i, ns := range names {
		s := e.openNamespace(ns)
		e.holds(s, key, recs[i], "after Saves at the same key in other namespaces")
		e.close(s, "Close")
	}
}

// oneAtATime saves a record in each of the namespaces, opened one at a time, and
// then calls look for each of them with its record.
func (e *env) oneAtATime(look func(s driver.Store, key driver.Key, rec driver.Record)) {
	names := e.fewNamespaces()
	keys, recs := make([]driver.Key, len(names)), make([]driver.Record, len(names))
	for i, ns := range names {
		s := e.openNamespace(ns)
		recs[i] = e.owned("user:42", "in namespace "+ns)
		keys[i] = e.create(s, recs[i])
		e.close(s, "Close")
	}
	for i, ns := range names {
		s := e.openNamespace(ns)
		look(s, keys[i], recs[i])
		e.close(s, "Close")
	}
}

func namespacesOneAtATimeListed(e *env) {
	e.oneAtATime(func(s driver.Store, key driver.Key, rec driver.Record) {
		e.lists(e.lister(s).All(e.ctx), map[driver.Key]driver.Record{key: rec}, "All with records in several namespaces")
	})
}

func namespacesOneAtATimeOwned(e *env) {
	e.oneAtATime(func(s driver.Store, key driver.Key, rec driver.Record) {
		e.lists(e.owners(s).Owned(e.ctx, rec.Owner), map[driver.Key]driver.Record{key: rec}, "Owned with records in several namespaces")
	})
}

func namespacesOneAtATimeSwept(e *env) {
	e.oneAtATime(func(s driver.Store, key driver.Key, rec driver.Record) {
		e.holds(s, key, rec, "of a record that expired while another namespace was swept, with the clock set back")
		e.clock.advance(time.Hour)
		e.sweeps(s, 1)
		e.clock.set(driver.MillisOf(start))
		e.absent(s, key, "of a record that Sweep should have removed, with the clock set back")
	})
}
