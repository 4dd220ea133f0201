package behaviour

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

type price struct{ cents int }

type namedPrice struct {
	Name  string
	Price *price
}

type outcome struct {
	Err  error
	When time.Time
}

type stampedNote struct {
	time.Time
	Note string
}

type embeds struct {
	*hidden
	Name string
}

type hidden struct{ N int }

type color int

func (color) MarshalText() ([]byte, error) { return []byte("red"), nil }

// A value that could not be read back fails the request that sets it, and none of the
// request's changes are stored.
func TestUnreadableValueFailsTheRequest(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		for name, c := range map[string]struct {
			v     any
			field string // in the error
		}{
			"only unexported fields": {map[string]namedPrice{"a": {"n", &price{5}}}, ".Price: behaviour.price"},
			"an interface":           {outcome{Err: errors.New("failed")}, "behaviour.outcome.Err: "},
			"marshals only":          {[]color{1}, "behaviour.color has MarshalText"},
			"swallowed":              {stampedNote{time.Now(), "note"}, "behaviour.stampedNote.Note"},
			"embedded pointer":       {embeds{&hidden{1}, "name"}, "behaviour.embeds.hidden.N"},
			"user and password":      {url.User("u"), "url.Userinfo"},
		} {
			t.Run(name, func(t *testing.T) {
				a := st.start(t)
				fresh := a.Client()
				fresh.Fails(http.StatusInternalServerError, func(s *sessions.Session) { s.Set("v", c.v) })
				testapp.Equal(t, "token of a new session", fresh.Token(), "")
				a.WantRecords(0)

				cl := a.SignedIn()
				before := cl.Token()
				cl.Fails(http.StatusInternalServerError, func(s *sessions.Session) {
					testapp.User.Set(s, "eve")
					s.Set("v", c.v)
					err := s.Save(t.Context())
					testapp.Error(t, "Save", err, sessions.ErrInvalidValue)
					if !strings.Contains(fmt.Sprint(err), c.field) {
						t.Errorf("Save: error %v, want %q", err, c.field)
					}
				})
				testapp.Equal(t, "token", cl.Token(), before)
				cl.OK(func(s *sessions.Session) {
					testapp.Equal(t, "Keys", s.Keys(), []string{"user"})
					testapp.Increment(s)
				})
				testapp.Equal(t, "user", cl.User(), "ann")
			})
		}
	})
}

// tags encodes itself with gob, in a random order.
type tags struct{ m map[string]int }

func (t tags) MarshalBinary() ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(t.m)
	return b.Bytes(), err
}

func (t *tags) UnmarshalBinary(b []byte) error {
	t.m = nil
	return gob.NewDecoder(bytes.NewReader(b)).Decode(&t.m)
}

// A request that only reads a value whose encoding varies writes nothing, so it does not
// undo a concurrent update.
func TestReadOfAValueWithVaryingEncodingWritesNothing(t *testing.T) {
	const key sessions.Key[*tags] = "tags"
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.SignedIn()
		c.OK(func(s *sessions.Session) {
			key.Set(s, &tags{map[string]int{"n": 0, "a": 1, "b": 2, "c": 3, "d": 4}})
		})
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 3 {
			reader := c.Copy()
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					got := reader.OK(func(s *sessions.Session) {
						if v, ok := key.Get(s); !ok || len(v.m) != 5 {
							t.Error("the value is missing")
						}
					})
					testapp.Equal(t, "cookie of a reader", got.SetCookie, "")
				}
			})
		}
		for range 50 {
			c.OK(func(s *sessions.Session) {
				key.Update(s, func(v *tags) *tags { v.m["n"]++; return v })
			})
		}
		close(stop)
		wg.Wait()
		c.OK(func(s *sessions.Session) {
			v, _ := key.Get(s)
			testapp.Equal(t, "updates", v.m["n"], 50)
		})
	})
}
