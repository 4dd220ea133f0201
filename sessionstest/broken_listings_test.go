package sessionstest

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/pump-go/sessions/driver"
)

// listingBreakages break listings and owners.
var listingBreakages = []breakage{
	// Listings.
	{name: "a listing that repeats", rule: 9, do: func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return rewrite(m.All(ctx), func(e driver.Entry, yield func(driver.Entry, error) bool) bool {
				return yield(e, nil) && (e.Key[0] > 32 || yield(e, nil))
			})
		}
	}},
	{name: "a listing of one page", rule: 9, do: func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			n := 0
			return rewrite(m.All(ctx), func(e driver.Entry, yield func(driver.Entry, error) bool) bool {
				n++
				return n <= 100 && yield(e, nil)
			})
		}
	}},
	{name: "a listing in pages by offset", rule: 9, do: func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return func(yield func(driver.Entry, error) bool) {
				for offset := 0; ; offset += 20 {
					entries, err := collect(m.All(ctx))
					if err != nil {
						yield(driver.Entry{}, err)
						return
					}
					if offset >= len(entries) {
						return
					}
					slices.SortFunc(entries, func(a, b driver.Entry) int { return bytes.Compare(a.Key[:], b.Key[:]) })
					for _, e := range entries[offset:min(offset+20, len(entries))] {
						if !yield(e, nil) {
							return
						}
					}
				}
			}
		}
	}},
	{name: "a listing that holds its lock", rule: 9, do: func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			entries, err := collect(m.All(ctx))
			return func(yield func(driver.Entry, error) bool) {
				if err != nil {
					yield(driver.Entry{}, err)
					return
				}
				f.records(func(mapRecords) {
					for _, e := range entries {
						if !yield(e, nil) {
							return
						}
					}
				})
			}
		}
	}},
	{name: "a listing stopped early keeps its lock", rule: 9, do: func(f *faulty, m *mapStore) {
		var mu sync.Mutex
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return func(yield func(driver.Entry, error) bool) {
				mu.Lock()
				for e, err := range m.All(ctx) {
					if !yield(e, err) {
						return
					}
				}
				mu.Unlock()
			}
		}
	}},
	{name: "All lists every namespace", rule: 9, do: func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return func(yield func(driver.Entry, error) bool) {
				var entries []driver.Entry
				f.records(func(r mapRecords) {
					for at, rec := range r {
						if !rec.Expired(m.now()) {
							entries = append(entries, driver.Entry{Key: at.Key, Record: own(rec)})
						}
					}
				})
				for _, e := range entries {
					if !yield(e, nil) {
						return
					}
				}
			}
		}
	}},
	// Owners.
	{name: "an owner index that misses", rule: 10, do: func(f *faulty, m *mapStore) {
		f.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			return rewrite(m.Owned(ctx, owner), func(e driver.Entry, yield func(driver.Entry, error) bool) bool {
				return e.Record.Accessed != e.Record.Created || yield(e, nil)
			})
		}
	}},
	{name: "an owner index with deleted records", rule: 10, do: func(f *faulty, m *mapStore) {
		dead := map[string][]driver.Entry{}
		var mu sync.Mutex
		f.del = func(ctx context.Context, key driver.Key, v driver.Version) error {
			rec, _ := m.Load(ctx, key)
			mu.Lock()
			dead[rec.Owner] = append(dead[rec.Owner], driver.Entry{Key: key, Record: rec})
			mu.Unlock()
			return m.Delete(ctx, key, v)
		}
		f.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			return func(yield func(driver.Entry, error) bool) {
				mu.Lock()
				gone := dead[owner]
				mu.Unlock()
				for _, e := range gone {
					if !yield(e, nil) {
						return
					}
				}
				for e, err := range m.Owned(ctx, owner) {
					if !yield(e, err) {
						return
					}
				}
			}
		}
	}},
	{name: "Owned yields expired records", rule: 1, do: func(f *faulty, m *mapStore) {
		f.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			return late(m).Owned(ctx, owner)
		}
	}},
	{name: "owners are compared without case", rule: 10, do: ownedIf(strings.EqualFold)},
	{name: "owners are compared without trailing spaces", rule: 10, do: ownedIf(func(a, b string) bool {
		return strings.TrimRight(a, " ") == strings.TrimRight(b, " ")
	})},
	{name: "owners are patterns", rule: 10, do: ownedIf(func(a, pattern string) bool {
		prefix, ok := strings.CutSuffix(pattern, "%")
		return a == pattern || ok && strings.HasPrefix(a, prefix)
	})},
	{name: "an empty owner owns the ownerless", rule: 10, do: ownedIf(func(a, b string) bool { return a == b })},
	{name: "an owner index written after the record", rule: 10, do: func(f *faulty, m *mapStore) {
		var mu sync.Mutex
		indexed := map[driver.Key]bool{}
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			err := m.Save(ctx, key, old, rec)
			go func() {
				mu.Lock()
				defer mu.Unlock()
				indexed[key] = true
			}()
			return err
		}
		f.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			mu.Lock()
			defer mu.Unlock()
			entries, err := collect(m.Owned(ctx, owner))
			var known []driver.Entry
			for _, e := range entries {
				if indexed[e.Key] {
					known = append(known, e)
				}
			}
			return func(yield func(driver.Entry, error) bool) {
				for _, e := range known {
					if !yield(e, nil) {
						return
					}
				}
				if err != nil {
					yield(driver.Entry{}, err)
				}
			}
		}
	}},
	// Pages of 100 records, by values that change.
	{name: "pages by offset", rule: 9, by: "list-with-changes-in-the-body", do: func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return inPages(func() []driver.Entry { entries, _ := collect(m.All(ctx)); return entries },
				func(a, b driver.Entry) int { return bytes.Compare(a.Key[:], b.Key[:]) }, true)
		}
	}},
	{name: "a modified record is yielded twice", rule: 9, by: "list-with-changes-in-the-body", says: "(saved)", do: func(f *faulty, m *mapStore) {
		var mu sync.Mutex
		n, at := 0, map[driver.Key]int{}
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			mu.Lock()
			defer mu.Unlock()
			n++
			at[key] = n
			return m.Save(ctx, key, old, rec)
		}
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return inPages(func() []driver.Entry {
				entries, _ := collect(m.All(ctx))
				mu.Lock()
				defer mu.Unlock()
				for i := range entries {
					entries[i].Record.Hint = at[entries[i].Key]
				}
				return entries
			}, func(a, b driver.Entry) int { return a.Record.Hint.(int) - b.Record.Hint.(int) }, false)
		}
	}},
	{name: "a touched record is missed", rule: 9, by: "owned-with-changes-in-the-body", says: "to an earlier expiry", do: func(f *faulty, m *mapStore) {
		f.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			return inPages(func() []driver.Entry { entries, _ := collect(m.Owned(ctx, owner)); return entries },
				func(a, b driver.Entry) int {
					return cmp.Or(cmp.Compare(a.Record.Expires, b.Record.Expires), bytes.Compare(a.Key[:], b.Key[:]))
				}, false)
		}
	}},
	{name: "a listing that can be iterated once", rule: 9, by: "list-twice", do: func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			entries, err := collect(m.All(ctx))
			return func(yield func(driver.Entry, error) bool) {
				if err != nil {
					yield(driver.Entry{}, err)
				}
				for _, e := range entries {
					if !yield(e, nil) {
						return
					}
				}
			}
		}
	}},
}

// inPages yields the result of list in pages of 100. It calls list for each page, and
// continues at an offset, or after the last entry of the previous page.
func inPages(list func() []driver.Entry, order func(a, b driver.Entry) int, byOffset bool) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		var last driver.Entry
		for yielded := 0; ; {
			entries := list()
			slices.SortFunc(entries, order)
			switch {
			case byOffset:
				entries = entries[min(yielded, len(entries)):]
			case yielded > 0:
				entries = slices.DeleteFunc(entries, func(e driver.Entry) bool { return order(e, last) <= 0 })
			}
			if len(entries) == 0 {
				return
			}
			for _, e := range entries[:min(100, len(entries))] {
				yielded, last = yielded+1, e
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}
