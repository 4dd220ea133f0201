package testapp

import (
	"errors"
	"reflect"
	"testing"

	"github.com/pump-go/sessions"
)

// The values of the applications' sessions.
const (
	User  sessions.Key[string]         = "user"
	Count sessions.Key[int]            = "count"
	Map   sessions.Key[map[string]int] = "map"
)

// Increment adds one to Count.
func Increment(s *sessions.Session) { Count.Update(s, func(n int) int { return n + 1 }) }

// Look loads the session and changes nothing.
func Look(s *sessions.Session) { s.Keys() }

// Secrets for Options.Cookie, of the minimum length.
var (
	Secret  = []byte("0123456789abcdef0123456789abcdef")
	Secret2 = []byte("fedcba9876543210fedcba9876543210")
)

// Equal fails the test if got is not deeply equal to want.
func Equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// Error fails the test unless errors.Is(got, want).
func Error(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}
