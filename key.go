package sessions

import (
	"fmt"
	"reflect"

	"github.com/pump-go/sessions/internal/content"
)

// Key is the name of a session value of type T. Declare one constant for each
// value, and use it wherever the value is read or written:
//
//	const cart sessions.Key[[]Item] = "cart"
//
// T may be anything that CBOR can hold (github.com/fxamacker/cbor): the basic
// types, time.Time, structs by their exported fields (json and cbor tags are
// honored), slices, maps and pointers of these, and types with MarshalBinary and
// UnmarshalBinary, or MarshalText and UnmarshalText. Methods for JSON and gob are
// not used. No type needs to be registered. A value may be 256 levels of slices,
// maps and structs deep, so it cannot refer to itself.
//
// A value that could not be read back fails the commit with ErrInvalidValue,
// which names the type and the field: a struct with only unexported fields (zero
// is accepted), an interface with methods that is not nil, a type that marshals
// and does not unmarshal, a field of an embedded pointer to an unexported struct,
// fields that an embedded type's marshal method or a field of the same name hides,
// map keys that become equal, functions and channels. T itself must not be an
// interface with methods.
//
// Fields are left out by Go's convention, without an error, if they are
// unexported and beside exported ones, tagged "-", or shadowed by an outer field.
// So are the fields of another package's types: an oauth2.Token loses its extra
// values. A value in an interface, as in a map[string]any, comes back with the
// types that Session.Get returns.
//
// A time keeps its zone's offset, in minutes. If the offset has seconds, as
// before standard time, the time comes back in UTC; inside another value it is
// off by the seconds, so set it in UTC there.
//
// A map, slice or pointer that Get or Update returned, or that Set was given,
// may be changed in place: it is compared when the session is committed. When
// a Save merged with another request's, get it again first; and where a value
// is got as several types, change the one that came first. The session only
// reads it, so one value may be in many sessions; but whoever changes it while
// one of them is committed, which is when the response's header leaves, when
// the handler returns, and in Save, has a data race like any other: give
// goroutines a copy, or a type that locks itself in its MarshalBinary.
//
// A change in place is found by comparing encodings. If a type's MarshalBinary
// or MarshalText returns other bytes for the same value from call to call, as gob
// does for a map, changes in place may go unnoticed: use Set or Update.
type Key[T any] string

// Get returns the value, and whether there is one. A stored value that does not
// fit T counts as none; it stays stored until it is overwritten, and the log
// tells of it.
func (k Key[T]) Get(s *Session) (T, bool) {
	s.touch()
	defer s.mu.Unlock()
	t, found, err := content.Get[T](&s.view, string(k))
	if err != nil {
		s.warnMisfit(string(k), fmt.Sprintf("%T", *new(T)), err)
		return *new(T), false
	}
	return t, found
}

// Decode is Get with the reason why there is no value, and without a line in the
// log: ErrNoValue if the session has none, ErrInvalidValue if the stored one does
// not fit T, or the error of loading the session.
func (k Key[T]) Decode(s *Session) (T, error) {
	s.touch()
	defer s.mu.Unlock()
	if err := s.loadError(); err != nil {
		return *new(T), err
	}
	t, found, err := content.Get[T](&s.view, string(k))
	switch {
	case err != nil:
		return *new(T), fmt.Errorf("sessions: %w", err)
	case !found:
		return *new(T), fmt.Errorf("sessions: %q: %w", string(k), ErrNoValue)
	}
	return t, nil
}

// Has tells whether there is a value, of whatever type.
func (k Key[T]) Has(s *Session) bool { return s.Has(string(k)) }

// Set replaces the value. Where two requests set it at once, the one that
// commits last wins, for this value alone; so what belongs together, such as a
// user and their rights, belongs in one value. If it cannot be encoded, the
// commit fails.
func (k Key[T]) Set(s *Session, v T) {
	if !decodable[T]() {
		s.refuse(undecodable[T](string(k)))
		return
	}
	s.Set(string(k), v)
}

// decodable tells whether a T can be made of what is stored.
func decodable[T any]() bool {
	t := reflect.TypeFor[T]()
	return t.Kind() != reflect.Interface || t.NumMethod() == 0
}

func undecodable[T any](name string) error {
	return fmt.Errorf("encode %q: %w: nothing can be decoded into the interface %v", name, ErrInvalidValue, reflect.TypeFor[T]())
}

// refuse makes the commit fail, and changes nothing.
func (s *Session) refuse(err error) {
	s.touch()
	defer s.mu.Unlock()
	s.fail(err)
}

// Update replaces the value by what f makes of the present one (or of the zero
// T, if there is none) and returns it. Where other requests do the same at
// once, no update is lost: f runs again on the newer value. So it may run
// several times, and must neither have effects of its own nor use the session.
// Update returns what f made first; where the committed value matters, Save and
// then Get.
//
// If the stored value does not fit T, Update changes nothing and the commit
// fails, so that it is not lost by mistake.
func (k Key[T]) Update(s *Session, f func(T) T) T {
	if !decodable[T]() {
		s.refuse(undecodable[T](string(k)))
		return *new(T)
	}
	s.touch()
	defer s.mu.Unlock()
	if s.phase == failed {
		return *new(T)
	}
	var err error
	if s.changes, err = s.view.Freeze(string(k), s.changes); err != nil {
		s.fail(err)
		return *new(T)
	}
	s.do(&content.Update[T]{Name: string(k), F: f})
	t, _, _ := content.Get[T](&s.view, string(k))
	return t
}

// Pop returns the value and removes it. Of several requests that pop the same
// value, the commit of one succeeds; the others' fail with ErrConflict. So a
// token kept in a session is used once. Save first where the effect of using
// it must not come before the certainty, and before Destroy, which drops what
// was changed.
func (k Key[T]) Pop(s *Session) (T, bool) {
	s.touch()
	defer s.mu.Unlock()
	t, found, err := content.Get[T](&s.view, string(k))
	if !found || err != nil {
		return *new(T), false
	}
	if seen := s.view.Value(string(k)).Stored(); seen != nil && !s.changes.Concern(string(k)) {
		s.do(&content.Pop{Name: string(k), Seen: seen})
	} else {
		s.do(&content.Delete{Name: string(k)})
	}
	return t, true
}

// Delete removes the value, if there is one.
func (k Key[T]) Delete(s *Session) { s.Delete(string(k)) }
