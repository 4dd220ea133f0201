package sessions_test

import (
	"bytes"
	"context"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/content"
	"github.com/pump-go/sessions/internal/testapp"
)

// badValueStruct has a bit of everything.
type badValueStruct struct {
	Name  string
	Inner *badValueStruct
	List  []badValueStruct
	Any   any
	When  time.Time
	Map   map[string]*int
}

func badValueRead[T any](t *testing.T, s *sessions.Session) {
	key := sessions.Key[T]("bad")
	first, ok := key.Get(s)
	again, ok2 := key.Get(s)
	if ok != ok2 || !ok && !reflect.ValueOf(&first).Elem().IsZero() {
		t.Errorf("read as %T: %v, %v, then %v, %v", first, first, ok, again, ok2)
	}
	var into T
	if err := s.Decode("bad", &into); (err == nil) != ok && !errors.Is(err, sessions.ErrInvalidValue) {
		t.Errorf("decoded as %T: %v, but Get says %v", into, err, ok)
	}
}

// badValueData is the data of a record that holds one value, encoded as raw.
func badValueData(t *testing.T, raw []byte) []byte {
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

// FuzzStoredValue reads any bytes as a value of many types. They panic in none,
// and as long as nobody changes the value it stays as it is, byte for byte,
// whatever else is saved.
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
		e.Record.Data = badValueData(t, raw)
		a.Store.Put(t, e.Key, e.Record)
		c.OK(func(s *sessions.Session) {
			badValueRead[int](t, s)
			badValueRead[string](t, s)
			badValueRead[[]byte](t, s)
			badValueRead[time.Time](t, s)
			badValueRead[*big.Int](t, s)
			badValueRead[map[string]int](t, s)
			badValueRead[map[any]any](t, s)
			badValueRead[[]any](t, s)
			badValueRead[[3]int8](t, s)
			badValueRead[badValueStruct](t, s)
			badValueRead[*badValueStruct](t, s)
			badValueRead[func()](t, s)
			badValueRead[any](t, s)
			testapp.Increment(s)
		})
		if got := a.Store.Record(t).Record.Data; !bytes.Contains(got, raw) {
			t.Errorf("the value %x was changed: %x", raw, got)
		}
		// An Update changes it, or fails; it does not take it for nothing.
		ok := false
		res := c.Do(func(s *sessions.Session) {
			_, ok = sessions.Key[int]("bad").Get(s)
			sessions.Key[int]("bad").Update(s, func(n int) int { return n / 2 })
		})
		if ok != (res.StatusCode == http.StatusOK) || !ok && res.StatusCode != http.StatusInternalServerError {
			t.Errorf("it can be read as an int: %v; Update is answered with %d", ok, res.StatusCode)
		}
	})
}

// FuzzResponseHeader has a handler set any header before the session's own are
// added: there is one line for the session, and the handler's cookies stay.
func FuzzResponseHeader(f *testing.F) {
	f.Add("theme=dark; Path=/", "Accept-Encoding, Origin", "public, max-age=60")
	f.Add("pump-session=x; Path=/admin", "*", "no-store")
	f.Add(" pump-session =x", "cookie", `no-cache="Set-Cookie", private`)
	f.Add("pump-session", "", "")
	f.Add("=pump-session", ",,,", ",")
	m, _ := testapp.NewManager(f, sessions.Options{})
	f.Fuzz(func(t *testing.T, cookie, vary, cache string) {
		w := httptest.NewRecorder()
		m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Set-Cookie"] = []string{cookie, "last=1"}
			w.Header()["Vary"] = []string{vary}
			w.Header()["Cache-Control"] = []string{cache}
			sessions.FromContext(r.Context()).Set("n", 1)
		})).ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), "GET", "/", nil))
		h := w.Header()
		ours, theirs := 0, 0
		for _, line := range h["Set-Cookie"] {
			name, _, _ := strings.Cut(line, "=")
			switch {
			case strings.TrimSpace(name) == "pump-session":
				ours++
			case line == cookie:
				theirs++
			}
		}
		name, _, _ := strings.Cut(cookie, "=")
		if kept := strings.TrimSpace(name) != "pump-session"; ours != 1 || kept != (theirs > 0) || !slices.Contains(h["Set-Cookie"], "last=1") {
			t.Errorf("Set-Cookie: %q", h["Set-Cookie"])
		}
		all := strings.ToLower(strings.Join(h["Vary"], ","))
		if h["Vary"][0] != vary || !strings.Contains(all, "cookie") && !strings.Contains(all, "*") {
			t.Errorf("Vary: %q", h["Vary"])
		}
		all = strings.Join(h["Cache-Control"], ",")
		if h["Cache-Control"][0] != cache || !strings.Contains(all, `no-cache="Set-Cookie"`) && !strings.Contains(strings.ToLower(all), "no-store") {
			t.Errorf("Cache-Control: %q", h["Cache-Control"])
		}
	})
}
