package sessions_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/content"
	"github.com/pump-go/sessions/internal/testapp"
)

// newWithRecord returns a client whose session's record has the data.
func newWithRecord(t *testing.T, o sessions.Options, data func([]byte) []byte) (*testapp.Client, *testapp.Store, driver.Key) {
	t.Helper()
	m, store := testapp.NewManager(t, o)
	b := testapp.SignIn(t, m)
	for key, rec := range store.RecordsByKey(t) {
		old := rec.Version
		rec.Data = data(rec.Data)
		rec.Version++
		if err := store.Inner().Save(t.Context(), key, old, rec); err != nil {
			t.Fatal(err)
		}
		return b, store, key
	}
	t.Fatal("no record")
	return nil, nil, driver.Key{}
}

// A damaged record opens an empty session. The record is kept for inspection, and
// one warning is logged.
func TestDamagedRecordStartsNewSession(t *testing.T) {
	for name, data := range map[string]func([]byte) []byte{
		"empty":         func([]byte) []byte { return []byte{} },
		"zeros":         func([]byte) []byte { return make([]byte, 50) },
		"cut short":     func(b []byte) []byte { return b[:len(b)-1] },
		"too long":      func(b []byte) []byte { return append(b, 0) },
		"format alone":  func(b []byte) []byte { return b[:1] },
		"bad settings":  func(b []byte) []byte { b[1] = 0x80; return b },
		"count too big": func(b []byte) []byte { b[2] = 0x7f; return b },
	} {
		t.Run(name, func(t *testing.T) {
			var log testapp.Log
			b, store, key := newWithRecord(t, sessions.Options{Logger: log.Logger(slog.LevelDebug)}, data)
			before := store.RecordsByKey(t)[key]
			old := b.Token()
			resp := b.Visit(func(s *sessions.Session) {
				if s.Err() != nil || !s.IsNew() || s.Get("user") != nil || s.ID() == key.String() {
					t.Errorf("the session is not new (%v)", s.Err())
				}
			})
			if resp.StatusCode != http.StatusOK {
				t.Errorf("got status %d, want 200", resp.StatusCode)
			}
			_, text, _ := strings.Cut(log.String(), "\n") // after the session's creation
			if strings.Count(text, "\n") != 1 || !strings.Contains(text, "level=WARN") || !strings.Contains(text, key.String()) {
				t.Errorf("got log %q, want one warning that names the record", text)
			}
			b.Visit(func(s *sessions.Session) { s.Set("user", "bob") })
			if b.Token() == old || b.User() != "bob" {
				t.Error("no new session was started")
			}
			after, ok := store.RecordsByKey(t)[key]
			if !ok || !reflect.DeepEqual(before, after) {
				t.Error("the damaged record was changed")
			}
		})
	}
}

// A record of a newer format is not damaged: during a deployment, older servers
// respond with an error and sign nobody out.
func TestRecordOfNewerFormat(t *testing.T) {
	b, store, key := newWithRecord(t, sessions.Options{}, func(b []byte) []byte { b[0] = 99; return b })
	before := store.RecordsByKey(t)[key]
	for range 2 {
		resp := b.Serve(func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			if s.Get("user") != nil || !errors.Is(s.Err(), sessions.ErrNewerFormat) {
				t.Errorf("Err: got error %v, want ErrNewerFormat", s.Err())
			}
			s.Set("user", "mallory")
			if err := s.Save(r.Context()); !errors.Is(err, sessions.ErrNewerFormat) {
				t.Errorf("Save: got error %v, want ErrNewerFormat", err)
			}
			if err := s.Renew(); !errors.Is(err, sessions.ErrNewerFormat) {
				t.Errorf("Renew: got error %v, want ErrNewerFormat", err)
			}
			w.Write([]byte("secret page"))
		})
		if resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("got status %d, want 503", resp.StatusCode)
		}
		testapp.NoCookie(t, resp)
	}
	if after := store.RecordsByKey(t); len(after) != 1 || !reflect.DeepEqual(before, after[key]) {
		t.Error("the record was changed")
	}
	if _, err := b.Managers[0].Load(t.Context(), b.Token()); !errors.Is(err, sessions.ErrNewerFormat) {
		t.Errorf("Load: got error %v, want ErrNewerFormat", err)
	}
	// Signing out still works.
	c := testapp.OneCookie(t, b.Visit(func(s *sessions.Session) {
		if err := s.Destroy(t.Context()); err != nil {
			t.Error(err)
		}
	}))
	if c.MaxAge != -1 || len(store.RecordsByKey(t)) != 0 {
		t.Error("the session was not destroyed")
	}
}

