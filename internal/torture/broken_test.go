//go:build linux

package main

import (
	"bytes"
	"context"
	"io"
	"iter"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

// hooked is a store whose methods can be replaced.
type hooked struct {
	fullStore
	load  func(context.Context, driver.Key) (driver.Record, error)
	save  func(context.Context, driver.Key, driver.Version, driver.Record) error
	del   func(context.Context, driver.Key, driver.Version) error
	owned func(context.Context, string) iter.Seq2[driver.Entry, error]
	sweep func(context.Context) (int, error)
}

func (s *hooked) Load(ctx context.Context, key driver.Key) (driver.Record, error) {
	return s.load(ctx, key)
}
func (s *hooked) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	return s.save(ctx, key, old, rec)
}
func (s *hooked) Delete(ctx context.Context, key driver.Key, v driver.Version) error {
	return s.del(ctx, key, v)
}
func (s *hooked) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	return s.owned(ctx, owner)
}
func (s *hooked) Sweep(ctx context.Context) (int, error) { return s.sweep(ctx) }

// sometimes returns a function that returns true on the first call and every nth
// after it, so that the fault occurs even in a short run.
func sometimes(n int64) func() bool {
	var calls atomic.Int64
	return func() bool { return calls.Add(1)%n == 1 }
}

// broken is a way to break a store or a server, and the violation that the checker
// must find.
type broken struct {
	name   string
	finds  breach
	on     string // the store; memory if empty
	config func(*driver.Config)
	store  func(s *hooked, h *host)
	inner  func(http.Handler, *host) http.Handler
	outer  func(http.Handler, *host) http.Handler
}

