package sessions_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

func TestPingIsOneLoadThatChangesNothing(t *testing.T) {
	m, store := testapp.NewManager(t, sessions.Options{})
	if err := m.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if store.Total("Load") != 1 || store.Total() != 1 || len(store.RecordsByKey(t)) != 0 {
		t.Errorf("%d loads among %d calls, %d records", store.Total("Load"), store.Total(), len(store.RecordsByKey(t)))
	}
}

func TestPingTellsThatTheStoreIsDown(t *testing.T) {
	f := testapp.NewStore(nil)
	m, _ := testapp.NewManager(t, sessions.Options{Driver: f})
	f.Down()
	if err := m.Ping(t.Context()); !errors.Is(err, testapp.ErrDown) {
		t.Errorf("a store that is down: %v", err)
	}
	f.Up()
	if err := m.Ping(t.Context()); err != nil {
		t.Errorf("after the recovery: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Ping(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

func TestPingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := testapp.NewStore(nil)
		m, _ := testapp.NewManager(t, sessions.Options{Driver: f, StoreTimeout: 2 * time.Second, SweepInterval: -1})
		f.Next("Load", testapp.Hung)
		began := time.Now()
		if err := m.Ping(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestPingHasNobodyToAskWhereClientsKeepTheirSessions(t *testing.T) {
	m, _ := testapp.NewManager(t, sessions.Options{Store: "sealed", Cookie: sessions.Cookie{Secret: testapp.Secret}})
	if err := m.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