// A record that the store reports as damaged is handled in the same way.
func TestStoreReportsDamage(t *testing.T) {
	m, store := testapp.NewManager(t, sessions.Options{})
	b := testapp.SignIn(t, m)
	for _, c := range []struct {
		err    error
		status int
	}{
		{driver.ErrCorrupt, 200}, {driver.ErrNotFound, 200},
		{driver.ErrNewerFormat, 503}, {driver.ErrClosed, 503}, {context.DeadlineExceeded, 503}, {errors.New("outage"), 503},
	} {
		store.On("Load", func(context.Context) error { return c.err })
		resp := b.Visit(func(s *sessions.Session) {
			if s.Get("user") != nil {
				t.Errorf("%v: got a user, want none", c.err)
			}
		})
		if resp.StatusCode != c.status {
			t.Errorf("%v: got status %d, want %d", c.err, resp.StatusCode, c.status)
		}
		testapp.NoCookie(t, resp)
	}
	store.On("Load", nil)
	if b.User() != "ann" {
		t.Error("the session did not survive")
	}
}

// storedStruct has fields of many kinds.
type storedStruct struct {
	Name  string
	Inner *storedStruct
	List  []storedStruct
	Any   any
	When  time.Time
	Map   map[string]*int
}

func readEveryWay[T any](t *testing.T, s *sessions.Session) {
	key := sessions.Key[T]("bad")
	first, ok := key.Get(s)
	again, ok2 := key.Get(s)
	if ok != ok2 || !ok && !reflect.ValueOf(&first).Elem().IsZero() {
		t.Errorf("read as %T: got %v, %v, then %v, %v", first, first, ok, again, ok2)
	}
	var into T
	if err := s.Decode("bad", &into); (err == nil) != ok && !errors.Is(err, sessions.ErrInvalidValue) {
		t.Errorf("decoded as %T: got error %v, but Get reported %v", into, err, ok)
	}
}

// recordData returns the data of a record that holds one value, encoded as raw.
func recordData(t *testing.T, raw []byte) []byte {
	var c content.Content
	err := (&content.Set{Name: "bad", Raw: raw}).Apply(&c)
	if err != nil {
		t.Fatal(err)
	}
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// FuzzStoredValue reads any bytes as a value of many types. Reading must not panic, and
// as long as the value is not changed, it stays the same, byte for byte, when others
// are saved.
func FuzzStoredValue(f *testing.F) {
	for _, seed := range [][]byte{
		{0x00}, {0x18, 0xff}, {0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x63, 'a', 'b', 'c'}, {0x63, 0xff, 0xfe, 0xfd}, {0xf6}, {0xf7}, {0xff},
		{0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0xbb, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		{0xa1, 0x61, 'a', 0x01}, {0xa2, 0x61, 'a', 0x01, 0x61, 'a', 0x02}, {0x9f, 0x01, 0xff}, {0x82, 0x01, 0x80}, {0xc0, 0x74, '2', '0'}, {0xc1, 0x1a, 0, 0, 0, 0},
		{0xc2, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0}, {0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 1}, {0xa1, 0xf6, 0xf6}, {0xa1, 0x80, 0x01}, {0xd9, 0xd9, 0xf7, 0x01},
		bytes.Repeat([]byte{0x81}, 300), bytes.Repeat([]byte{0xa1, 0x01}, 300), append(bytes.Repeat([]byte{0xc6}, 300), 1), {},
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a := testapp.New(t)
		c := a.Client()
		c.OK(func(s *sessions.Session) { s.Set("bad", 1) })
		e := a.Store.Record(t)
		e.Record.Data = recordData(t, raw)
		a.Store.Put(t, e.Key, e.Record)
		c.OK(func(s *sessions.Session) {
			readEveryWay[int](t, s)
			readEveryWay[string](t, s)
			readEveryWay[[]byte](t, s)
			readEveryWay[time.Time](t, s)
			readEveryWay[*big.Int](t, s)
			readEveryWay[map[string]int](t, s)
			readEveryWay[map[any]any](t, s)
			readEveryWay[[]any](t, s)
			readEveryWay[[3]int8](t, s)
			readEveryWay[storedStruct](t, s)
			readEveryWay[*storedStruct](t, s)
			readEveryWay[func()](t, s)
			readEveryWay[any](t, s)
			testapp.Increment(s)
		})
		if got := a.Store.Record(t).Record.Data; !bytes.Contains(got, raw) {
			t.Errorf("the value %x was changed: %x", raw, got)
		}
		// An Update changes the value or fails. It must not treat it as missing.
		ok := false
		res := c.Do(func(s *sessions.Session) {
			_, ok = sessions.Key[int]("bad").Get(s)
			sessions.Key[int]("bad").Update(s, func(n int) int { return n / 2 })
		})
		if ok != (res.StatusCode == http.StatusOK) || !ok && res.StatusCode != http.StatusInternalServerError {
			t.Errorf("can be read as an int: %v; got status %d for Update", ok, res.StatusCode)
		}
	})
}

// recordOf returns the only record of the store, after a request to the handler.
func recordOf(t *testing.T, handler func(s *sessions.Session)) driver.Record {
	t.Helper()
	m, store := testapp.NewManager(t, sessions.Options{})
	testapp.NewClient(t, m).Visit(handler)
	for _, rec := range store.RecordsByKey(t) {
		return rec
	}
	t.Fatal("nothing was stored")
	return driver.Record{}
}

func TestInspect(t *testing.T) {
	rec := recordOf(t, func(s *sessions.Session) {
		s.Set("user", "alice")
		s.Set("cart", []int{1, 2, 3})
		s.AddFlash("Saved.")
		sessions.Flash[int]("numbers").Add(s, 7)
		s.SetIdleTimeout(10 * time.Minute)
		s.SetExpires(sessions.ExpireWithBrowser())
		s.SetLifetime(20 * time.Minute)
	})
	in, err := sessions.Inspect(rec)
	if err != nil {
		t.Fatal(err)
	}
	var values, flashes []string
	for _, v := range in.Values {
		values = append(values, v.Name+" "+diagnostic(t, v.CBOR))
	}
	for _, f := range in.Flashes {
		flashes = append(flashes, f.Name+" "+diagnostic(t, f.CBOR))
	}
	if want := []string{`cart [1, 2, 3]`, `user "alice"`}; !slices.Equal(values, want) {
		t.Errorf("got values %q, want %q", values, want)
	}
	if want := []string{`flash "Saved."`, `numbers 7`}; !slices.Equal(flashes, want) {
		t.Errorf("got flashes %q, want %q", flashes, want)
	}
	if in.IdleTimeout == nil || *in.IdleTimeout != 10*time.Minute {
		t.Errorf("got timeout %v, want 10m", in.IdleTimeout)
	}
	if in.Lifetime == nil || *in.Lifetime != 20*time.Minute {
		t.Errorf("got lifetime %v, want 20m", in.Lifetime)
	}
	if in.Expires == nil || *in.Expires != sessions.ExpireWithBrowser() {
		t.Errorf("got expiry %v, want with the browser", in.Expires)
	}
}

func TestInspectDefaultSettings(t *testing.T) {
	in, err := sessions.Inspect(recordOf(t, func(s *sessions.Session) { s.Set("n", 1) }))
	if err != nil || len(in.Values) != 1 || in.Flashes != nil || in.Expires != nil || in.IdleTimeout != nil || in.Lifetime != nil {
		t.Errorf("got %+v, %v", in, err)
	}
}

func TestInspectRejectsForeignRecords(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":        {nil, sessions.ErrCorrupt},
		"a later format": {[]byte{99, 0, 0, 0}, sessions.ErrNewerFormat},
		"cut short":      {[]byte{1, 0, 5}, sessions.ErrCorrupt},
	} {
		if _, err := sessions.Inspect(driver.Record{Data: c.data}); !errors.Is(err, c.want) {
			t.Errorf("%s: got error %v, want %v", name, err, c.want)
		}
	}
}

