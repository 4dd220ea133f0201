package bench

import (
	"cmp"
	"net/http"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
)

// scsApp uses scs as its README shows: values through the manager's getters, handlers
// inside LoadAndSave.
func scsApp(m *scs.SessionManager, sessions func() int) app {
	a := app{sessions: sessions}
	a.handler = func(kind work) http.Handler {
		return m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			switch kind {
			case untouched:
			case fill, passing:
				for i := range 9 {
					m.Put(ctx, name(i), text)
				}
				m.Put(ctx, counter, 0)
				if kind == passing {
					m.SetDeadline(ctx, time.Now().Add(passes()))
				}
			case small:
				for _, v := range smallValues {
					m.Put(ctx, v.name, v.val)
				}
			case read:
				_, found := m.Get(ctx, counter).(int)
				if !asWritten(m.GetString(ctx, name(3)), found) {
					wrong(w)
					return
				}
			case readSmall:
				if m.GetString(ctx, "user") != someone || m.GetInt(ctx, "visits") != 12 {
					wrong(w)
					return
				}
			case write:
				m.Put(ctx, counter, m.GetInt(ctx, counter)+1)
			case fresh:
				m.Put(ctx, counter, 1)
			case signIn:
				if err := m.RenewToken(ctx); err != nil {
					wrong(w)
					return
				}
				m.Put(ctx, "user", someone)
			case count:
				countTo(w, func() int { return m.GetInt(ctx, counter) })
			}
			answer(w)
		}))
	}
	return a
}

func scsMemory(tb testing.TB) app {
	m, store := scs.New(), memstore.NewWithCleanupInterval(cmp.Or(sweepEvery, time.Minute))
	tb.Cleanup(store.StopCleanup)
	m.Store = store
	return scsApp(m, func() int {
		all, err := store.All()
		if err != nil {
			tb.Fatal(err)
		}
		return len(all)
	})
}
