package google_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/datastore"
	pb "cloud.google.com/go/datastore/apiv1/datastorepb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/google"
)

// The calls to the server that each method makes.
func TestCallsPerMethod(t *testing.T) {
	s := (&script{compares: true, lookup: stored(t, fresh()), commit: accept}).run(t)
	for range 2 {
		store := open(t, s.addr, google.Options{})
		loaded, err := store.Load(t.Context(), key)
		if calls := s.calls(); err != nil || calls != "lookup" {
			t.Errorf("Load: got calls %q, %v", calls, err)
		}
		for what, c := range map[string]struct {
			want string
			do   func() error
		}{
			"create":              {"commit", func() error { return store.Save(t.Context(), key, 0, fresh()) }},
			"save after load":     {"commit", func() error { return store.Save(t.Context(), key, 7, loaded) }},
			"save":                {"lookup commit", func() error { return store.Save(t.Context(), key, 7, fresh()) }},
			"touch after load":    {"commit", func() error { return store.Touch(t.Context(), key, loaded) }},
			"delete":              {"commit", func() error { return store.Delete(t.Context(), key, 0) }},
			"delete at a version": {"lookup commit", func() error { return store.Delete(t.Context(), key, 7) }},
		} {
			if err := c.do(); err != nil {
				t.Errorf("%s: got error %v", what, err)
			}
			if calls := s.calls(); calls != c.want {
				t.Errorf("%s: got calls %q, want %q", what, calls, c.want)
			}
		}
	}
	if s.probes != 2 {
		t.Errorf("two stores checked the server %d times, want 2", s.probes)
	}
}

// A client without the interceptor would send commits without preconditions.
func TestClientWithoutClientOptionsIsAnError(t *testing.T) {
	s := (&script{compares: true, lookup: stored(t, fresh()), commit: accept}).run(t)
	store, err := google.New(clientOf(t, s.addr), google.Options{}).Open(t.Context(), driver.Config{SweepInterval: -1}.WithDefaults())
	if err == nil {
		store.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "google.ClientOptions") {
		t.Errorf("Open: %v, want an error that names google.ClientOptions", err)
	}
	open(t, s.addr, google.Options{})
	if calls := s.calls(); calls != "" || s.probes != 0 {
		t.Errorf("Open called the server: %q, %d probes", calls, s.probes)
	}
}

// If the server ignores preconditions, nothing that needs one is written.
func TestServerThatIgnoresVersionsIsAnError(t *testing.T) {
	s := (&script{lookup: stored(t, fresh()), commit: accept}).run(t)
	store := open(t, s.addr, google.Options{})
	loaded, err := store.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	calls := writes(store, loaded)
	delete(calls, "delete") // has no precondition
	calls["create"] = func(ctx context.Context) error { return store.Save(ctx, key, 0, fresh()) }
	for what, write := range calls {
		s.calls()
		if err := write(t.Context()); err == nil || errors.Is(err, driver.ErrConflict) || !strings.Contains(err.Error(), "ignores the base versions") {
			t.Errorf("%s: got error %v", what, err)
		}
		if calls := s.calls(); strings.Contains(calls, "commit") {
			t.Errorf("%s was sent: %q", what, calls)
		}
	}
}

// The commit that follows a Load has the version that was loaded as a precondition.
func TestCommitHasPrecondition(t *testing.T) {
	s := (&script{compares: true, lookup: stored(t, fresh()), commit: accept}).run(t)
	store := open(t, s.addr, google.Options{})
	loaded, err := store.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	for what, do := range map[string]func() error{
		"save":   func() error { return store.Save(t.Context(), key, 7, loaded) },
		"touch":  func() error { return store.Touch(t.Context(), key, loaded) },
		"delete": func() error { return store.Delete(t.Context(), key, 7) },
	} {
		if err := do(); err != nil {
			t.Errorf("%s: got error %v", what, err)
		}
		m := s.last.Mutations[0]
		if m.GetBaseVersion() != 42 || m.ConflictResolutionStrategy != pb.Mutation_FAIL || m.GetUpdate() == nil && m.GetDelete() == nil {
			t.Errorf("%s: got mutation %v", what, m)
		}
	}
	if err := store.Save(t.Context(), key, 0, fresh()); err != nil || s.last.Mutations[0].GetInsert() == nil || s.last.Mutations[0].ConflictDetectionStrategy != nil {
		t.Errorf("create: %v, %v", s.last.Mutations[0], err)
	}
}

