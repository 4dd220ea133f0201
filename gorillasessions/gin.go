package gorillasessions

import (
	gorilla "github.com/gorilla/sessions"

	"github.com/pump-go/sessions"
)

// Gin is a Store with the method Options that gin-contrib/sessions requires. O is the
// type Options of that package, which this package does not import.
type Gin[O interface{ ToGorillaOptions() *gorilla.Options }] struct{ *Store }

// NewGin returns a Store for gin-contrib/sessions:
//
//	store := gorillasessions.NewGin[ginsessions.Options](m)
//	engine.Use(ginsessions.Sessions("app", store))
func NewGin[O interface{ ToGorillaOptions() *gorilla.Options }](m *sessions.Manager) Gin[O] {
	return Gin[O]{New(m)}
}

// Options sets Store.Options. Call it before the store is used.
func (g Gin[O]) Options(o O) { g.Store.Options = o.ToGorillaOptions() }