var brokens = []broken{
	{name: "updates are lost: a save ignores the version", finds: lostWrite, store: func(s *hooked, _ *host) {
		s.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if r, err := s.fullStore.Load(ctx, key); err == nil && old != 0 {
				old = r.Version
			}
			return s.fullStore.Save(ctx, key, old, rec)
		}
	}},
	{name: "a save is acknowledged but not done, sometimes", finds: lostWrite, store: func(s *hooked, _ *host) {
		due := sometimes(50)
		s.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if old != 0 && due() {
				return nil
			}
			return s.fullStore.Save(ctx, key, old, rec)
		}
	}},
	{name: "a save is acknowledged before it is done", finds: lostWrite, store: func(s *hooked, _ *host) {
		s.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if old == 0 {
				return s.fullStore.Save(ctx, key, old, rec)
			}
			if r, err := s.fullStore.Load(ctx, key); err != nil || r.Version != old {
				return driver.ErrConflict
			}
			rec.Data = bytes.Clone(rec.Data)
			time.AfterFunc(time.Millisecond, func() { _ = s.fullStore.Save(context.WithoutCancel(ctx), key, old, rec) })
			return nil
		}
	}},
	{name: "a load comes from a cache", finds: lostWrite, store: func(s *hooked, _ *host) {
		due := sometimes(4)
		var cache sync.Map
		s.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			if r, ok := cache.Load(key); ok && due() {
				rec := r.(driver.Record)
				rec.Data = bytes.Clone(rec.Data)
				return rec, nil
			}
			rec, err := s.fullStore.Load(ctx, key)
			if err == nil {
				kept := rec
				kept.Data = bytes.Clone(rec.Data)
				cache.Store(key, kept)
			}
			return rec, err
		}
	}},
	{name: "an update counts twice: ErrConflict for a successful save", finds: inexact, store: func(s *hooked, _ *host) {
		due := sometimes(50)
		s.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			err := s.fullStore.Save(ctx, key, old, rec)
			if err == nil && old != 0 && due() {
				return driver.ErrConflict
			}
			return err
		}
	}},
	{name: "a save restores a deleted record", finds: deadAnswered, store: func(s *hooked, _ *host) {
		s.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if _, err := s.fullStore.Load(ctx, key); err != nil {
				old = 0
			}
			return s.fullStore.Save(ctx, key, old, rec)
		}
	}},
	{name: "deletes are ignored", finds: deadAnswered, store: func(s *hooked, _ *host) {
		s.del = func(context.Context, driver.Key, driver.Version) error { return nil }
	}},
	{name: "a renewed ID stays valid", finds: deadAnswered, store: func(s *hooked, _ *host) {
		s.del = func(ctx context.Context, key driver.Key, v driver.Version) error {
			if v != 0 {
				return nil
			}
			return s.fullStore.Delete(ctx, key, v)
		}
	}},
	{name: "the owner's index misses sessions", finds: deadAnswered, store: func(s *hooked, _ *host) {
		s.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			return func(yield func(driver.Entry, error) bool) {
				for e, err := range s.fullStore.Owned(ctx, owner) {
					if e.Key[0]%2 == 0 && !yield(e, err) {
						return
					}
				}
			}
		}
	}},
	{name: "one session's record is loaded for another, sometimes", finds: crossTalk, store: func(s *hooked, _ *host) {
		due := sometimes(100)
		var last atomic.Pointer[driver.Record]
		s.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			rec, err := s.fullStore.Load(ctx, key)
			if err != nil {
				return rec, err
			}
			if r := last.Swap(&rec); r != nil && due() {
				other := *r
				other.Data = bytes.Clone(r.Data)
				return other, nil
			}
			return rec, nil
		}
	}},
	{name: "a byte of a value is changed, sometimes", finds: torn, store: func(s *hooked, _ *host) {
		due := sometimes(100)
		s.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			rec, err := s.fullStore.Load(ctx, key)
			if i := bytes.Index(rec.Data, []byte("Pad")); i >= 0 && i+10 < len(rec.Data) && due() {
				rec.Data[i+8] ^= 1
			}
			return rec, err
		}
	}},
	{name: "deleted records are only hidden", finds: deadRecord, store: func(s *hooked, _ *host) {
		var hidden sync.Map
		s.del = func(ctx context.Context, key driver.Key, v driver.Version) error {
			if r, err := s.load(ctx, key); v != 0 && (err != nil || r.Version != v) {
				return driver.ErrConflict
			}
			hidden.Store(key, true)
			return nil
		}
		s.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			if _, ok := hidden.Load(key); ok {
				return driver.Record{}, driver.ErrNotFound
			}
			return s.fullStore.Load(ctx, key)
		}
		s.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if _, ok := hidden.Load(key); ok {
				return driver.ErrConflict
			}
			return s.fullStore.Save(ctx, key, old, rec)
		}
		s.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			return func(yield func(driver.Entry, error) bool) {
				for e, err := range s.fullStore.Owned(ctx, owner) {
					if _, ok := hidden.Load(e.Key); !ok && !yield(e, err) {
						return
					}
				}
			}
		}
	}},
	{name: "a new record is stored twice", finds: strayRecord, store: func(s *hooked, _ *host) {
		s.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if old == 0 {
				other := key
				other[5]++
				_ = s.fullStore.Save(ctx, other, 0, rec)
			}
			return s.fullStore.Save(ctx, key, old, rec)
		}
	}},
	{name: "an outage is reported as ErrNotFound", finds: whileDown, store: func(s *hooked, h *host) {
		s.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			rec, err := s.fullStore.Load(ctx, key)
			if h.down.Load() {
				return driver.Record{}, driver.ErrNotFound
			}
			return rec, err
		}
	}},
	{name: "a session is not found, sometimes", finds: anonymous, store: func(s *hooked, _ *host) {
		due := sometimes(200)
		s.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			if due() {
				return driver.Record{}, driver.ErrNotFound
			}
			return s.fullStore.Load(ctx, key)
		}
	}},
	{name: "expired records are returned: times are half a minute late", finds: lateAnswered, store: func(s *hooked, _ *host) {
		s.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			rec.Accessed += 30_000
			rec.Expires += 30_000
			return s.fullStore.Save(ctx, key, old, rec)
		}
	}},
	{name: "expired records stay until Sweep is called", finds: lateRecord, config: func(cfg *driver.Config) { cfg.SweepInterval = -1 }},
	{name: "expired records stay, and Sweep removes none", finds: lateRecord, on: "file",
		config: func(cfg *driver.Config) { cfg.SweepInterval = -1 },
		store: func(s *hooked, _ *host) {
			s.sweep = func(context.Context) (int, error) { return 0, nil }
		}},
	{name: "goroutines leak", finds: leak, store: func(s *hooked, _ *host) {
		due := sometimes(100)
		s.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			if due() {
				go func() { select {} }()
			}
			return s.fullStore.Load(ctx, key)
		}
	}},
	{name: "files leak", finds: leak, store: func(s *hooked, _ *host) {
		due := sometimes(500)
		s.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			if due() {
				if f, err := os.Open(os.DevNull); err == nil {
					leftOpen.Store(f, true) // or the garbage collector would close it
				}
			}
			return s.fullStore.Load(ctx, key)
		}
	}},
	{name: "loads fail without a fault", finds: unexplained, store: func(s *hooked, _ *host) {
		due := sometimes(100)
		s.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			if due() {
				return driver.Record{}, errOff
			}
			return s.fullStore.Load(ctx, key)
		}
	}},
	{name: "a record is damaged, sometimes", finds: died, store: func(s *hooked, _ *host) {
		due := sometimes(500)
		s.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			if due() {
				return driver.Record{}, driver.ErrCorrupt
			}
			return s.fullStore.Load(ctx, key)
		}
	}},
	{name: "the process dies", finds: died, store: func(s *hooked, _ *host) {
		var loads atomic.Int64
		s.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			if loads.Add(1) == 300 {
				os.Exit(0)
			}
			return s.fullStore.Load(ctx, key)
		}
	}},
	{name: "a response repeats the request's cookie", finds: wrongCookie, outer: func(next http.Handler, _ *host) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c, err := r.Cookie(cookieName); err == nil {
				http.SetCookie(w, &http.Cookie{Name: cookieName, Value: c.Value})
			}
			next.ServeHTTP(w, r)
		})
	}},
	{name: "an error page deletes the cookie", finds: wrongCookie, outer: func(next http.Handler, _ *host) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(&statusWriter{w, func(status int) {
				if status >= 400 {
					http.SetCookie(w, &http.Cookie{Name: cookieName, MaxAge: -1})
				}
			}}, r)
		})
	}},
	{name: "a new session gets no cookie, sometimes", finds: wrongCookie, outer: func(next http.Handler, _ *host) http.Handler {
		due := sometimes(20)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(&statusWriter{w, func(int) {
				if due() {
					w.Header().Del("Set-Cookie")
				}
			}}, r)
		})
	}},
	{name: "the changes of a panicking handler are committed", finds: uncommitted, inner: func(next http.Handler, h *host) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if p := recover(); p != nil {
					_ = h.manager.FromContext(r.Context()).Save(r.Context())
					panic(p)
				}
			}()
			next.ServeHTTP(w, r)
		})
	}},
	{name: "a renewal leaves no forward: a late request begins a session", finds: lateChanged, store: func(s *hooked, _ *host) {
		s.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if isForward(rec) {
				return s.fullStore.Delete(ctx, key, old)
			}
			return s.fullStore.Save(ctx, key, old, rec)
		}
	}},
	{name: "a forward opens the session that it leads to, sometimes", finds: deadAnswered, store: func(s *hooked, _ *host) {
		due := sometimes(5)
		s.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			rec, err := s.fullStore.Load(ctx, key)
			if err == nil && isForward(rec) && due() {
				return s.fullStore.Load(ctx, driver.Key(rec.Data[1:]))
			}
			return rec, err
		}
	}},
	{name: "a forward leads nowhere: a sign-out under an old ID ends nothing", finds: notSignedOut, store: misleadingForwards},
	{name: "a forward leads nowhere: DestroyOwned misses what is being renewed", finds: ownedLeft, store: misleadingForwards},
	{name: "forwards are listed as sessions", finds: forwardShown, store: func(s *hooked, _ *host) {
		s.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if isForward(rec) {
				// What a session without values looks like, to a listing.
				if now, err := s.fullStore.Load(ctx, key); err == nil && !isForward(now) && now.Version == old {
					rec.Data = []byte{1, 0, 0, 0}
				}
			}
			return s.fullStore.Save(ctx, key, old, rec)
		}
	}},
	{name: "forwards are listed as the sessions that they lead to", finds: forwardShown, store: func(s *hooked, _ *host) {
		s.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			return func(yield func(driver.Entry, error) bool) {
				for e, err := range s.fullStore.Owned(ctx, owner) {
					if isForward(e.Record) {
						rec, err := s.fullStore.Load(ctx, driver.Key(e.Record.Data[1:]))
						if err != nil {
							continue
						}
						e.Record = rec
					}
					if !yield(e, err) {
						return
					}
				}
			}
		}
	}},
	{name: "an owner's listing misses a session, sometimes", finds: lostWrite, store: func(s *hooked, _ *host) {
		due := sometimes(20)
		s.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			return func(yield func(driver.Entry, error) bool) {
				for e, err := range s.fullStore.Owned(ctx, owner) {
					if !due() && !yield(e, err) {
						return
					}
				}
			}
		}
	}},
	{name: "the owner's index misses what is renewed during a listing", finds: ownedLeft, store: func(s *hooked, _ *host) {
		s.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			return func(yield func(driver.Entry, error) bool) {
				var all []driver.Entry
				for e, err := range s.fullStore.Owned(ctx, owner) {
					if err == nil {
						all = append(all, e)
					}
				}
				time.Sleep(5 * time.Millisecond)
				for _, e := range all {
					if rec, _ := s.fullStore.Load(ctx, e.Key); !isForward(rec) && !yield(e, nil) {
						return
					}
				}
			}
		}
	}},
	{name: "DestroyOwned ends the excepted session if it is renewed meanwhile", finds: anonymous, store: func(s *hooked, _ *host) {
		s.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			return func(yield func(driver.Entry, error) bool) {
				for e, err := range s.fullStore.Owned(ctx, owner) {
					e.Record.Created++ // by this it is recognized
					if !yield(e, err) {
						return
					}
				}
			}
		}
		s.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if isForward(rec) {
				time.Sleep(5 * time.Millisecond)
			}
			return s.fullStore.Save(ctx, key, old, rec)
		}
	}},
	{name: "two renewals of the same session both succeed", finds: deadAnswered, store: func(s *hooked, _ *host) {
		s.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			err := s.fullStore.Save(ctx, key, old, rec)
			if now, _ := s.fullStore.Load(ctx, key); err != nil && isForward(rec) && isForward(now) {
				return nil
			}
			return err
		}
	}},
	{name: "a late sign-in gets the values of another user", finds: crossTalk, store: func(s *hooked, _ *host) {
		var last atomic.Pointer[driver.Record]
		s.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if old == 0 && rec.Owner != "" {
				kept := rec
				kept.Data = bytes.Clone(rec.Data)
				if other := last.Swap(&kept); other != nil && other.Owner != rec.Owner {
					rec.Data = bytes.Clone(other.Data)
				}
			}
			return s.fullStore.Save(ctx, key, old, rec)
		}
	}},
	{name: "a late sign-in is refused", finds: lateRefused, inner: func(next http.Handler, _ *host) http.Handler {
		return lateOnly(next, `"By":"sign-in"`, func(w http.ResponseWriter, r *http.Request) {
			errorPage(w, r, sessions.ErrEnded)
		})
	}},
	{name: "a late Delete is accepted", finds: lateChanged, inner: func(next http.Handler, _ *host) http.Handler {
		return lateOnly(next, `"Touch":"delete"`, func(w http.ResponseWriter, _ *http.Request) { answer(w, &reply{}) })
	}},
	{name: "a late read gets a cookie", finds: lateChanged, inner: func(next http.Handler, _ *host) http.Handler {
		return lateOnly(next, `"Life":"probe"`, func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: cookieName, Value: "x"})
			answer(w, &reply{})
		})
	}},
	{name: "a late read shows an owner", finds: crossTalk, inner: func(next http.Handler, _ *host) http.Handler {
		return lateOnly(next, `"Life":"probe"`, func(w http.ResponseWriter, r *http.Request) { answer(w, &reply{Owner: "user:1"}) })
	}},
	{name: "a late sign-in gets no cookie", finds: signInLost, outer: func(next http.Handler, _ *host) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			late := bytes.Contains(body, []byte(`"Life":"sign-in"`)) && bytes.Contains(body, []byte(`"Blind":true`))
			next.ServeHTTP(&statusWriter{w, func(int) {
				if late {
					w.Header().Del("Set-Cookie")
				}
			}}, r)
		})
	}},
	{name: "a single-use value is popped again", finds: twice, store: func(s *hooked, _ *host) {
		// Two concurrent Pops both succeed if the second does not see the first.
		s.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if r, err := s.fullStore.Load(ctx, key); err == nil && old != 0 {
				old = r.Version
			}
			return s.fullStore.Save(ctx, key, old, rec)
		}
	}},
}