// writes returns the methods that change something. Each ends with a commit.
func writes(s driver.Store, loaded driver.Record) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"save":                func(ctx context.Context) error { return s.Save(ctx, key, 7, loaded) },
		"touch":               func(ctx context.Context) error { return s.Touch(ctx, key, loaded) },
		"delete":              func(ctx context.Context) error { return s.Delete(ctx, key, 0) },
		"delete at a version": func(ctx context.Context) error { return s.Delete(ctx, key, 7) },
	}
}

// unavailable is the error of a commit that was applied and whose response was lost.
func unavailable(*pb.CommitRequest) (bool, error) {
	return false, status.Error(codes.Unavailable, "the connection is lost")
}

// The library configures gRPC to retry unavailable calls up to five times. A retried
// commit with a precondition would conflict with its own first attempt.
func TestCommitIsSentOnce(t *testing.T) {
	s := (&script{compares: true, lookup: stored(t, fresh()), commit: unavailable}).run(t)
	store := open(t, s.addr, google.Options{})
	loaded, err := store.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	calls := writes(store, loaded)
	calls["create"] = func(ctx context.Context) error { return store.Save(ctx, key, 0, fresh()) }
	for what, write := range calls {
		s.calls()
		if err := write(t.Context()); err == nil || errors.Is(err, driver.ErrConflict) || errors.Is(err, driver.ErrNotFound) {
			t.Errorf("%s: %v, want an error that leaves the outcome open", what, err)
		}
		if n := strings.Count(s.calls(), "commit"); n != 1 {
			t.Errorf("%s: the commit was sent %d times", what, n)
		}
	}
}

