package sessions_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pump-go/sessions"
)

func TestPingIsOneLoadThatChangesNothing(t *testing.T) {
	m, store := clientManager(t, sessions.Options{})
	if err := m.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if store.loads.Load() != 1 || store.calls() != 1 || len(store.records(t)) != 0 {
		t.Errorf("%d loads among %d calls, %d records", store.loads.Load(), store.calls(), len(store.records(t)))
	}
}

func TestPingTellsThatTheStoreIsDown(t *testing.T) {
	f := newFakeStore()
	m, _ := clientManager(t, sessions.Options{Driver: f})
	f.down()
	if err := m.Ping(t.Context()); !errors.Is(err, errFakeDown) {
		t.Errorf("a store that is down: %v", err)
	}
	f.up()
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
		f := newFakeStore()
		m, _ := clientManager(t, sessions.Options{Driver: f, StoreTimeout: 2 * time.Second, SweepInterval: -1})
		f.next("Load", fakeHung)
		began := time.Now()
		if err := m.Ping(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestPingHasNobodyToAskWhereClientsKeepTheirSessions(t *testing.T) {
	m, _ := clientManager(t, sessions.Options{Store: "sealed", Cookie: sessions.Cookie{Secret: clientSecret}})
	if err := m.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
