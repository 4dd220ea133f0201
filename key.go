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
// T may be any type that CBOR can represent (github.com/fxamacker/cbor): the
// basic types, time.Time, structs by their exported fields (json and cbor tags
// are honored), slices, maps and pointers of these, and types with
// MarshalBinary and UnmarshalBinary, or MarshalText and UnmarshalText. Methods
// for JSON and gob are not used. No type needs to be registered. Slices, maps
// and structs may be nested at most 256 levels deep, so a value cannot refer to
// itself.
//
// A value that could not be read back fails the commit with ErrInvalidValue,
// which names the type and the field:
//
//   - a struct with only unexported fields, unless it is zero
//   - an interface with methods, unless it is nil; T itself must not be one
//   - a type that marshals but does not unmarshal, or does not accept what it
//     marshaled, such as a url.URL with a space in its host
//   - a field of an embedded pointer to an unexported struct
//   - a field that is hidden by the marshal method of an embedded type, or by
//     another field of the same name at the same depth
//   - map keys that become equal
//   - functions and channels
//
// By Go's convention, other fields are left out without an error: unexported
// fields beside exported ones, fields tagged "-", and fields that an outer
// field shadows. This includes types of other packages: an oauth2.Token loses
// its extra values. A value in an interface, as in a map[string]any, is read
// back as one of the types that Session.Get returns.
//
// A time keeps the offset of its zone. If the offset is not in whole minutes,
// as before standard time, the time is read back in UTC. Inside another value,
// such a time is off by the seconds of its offset: convert it to UTC first.
//
// # Changes in place
//
// A map, slice or pointer that was returned by Get or Update, or passed to Set,
// may be changed in place: the commit compares it with what was stored. After a
// Save, call Get again, since Save may have merged changes of another request.
// If a value was read as several types, change the one that was read first.
//
// The session only reads the value, so one value may be in several sessions.
// Changing it during a commit is a data race. Commits run when the response
// header is sent, when the handler returns, and in Save. Give goroutines a
// copy, or use a type whose MarshalBinary locks it.
//
// If MarshalBinary or MarshalText returns different bytes for equal values, as
// gob does for a map, changes in place may be missed: use Set or Update.
type Key[T any] string

// Get returns the value and reports whether there is one. A stored value that
// does not fit T is logged and reported as missing. It remains stored until it
// is overwritten.
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

// Decode returns the value, or an error: ErrNoValue if the session has no value
// of that name, ErrInvalidValue if the stored value does not fit T, or the load
// error. Unlike Get, it logs nothing.
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

// Has reports whether there is a value, of any type.
func (k Key[T]) Has(s *Session) bool { return s.Has(string(k)) }

// Set replaces the value. If two requests set it at the same time, the later
// commit wins, for this value only. So keep data that belongs together, such as
// a user and their rights, in one value. If v cannot be encoded, the commit
// fails.
func (k Key[T]) Set(s *Session, v T) {
	if !decodable[T]() {
		s.refuse(undecodable[T](string(k)))
		return
	}
	s.Set(string(k), v)
}

// decodable reports whether a stored value can be decoded into a T.
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
	s.noteChange()
	s.fail(err)
}

// Update replaces the value with the result of f, and returns the result. f
// gets the present value, or the zero T if there is none.
//
// No update of parallel requests is lost: if another request commits first, the
// commit calls f again with the newer value. So f must have no side effects and
// must not use the session. Update returns the result of the first call; for
// the committed value, call Session.Save and then Get.
//
// If the stored value does not fit T, Update changes nothing and the commit
// fails, so that the value is not lost by mistake.
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

// Pop returns the value and removes it. If several requests pop the same value,
// the commit of one succeeds and those of the others fail with ErrConflict. If
// an action must happen at most once, call Session.Save between Pop and the
// action. Also call Save before Session.Destroy, which drops changes.
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
