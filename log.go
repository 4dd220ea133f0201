package sessions

import (
	"context"
	"log/slog"

	"github.com/pump-go/sessions/driver"
)

// The events of a session, for the log.
const (
	eventCreated   = "sessions: session created"
	eventRenewed   = "sessions: session renewed"
	eventDestroyed = "sessions: session destroyed"
	eventOver      = "sessions: session expired, ended or unknown"
	eventLate      = "sessions: late request with the old ID of a renewed session"
	eventConflict  = "sessions: session changed by another request, merging"
)

// note logs an event of the session at key for the audit trail. before is the
// old key of a renewed session. ctx is for log handlers that look for a trace;
// it must be sessionless if the session is locked.
func (m *Manager) note(ctx context.Context, event string, key driver.Key, before ...driver.Key) {
	if !m.log.Enabled(ctx, slog.LevelDebug) {
		return // the common case: no ID is formatted
	}
	attrs := []slog.Attr{slog.String("session", key.String())}
	for _, b := range before {
		attrs = append(attrs, slog.String("before", b.String()))
	}
	m.log.LogAttrs(ctx, slog.LevelDebug, event, attrs...)
}
