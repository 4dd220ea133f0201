package sessions

import (
	"context"
	"log/slog"

	"github.com/pump-go/sessions/driver"
)

// What happens in a session's life, for the log.
const (
	eventCreated   = "sessions: session created"
	eventRenewed   = "sessions: session renewed"
	eventDestroyed = "sessions: session destroyed"
	eventOver      = "sessions: session expired, ended or unknown"
	eventLate      = "sessions: request came with the id that the session had before it was renewed"
	eventConflict  = "sessions: session changed meanwhile, merging"
)

// note logs an event of the session at key, identified by its public ID, for an
// audit trail. before is the old key of a renewed session. ctx is for log
// handlers that find a trace in it; while the session is locked it must be
// sessionless.
func (m *Manager) note(ctx context.Context, event string, key driver.Key, before ...driver.Key) {
	if !m.log.Enabled(ctx, slog.LevelDebug) {
		return // most often, and so no id is written out
	}
	attrs := []slog.Attr{slog.String("session", key.String())}
	for _, b := range before {
		attrs = append(attrs, slog.String("before", b.String()))
	}
	m.log.LogAttrs(ctx, slog.LevelDebug, event, attrs...)
}
