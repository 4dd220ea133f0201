package gorillasessions

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"weak"

	gorilla "github.com/gorilla/sessions"

	"github.com/pump-go/sessions"
)

// Store keeps gorilla sessions in the sessions of a Manager. It is safe for
// concurrent use.
type Store struct {
	// Options are the initial Options of a session that has no values yet. The default,
	// nil, means those of the manager's cookie. Set it before the store is used.
	Options *gorilla.Options

	m      *sessions.Manager
	cookie *http.Cookie // the manager's, without a token

	// bases has what New read, for each session that is in use: a gorilla session
	// has no place of its own for it.
	bases sync.Map // weak.Pointer[gorilla.Session]: *base
}

var _ gorilla.Store = (*Store)(nil)

// New returns a Store for the sessions of m.
func New(m *sessions.Manager) *Store {
	return &Store{m: m, cookie: m.NewSession().Cookie()}
}

// base is the state of a session of which the program changes a copy.
type base struct {
	in     *sessions.Session // that it was read from, inside Wrap
	id     string            // of the manager's session, if it had values of this one
	stored entries
	maxAge int
	owner  *string // SignIn was called

	unusable error // why it could not be read
}

// Get returns the session of that name. It calls New once in a request; later calls
// return the same session and error, from [gorilla.GetRegistry].
func (st *Store) Get(r *http.Request, name string) (*gorilla.Session, error) {
	return gorilla.GetRegistry(r).Get(st, name)
}

// New reads the session of that name and returns it. The session is never nil.
//
// If the store is down, New returns its error, and Save fails for this session, so
// that it does not overwrite the one that could not be read. If a value cannot be
// decoded, the error matches [sessions.ErrInvalidValue], and the session can be used
// and saved. The value is missing from Values, and remains stored until it is
// overwritten.
func (st *Store) New(r *http.Request, name string) (*gorilla.Session, error) {
	session := gorilla.NewSession(st, name)
	b := &base{}
	err := st.read(r, session, b)
	if err != nil {
		err = fmt.Errorf("gorillasessions: get %q: %w", name, err)
		if b.unusable != nil {
			b.unusable = err
		}
	}
	key := weak.Make(session)
	st.bases.Store(key, b)
	runtime.AddCleanup(session, func(key weak.Pointer[gorilla.Session]) { st.bases.Delete(key) }, key)
	return session, err
}

func (st *Store) read(r *http.Request, session *gorilla.Session, b *base) error {
	name := session.Name()
	session.IsNew, session.Options = true, st.options(st.cookie.MaxAge)
	if b.unusable = checkName(name); b.unusable != nil {
		return b.unusable
	}
	return st.look(r, func(s *sessions.Session, wrapped bool) error {
		if b.unusable = s.Err(); b.unusable != nil {
			return b.unusable
		}
		var err error
		session.Values, b.stored, err = read(s, name)
		session.IsNew = len(session.Values) == 0
		if !session.IsNew {
			b.id = s.ID()
		}
		if !s.IsNew() {
			session.ID = s.ID()
		}
		if wrapped {
			b.in = s
		}
		b.maxAge = maxAge(s)
		session.Options = st.options(b.maxAge)
		if session.IsNew && st.Options != nil {
			*session.Options = *st.Options
		}
		return err
	})
}

func checkName(name string) error {
	if name == "" || strings.ContainsAny(name, ":/") {
		return fmt.Errorf("invalid session name %q", name)
	}
	return nil
}

// Save stores what the program has changed in the session's Values since they were
// read, and keeps what other requests have changed meanwhile. It may be called again
// after further changes. If Options.MaxAge is negative, Save ends the session: see the
// package documentation.
//
// The error matches [sessions.ErrInvalidValue] for a value or key that could not be read
// back as itself, [ErrOptions] for Options that the manager's cookie does not meet,
// [sessions.ErrEnded] if another request has ended the session, and
// [sessions.ErrHeaderSent] if a cookie is needed and the header has been sent. In these
// cases nothing is stored.
func (st *Store) Save(r *http.Request, w http.ResponseWriter, session *gorilla.Session) error {
	if err := st.save(r, w, session); err != nil {
		return fmt.Errorf("gorillasessions: save %q: %w", session.Name(), err)
	}
	return nil
}

func (st *Store) save(r *http.Request, w http.ResponseWriter, session *gorilla.Session) error {
	name := session.Name()
	if err := checkName(name); err != nil {
		return err
	}
	b := st.base(session)
	if session.Options != nil && session.Options.MaxAge < 0 {
		err := st.change(r, w, func(ctx context.Context, s *sessions.Session, _ bool) (bool, error) {
			return false, end(ctx, s, name)
		})
		if err == nil && b != nil {
			*b = base{in: b.in, maxAge: b.maxAge}
			session.ID = ""
		}
		return err
	}
	if b != nil && b.unusable != nil {
		return b.unusable
	}
	if err := st.check(session.Options); err != nil {
		return err
	}
	return st.change(r, w, func(ctx context.Context, s *sessions.Session, wrapped bool) (bool, error) {
		if err := s.Err(); err != nil {
			return false, err
		}
		b := b
		if b == nil { // made by the program: it replaces the whole session
			_, stored, _ := read(s, name)
			b = &base{stored: stored, maxAge: maxAge(s)}
		}
		base, over := b.stored, false
		if b.id != "" && s.IsNew() && s.ID() != b.id && s != b.in {
			over, base = true, nil
		}
		changes, now, err := compare(name, session.Values, base)
		switch {
		case err != nil:
			return false, err
		case over && b.owner == nil:
			if unchanged, _, _ := compare(name, session.Values, b.stored); len(unchanged) == 0 {
				return false, nil
			}
			return false, sessions.ErrEnded
		}
		if err := apply(s, session, b, changes); err != nil {
			return false, err
		}
		if wrapped {
			// s has the changes now, and repeats them with the next commit if this
			// one fails.
			b.stored, b.owner = now, nil
		}
		if err := s.Save(ctx); err != nil {
			return false, err
		}
		b.stored, b.owner, b.id = now, nil, ""
		if len(now) > 0 {
			b.id, b.maxAge = s.ID(), maxAge(s)
			session.ID = b.id
		}
		return len(now) > 0, nil
	})
}

// base returns what New has read, or nil if the session was not made by New.
func (st *Store) base(session *gorilla.Session) *base {
	b, _ := st.bases.Load(weak.Make(session))
	found, _ := b.(*base)
	return found
}

// apply makes the changes to the manager's session. What may fail comes first.
func apply(s *sessions.Session, session *gorilla.Session, b *base, changes []change) error {
	if o := session.Options; o != nil && o.MaxAge != b.maxAge && len(session.Values) > 0 {
		if err := setMaxAge(s, o.MaxAge); err != nil {
			return err
		}
	}
	if b.owner != nil {
		if err := errors.Join(s.Renew(), s.SetOwner(*b.owner)); err != nil {
			return err
		}
		signedIn.Set(s, session.Name())
	}
	for _, c := range changes {
		_, err := sessions.Key[[]byte](c.name).Decode(s)
		switch {
		case c.list != nil && !errors.Is(err, sessions.ErrInvalidValue):
			sessions.Key[[]byte](c.name).Update(s, c.list.apply)
		case c.data != nil:
			s.Set(c.name, c.data)
		default:
			s.Delete(c.name)
		}
	}
	return nil
}
