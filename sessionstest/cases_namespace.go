package sessionstest

import "github.com/pump-go/sessions/driver"

var namespaceCases = []testCase{
	{"namespaces-apart", 4, "a namespace keeps applications apart in one backend: what is done in one is never seen in another.", []Ability{Share}, namespacesApart},
	{"namespaces-apart-in-listings", 9, "a listing yields the records of its namespace.", []Ability{Share, List}, namespacesInListing},
	{"namespaces-apart-for-owners", 10, "Owned yields the records of its namespace.", []Ability{Share, Owners}, namespacesOfOwner},
	{"namespaces-apart-in-turn", 4, "a namespace keeps applications apart in one backend, also where they open it in turn.", []Ability{Reopen}, namespacesInTurn},
}

// namespaces are easily taken for each other.
var namespaces = []string{"", "app", "App", "app2", "app-2", "app_2", "app.2", "ap"}

// openNamespaces opens the backend once for each of the namespaces.
func (e *env) openNamespaces() []driver.Store {
	var stores []driver.Store
	for _, ns := range namespaces {
		stores = append(stores, e.open(e.inNamespace(ns)))
	}
	return stores
}

// inNamespace puts a store into a namespace within that of the harness, which
// may be what makes the case's backend a fresh one.
func (e *env) inNamespace(ns string) func(*driver.Config) {
	return func(c *driver.Config) { c.Namespace = e.cfg.Namespace + ns }
}

func namespacesApart(e *env) {
	stores := e.openNamespaces()
	key := newKey()
	recs := make([]driver.Record, len(stores))
	for i, s := range stores {
		e.absent(s, key, "in a namespace where nothing was saved")
		recs[i] = e.record("in namespace " + namespaces[i])
		e.must(s.Save(e.ctx, key, 0, recs[i]), "Save with old 0, at a key that is in use in other namespaces")
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

func namespacesInListing(e *env) {
	stores := e.openNamespaces()
	want := make([]map[driver.Key]driver.Record, len(stores))
	for i, s := range stores {
		rec := e.record("in namespace " + namespaces[i])
		want[i] = map[driver.Key]driver.Record{e.create(s, rec): rec}
	}
	for i, s := range stores {
		e.lists(e.lister(s).All(e.ctx), want[i], "All in one of several namespaces")
	}
}

func namespacesOfOwner(e *env) {
	stores := e.openNamespaces()
	want := make([]map[driver.Key]driver.Record, len(stores))
	for i, s := range stores {
		rec := e.owned("user:42", "in namespace "+namespaces[i])
		want[i] = map[driver.Key]driver.Record{e.create(s, rec): rec}
	}
	for i, s := range stores {
		e.lists(e.owners(s).Owned(e.ctx, "user:42"), want[i], "Owned in one of several namespaces")
	}
}

func namespacesInTurn(e *env) {
	key := newKey()
	recs := make([]driver.Record, len(namespaces))
	for i, ns := range namespaces {
		s := e.open(e.inNamespace(ns))
		recs[i] = e.record("in namespace " + ns)
		e.must(s.Save(e.ctx, key, 0, recs[i]), "Save with old 0, at a key that is in use in other namespaces")
		e.close(s, "Close")
	}
	for i, ns := range namespaces {
		s := e.open(e.inNamespace(ns))
		e.holds(s, key, recs[i], "after Saves at the same key in other namespaces")
		e.close(s, "Close")
	}
}
