package sessions

import (
	"context"
	"errors"
	"fmt"

	"github.com/pump-go/sessions/internal/token"
)

// Ping asks the store for a session that nobody has, and tells whether it
// answered: a health check. It costs what one read costs, in every store, and
// proves that sessions can be read; whether they can be written too, only a
// write would tell. ctx bounds it, as Options.StoreTimeout does. The cookie
// store has nobody to ask, and fails only when it was closed.
func (m *Manager) Ping(ctx context.Context) error {
	bounded := m.storeContext(ctx)
	defer bounded.Release()
	var err error
	if m.sealer != nil {
		_, err = m.sealer.Unseal("")
	} else {
		_, err = m.store.Load(bounded, token.NewID().Key())
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("sessions: ping: %w", err)
	}
	return nil
}
