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

// A value that could not be read back fails the request that stores it, and
// nothing of the request is stored. The session is otherwise as it was.
func TestAValueThatWouldNotComeBackFailsTheRequest(t *testing.T) {
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
				fresh := a.client()
				fresh.fails(http.StatusInternalServerError, func(s *sessions.Session) { s.Set("v", c.v) })
				equal(t, "token of a new session", fresh.token, "")
				a.wantRecords(0)

				cl := a.signedIn()
				before := cl.token
				cl.fails(http.StatusInternalServerError, func(s *sessions.Session) {
					user.Set(s, "eve")
					s.Set("v", c.v)
					err := s.Save(t.Context())
					wantErr(t, "Save", err, sessions.ErrInvalidValue)
					if !strings.Contains(fmt.Sprint(err), c.field) {
						t.Errorf("Save: error %v, want %q", err, c.field)
					}
				})
				equal(t, "token", cl.token, before)
				cl.do(func(s *sessions.Session) {
					equal(t, "Keys", s.Keys(), []string{"user"})
					increment(s)
				})
				equal(t, "user", cl.user(), "ann")
			})
		}
	})
}

// tags encodes itself with gob, in another order each time.
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

// A request that only reads a value whose encoding varies writes nothing, and so
// undoes no update.
func TestReadersOfAValueWhoseEncodingVariesUndoNothing(t *testing.T) {
	const key sessions.Key[*tags] = "tags"
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.signedIn()
		c.do(func(s *sessions.Session) {
			key.Set(s, &tags{map[string]int{"n": 0, "a": 1, "b": 2, "c": 3, "d": 4}})
		})
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 3 {
			reader := c.copied()
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					got := reader.do(func(s *sessions.Session) {
						if v, ok := key.Get(s); !ok || len(v.m) != 5 {
							t.Error("the value is not there")
						}
					})
					equal(t, "cookie of a reader", got.line, "")
				}
			})
		}
		for range 50 {
			c.do(func(s *sessions.Session) {
				key.Update(s, func(v *tags) *tags { v.m["n"]++; return v })
			})
		}
		close(stop)
		wg.Wait()
		c.do(func(s *sessions.Session) {
			v, _ := key.Get(s)
			equal(t, "updates", v.m["n"], 50)
		})
	})
}