// A rejected commit was not applied. The store looks the entity up again, and what
// it finds decides between another commit and ErrConflict.
func TestRejectedCommitIsRetriedOrAConflict(t *testing.T) {
	for _, code := range []codes.Code{codes.Aborted, codes.FailedPrecondition, codes.NotFound, codes.OK} {
		reject := func(*pb.CommitRequest) (bool, error) {
			return code == codes.OK, status.Error(code, "rejected") // OK: by ConflictDetected
		}
		s := (&script{compares: true, lookup: stored(t, fresh())}).run(t)
		store := open(t, s.addr, google.Options{})
		loaded, err := store.Load(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		for what, write := range writes(store, loaded) {
			// Rejected twice, while the record keeps its version.
			commits := 0
			s.lookup = stored(t, fresh())
			s.commit = func(r *pb.CommitRequest) (bool, error) {
				if commits++; commits <= 2 {
					return reject(r)
				}
				return false, nil
			}
			err := write(t.Context())
			if what == "delete" && code != codes.Aborted { // it has no precondition
				if err == nil || errors.Is(err, driver.ErrConflict) || commits != 1 {
					t.Errorf("%v: %s: %v after %d commits", code, what, err, commits)
				}
				continue
			}
			if err != nil || commits != 3 {
				t.Errorf("%v: %s: %v after %d commits, want success after 3", code, what, err, commits)
			}
			if what == "delete" {
				continue
			}
			other := fresh()
			other.Version = 8
			for now, lookup := range map[string]func() (*pb.Entity, int64, error){
				"another version": stored(t, other), "no record": notFound,
				"a damaged record": func() (*pb.Entity, int64, error) { return &pb.Entity{}, 43, nil },
			} {
				s.lookup = stored(t, fresh())
				s.commit = func(r *pb.CommitRequest) (bool, error) {
					s.lookup = lookup
					return reject(r)
				}
				if err := write(t.Context()); !errors.Is(err, driver.ErrConflict) {
					t.Errorf("%v: %s, and then there is %s: %v", code, what, now, err)
				}
			}
		}
	}
}

// A lookup, query or commit that the server aborts is repeated.
func TestAbortedCallIsRepeated(t *testing.T) {
	old := fresh()
	old.Created, old.Accessed, old.Expires = 1000, 1000, 2000
	for _, aborted := range []string{"lookup", "query", "commit"} {
		s := (&script{compares: true, lookup: stored(t, fresh()), commit: accept}).run(t)
		store := open(t, s.addr, google.Options{})
		loaded, err := store.Load(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		loaded.Hint = nil // so that it is looked up
		methods := writes(store, loaded)
		methods["load"] = func(ctx context.Context) error { _, err := store.Load(ctx, key); return err }
		methods["list"] = func(ctx context.Context) error {
			for _, err := range store.(driver.Lister).All(ctx) {
				return err
			}
			return errors.New("the session is not listed")
		}
		methods["sweep"] = func(ctx context.Context) error {
			s.lookup = stored(t, old)
			defer func() { s.lookup = stored(t, fresh()) }()
			n, err := store.(driver.Sweeper).Sweep(ctx)
			if err == nil && n > 1 {
				return fmt.Errorf("Sweep returned %d for one session", n)
			}
			return err
		}
		for what, method := range methods {
			s.abort(aborted, 3)
			if err := method(t.Context()); err != nil {
				t.Errorf("%s with an aborted %s: %v", what, aborted, err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			s.calls()
			s.abort(aborted, math.MaxInt)
			err := method(ctx)
			if reached := strings.Contains(s.calls(), aborted); reached && what != "sweep" && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s whose %s is always aborted: %v", what, aborted, err)
			}
			cancel()
			s.abort(aborted, 0)
		}
	}
}

// If the server hangs, a call returns when its context or the timeout ends.
func TestHungServer(t *testing.T) {
	for _, hung := range []string{"lookup", "commit"} {
		s := (&script{compares: true, lookup: stored(t, fresh()), commit: accept}).run(t)
		store := open(t, s.addr, google.Options{Timeout: 300 * time.Millisecond})
		if err := store.Save(t.Context(), key, 7, fresh()); err != nil {
			t.Fatal(err)
		}
		released := make(chan struct{})
		t.Cleanup(func() { close(released) })
		s.hang = func(_ context.Context, call string) {
			if call == hung {
				<-released
			}
		}
		for _, c := range []struct {
			ctx  func() (context.Context, context.CancelFunc)
			want error
		}{
			{func() (context.Context, context.CancelFunc) { return t.Context(), func() {} }, nil},
			{func() (context.Context, context.CancelFunc) { return context.WithTimeout(t.Context(), time.Minute) }, nil},
			{func() (context.Context, context.CancelFunc) {
				return context.WithTimeout(t.Context(), 50*time.Millisecond)
			}, context.DeadlineExceeded},
			{func() (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(50*time.Millisecond, cancel)
				return ctx, cancel
			}, context.Canceled},
		} {
			ctx, cancel := c.ctx()
			start := time.Now()
			err := store.Save(ctx, key, 7, fresh())
			cancel()
			if err == nil || errors.Is(err, driver.ErrConflict) || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%s hangs: %v, want %v", hung, err, c.want)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%s hangs: Save took %v", hung, took)
			}
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}

// If the check of the server fails, the next write checks it again.
func TestServerIsCheckedAgainAfterAnOutage(t *testing.T) {
	s := (&script{compares: true, lookup: stored(t, fresh()), commit: accept}).run(t)
	down := true
	client := clientOf(t, s.addr, append(google.ClientOptions(), option.WithGRPCDialOption(grpc.WithChainUnaryInterceptor(
		func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			if down {
				return status.Error(codes.Unavailable, "down")
			}
			return invoke(ctx, method, req, reply, cc, opts...)
		})))...)
	store, err := google.New(client, google.Options{}).Open(t.Context(), driver.Config{SweepInterval: -1}.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Save(t.Context(), key, 0, fresh()); err == nil || errors.Is(err, driver.ErrConflict) {
		t.Errorf("with the server down: got error %v", err)
	}
	down = false
	if err := store.Save(t.Context(), key, 7, fresh()); err != nil || s.calls() != "lookup commit" {
		t.Errorf("with the server back: got error %v", err)
	}
}

func TestClientOptionsDoNotChangeOtherCalls(t *testing.T) {
	attempts := 0
	s := (&script{commit: func(r *pb.CommitRequest) (bool, error) {
		if attempts++; attempts == 1 {
			return unavailable(r)
		}
		return false, nil
	}}).run(t)
	client := clientOf(t, s.addr, google.ClientOptions()...)
	type thing struct{ N int }
	if _, err := client.Put(t.Context(), datastore.NameKey("Thing", "a", nil), &thing{1}); err != nil || attempts != 2 {
		t.Errorf("after %d attempts: %v", attempts, err)
	}
	if m := s.last.Mutations[0]; m.ConflictDetectionStrategy != nil {
		t.Errorf("got mutation %v", m)
	}
}