var leftOpen sync.Map

// lateOnly handles requests with a cookie whose operation contains the words by
// instead.
func lateOnly(next http.Handler, words string, instead http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte(words)) && r.Header.Get("Cookie") != "" {
			instead(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isForward reports whether the record's format is that of a forward.
func isForward(rec driver.Record) bool { return len(rec.Data) > 0 && rec.Data[0] == 2 }

func misleadingForwards(s *hooked, _ *host) {
	s.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
		if isForward(rec) {
			rec.Data = bytes.Clone(rec.Data)
			rec.Data[1]++
		}
		return s.fullStore.Save(ctx, key, old, rec)
	}
}

// statusWriter sees the status before it is sent.
type statusWriter struct {
	http.ResponseWriter
	see func(status int)
}

func (w *statusWriter) WriteHeader(status int) {
	if w.see != nil {
		w.see(status)
		w.see = nil
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.see != nil {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// In init, since server processes need them too.
func init() {
	for _, b := range brokens {
		wrap := breakage{handler: b.outer, inner: b.inner}
		wrap.config = b.config
		if b.store != nil || b.config != nil {
			wrap.store = func(s driver.Store, h *host) driver.Store {
				f := asFullStore(s)
				hk := &hooked{f, f.Load, f.Save, f.Delete, f.Owned, f.Sweep}
				if b.store != nil {
					b.store(hk, h)
				}
				return hk
			}
		}
		breakages[b.name] = wrap
	}
}

// The checker finds every kind of violation.
func TestCheckerFindsBreakages(t *testing.T) {
	for _, b := range brokens {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			p := checking()
			p.Broken, p.Until = b.name, b.finds
			switch b.finds {
			case leak, lateRecord, died, deadRecord, strayRecord:
				p.FaultTime = 500 * time.Millisecond // these are found by the audit
			}
			on := b.on
			if on == "" {
				on = "memory"
			}
			res, err := torture(alone(on), p)
			if err != nil {
				t.Fatal(err)
			}
			if res.Violations[b.finds] == 0 {
				t.Errorf("not found: %s\n%v", b.finds, res)
			}
		})
	}
}

// The same runs find nothing if nothing is broken.
func TestCheckerHasNoFalseAlarms(t *testing.T) {
	for _, on := range []string{"memory", "file"} {
		t.Run(on, func(t *testing.T) {
			t.Parallel()
			p := checking()
			p.FaultTime = time.Second
			res, err := torture(alone(on), p)
			if err != nil {
				t.Fatal(err)
			}
			if res.violations() > 0 {
				t.Error(res)
			}
		})
	}
}

// checking returns the plan of a run that ends when the breach is found.
func checking() plan {
	return plan{
		Seed: *seedFlag, FaultFree: 500 * time.Millisecond, FaultTime: 20 * time.Second, Workers: 8, Sessions: 10, StoreTimeout: 5 * time.Second,
		ProcessFaults: 100 * time.Millisecond, BackendFaults: time.Hour,
	}
}

// alone returns the store with one process and its faults, since a breakage keeps
// its state in its process.
func alone(name string) *store {
	for _, st := range stores {
		if st.name == name {
			st.processes = 1
			start := st.start
			st.start = func(l *ledger) (*backend, error) {
				b, err := start(l)
				if err == nil {
					b.processes, b.own = nil, nil
					if name == "memory" {
						b.processes = []fault{switchedOff}
					}
				}
				return b, err
			}
			return &st
		}
	}
	panic("no store " + name)
}