// diagnostic returns the value in CBOR's diagnostic notation.
func diagnostic(t *testing.T, raw []byte) string {
	t.Helper()
	s, err := cbor.Diagnose(raw)
	if err != nil {
		t.Errorf("%x: %v", raw, err)
	}
	return s
}

func TestRecordOfNewerFormatKeepsCookie(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	e := a.Store.Record(t)
	newer := e.Record
	newer.Data = append([]byte{99}, newer.Data[1:]...)
	a.Store.Put(t, e.Key, newer)
	for range 2 {
		res := c.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
			testapp.Error(t, "Err", s.Err(), sessions.ErrNewerFormat)
			testapp.User.Set(s, "eve")
		})
		wantGenericErrorPage(t, c, res)
	}
	testapp.Equal(t, "record", a.Store.Record(t).Record.Data, newer.Data)
	a.Store.Put(t, e.Key, e.Record)
	testapp.Equal(t, "user", c.User(), "ann")
}

func TestDamagedRecordIsNewSession(t *testing.T) {
	for name, damage := range map[string]func(*driver.Record){
		"empty":   func(r *driver.Record) { r.Data = nil },
		"cut":     func(r *driver.Record) { r.Data = r.Data[:len(r.Data)-1] },
		"garbage": func(r *driver.Record) { r.Data = []byte("\x00garbage") },
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			c := a.SignedIn()
			old := c.Token()
			e := a.Store.Record(t)
			damage(&e.Record)
			a.Store.Put(t, e.Key, e.Record)
			c.OK(func(s *sessions.Session) {
				testapp.Equal(t, "Err", s.Err(), nil)
				testapp.Equal(t, "IsNew", s.IsNew(), true)
				testapp.Increment(s)
			})
			if c.Token() == old {
				t.Error("got the same ID, want another")
			}
			testapp.Equal(t, "count", c.Count(), 1)
			if log := a.Log.String(); !strings.Contains(log, "damaged record") {
				t.Errorf("got log %s, want a damaged record", log)
			}
		})
	}
	t.Run("that the store finds", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		a.Store.Next("Load", testapp.Fault{Err: fmt.Errorf("fake: %w", sessions.ErrCorrupt)})
		c.OK(func(s *sessions.Session) { testapp.Equal(t, "IsNew", s.IsNew(), true) })
	})
}
