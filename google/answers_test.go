package google_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
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

// What each call of the contract costs, in calls to the server.
func TestWhatACallCosts(t *testing.T) {
	s := (&script{heeds: true, lookup: stored(t, fresh()), commit: accepts}).run(t)
	for way, want := range map[string]map[string]string{
		"conditions": {
			"load": "lookup", "create": "commit", "save after load": "commit", "save": "lookup commit", "touch after load": "commit",
			"delete": "commit", "delete at a version": "lookup commit",
		},
		"transactions": {
			"load": "lookup", "create": "begin lookup rollback", "save after load": "begin lookup commit", "save": "begin lookup commit",
			"touch after load": "begin lookup commit", "delete": "commit", "delete at a version": "begin lookup commit",
		},
	} {
		store := opened(t, s.addr, google.Options{}, ways[way]...)
		loaded, err := store.Load(t.Context(), key)
		if err != nil || s.calls() != want["load"] {
			t.Errorf("%s: load: %v", way, err)
		}
		for call, do := range map[string]func() error{
			"create":              func() error { return store.Save(t.Context(), key, 0, fresh()) },
			"save after load":     func() error { return store.Save(t.Context(), key, 7, loaded) },
			"save":                func() error { return store.Save(t.Context(), key, 7, fresh()) },
			"touch after load":    func() error { return store.Touch(t.Context(), key, loaded) },
			"delete":              func() error { return store.Delete(t.Context(), key, 0) },
			"delete at a version": func() error { return store.Delete(t.Context(), key, 7) },
		} {
			err := do()
			if taken := way == "transactions" && call == "create"; taken != errors.Is(err, driver.ErrConflict) || !taken && err != nil {
				t.Errorf("%s: %s: %v", way, call, err)
			}
			if calls := s.calls(); calls != want[call] {
				t.Errorf("%s: %s took %q, want %q", way, call, calls, want[call])
			}
		}
	}
	if s.probes != 2 {
		t.Errorf("the server was asked %d times what it can, by two stores", s.probes)
	}
}

// Where the server passes over the condition, the store does not rely on it.
func TestAServerThatDoesNotCompare(t *testing.T) {
	s := (&script{lookup: stored(t, fresh()), commit: accepts}).run(t)
	for way, why := range map[string]string{"conditions": "the server does not compare", "transactions": "not made with google.ClientOptions"} {
		var log bytes.Buffer
		store, err := google.New(clientOf(t, s.addr, ways[way]...), google.Options{}).Open(t.Context(),
			driver.Config{SweepInterval: -1, Logger: slog.New(slog.NewTextHandler(&log, nil))}.WithDefaults())
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		for range 2 {
			rec, err := store.Load(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			s.calls()
			if err := store.Save(t.Context(), key, 7, rec); err != nil || s.calls() != "begin lookup commit" {
				t.Errorf("%s: %v", way, err)
			}
		}
		if strings.Count(log.String(), why) != 1 {
			t.Errorf("%s: the log is %q, want it to tell once that %s", way, log.String(), why)
		}
	}
}

// The commit that follows a Load carries the server's version of what was
// loaded, and demands to fail if it is another.
func TestACommitCarriesItsCondition(t *testing.T) {
	s := (&script{heeds: true, lookup: stored(t, fresh()), commit: accepts}).run(t)
	store := opened(t, s.addr, google.Options{}, google.ClientOptions()...)
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
			t.Errorf("%s: %v", what, err)
		}
		m := s.last.Mutations[0]
		if m.GetBaseVersion() != 42 || m.ConflictResolutionStrategy != pb.Mutation_FAIL || m.GetUpdate() == nil && m.GetDelete() == nil {
			t.Errorf("%s: the mutation is %v", what, m)
		}
	}
	if err := store.Save(t.Context(), key, 0, fresh()); err != nil || s.last.Mutations[0].GetInsert() == nil || s.last.Mutations[0].ConflictDetectionStrategy != nil {
		t.Errorf("create: %v, %v", s.last.Mutations[0], err)
	}
}

// writes are the calls that change something, of which the last thing that is
// sent is a commit.
func writes(s driver.Store, loaded driver.Record) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"save":                func(ctx context.Context) error { return s.Save(ctx, key, 7, loaded) },
		"touch":               func(ctx context.Context) error { return s.Touch(ctx, key, loaded) },
		"delete":              func(ctx context.Context) error { return s.Delete(ctx, key, 0) },
		"delete at a version": func(ctx context.Context) error { return s.Delete(ctx, key, 7) },
	}
}

// unavailable is a commit that was done, and whose answer got lost.
func unavailable(*pb.CommitRequest) (bool, error) {
	return false, status.Error(codes.Unavailable, "the connection is lost")
}

// The library's service configuration has gRPC repeat what was unavailable, up
// to five times. A commit with a condition would find its own first attempt, and
// take it for somebody else's.
func TestACommitIsSentOnce(t *testing.T) {
	s := (&script{heeds: true, lookup: stored(t, fresh()), commit: unavailable}).run(t)
	store := opened(t, s.addr, google.Options{}, google.ClientOptions()...)
	loaded, err := store.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	calls := writes(store, loaded)
	calls["create"] = func(ctx context.Context) error { return store.Save(ctx, key, 0, fresh()) }
	for what, write := range calls {
		s.calls()
		if err := write(t.Context()); err == nil || errors.Is(err, driver.ErrConflict) || errors.Is(err, driver.ErrNotFound) {
			t.Errorf("%s: %v, want an error that says nothing of the outcome", what, err)
		}
		if n := strings.Count(s.calls(), "commit"); n != 1 {
			t.Errorf("%s: the commit was sent %d times", what, n)
		}
	}
}

// A client without ClientOptions does repeat. The server then says that the
// transaction is over, which is no conflict: it is over because it was done.
func TestARepeatedCommitIsNoConflict(t *testing.T) {
	first := true
	s := (&script{lookup: stored(t, fresh()), commit: func(r *pb.CommitRequest) (bool, error) {
		if len(r.GetTransaction()) == 0 {
			return false, nil
		}
		if first {
			first = false
			return unavailable(r)
		}
		return false, status.Error(codes.InvalidArgument, "the referenced transaction has expired or is no longer valid")
	}}).run(t)
	store := opened(t, s.addr, google.Options{})
	err := store.Save(t.Context(), key, 7, fresh())
	if err == nil || errors.Is(err, driver.ErrConflict) {
		t.Errorf("%v, want an error that says nothing of the outcome", err)
	}
	if calls := s.calls(); calls != "begin lookup commit commit rollback" {
		t.Errorf("the calls were %q", calls)
	}
}

// What the server refuses it has not done; what has changed then decides.
func TestARefusedCommitLooksAgain(t *testing.T) {
	for way, opts := range ways {
		for _, code := range []codes.Code{codes.Aborted, codes.FailedPrecondition, codes.NotFound, codes.OK} {
			if way == "transactions" && code == codes.OK {
				continue // conflicts that are told rather than errors are for conditions alone
			}
			refuse := func(*pb.CommitRequest) (bool, error) {
				return code == codes.OK, status.Error(code, "refused")
			}
			s := (&script{heeds: true, lookup: stored(t, fresh())}).run(t)
			store := opened(t, s.addr, google.Options{}, opts...)
			loaded, err := store.Load(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			for what, write := range writes(store, loaded) {
				// Twice it is refused, and the record is still at its version.
				refused := 0
				s.lookup = stored(t, fresh())
				s.commit = func(r *pb.CommitRequest) (bool, error) {
					if refused++; refused <= 2 {
						return refuse(r)
					}
					return false, nil
				}
				err := write(t.Context())
				if what == "delete" && code != codes.Aborted { // it has no condition that might not hold
					if err == nil || errors.Is(err, driver.ErrConflict) || refused != 1 {
						t.Errorf("%s, %v: %s, refused: %v after %d", way, code, what, err, refused)
					}
					continue
				}
				if err != nil || refused != 3 {
					t.Errorf("%s, %v: %s, refused twice: %v after %d", way, code, what, err, refused)
				}
				if what == "delete" {
					continue // has no version
				}
				// It is refused, and then another version is there, or none, or what
				// nobody can read.
				other := fresh()
				other.Version = 8
				for now, lookup := range map[string]func() (*pb.Entity, int64, error){
					"another version": stored(t, other), "none": nothing,
					"damage": func() (*pb.Entity, int64, error) { return &pb.Entity{}, 43, nil },
				} {
					s.lookup = stored(t, fresh())
					s.commit = func(r *pb.CommitRequest) (bool, error) {
						s.lookup = lookup
						return refuse(r)
					}
					if err := write(t.Context()); !errors.Is(err, driver.ErrConflict) {
						t.Errorf("%s, %v: %s, and then there is %s: %v", way, code, what, now, err)
					}
				}
			}
		}
	}
}

// What the server gives up for somebody else's sake is done again, wherever it
// was given up: at the begin of a transaction, a lookup, a query or a commit.
func TestWhatIsAbortedIsDoneAgain(t *testing.T) {
	old := fresh()
	old.Created, old.Accessed, old.Expires = 1000, 1000, 2000
	for way, opts := range ways {
		for _, at := range []string{"begin", "lookup", "query", "commit"} {
			s := (&script{heeds: true, lookup: stored(t, fresh()), commit: accepts}).run(t)
			store := opened(t, s.addr, google.Options{}, opts...)
			loaded, err := store.Load(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			loaded.Hint = nil // so that it is looked up
			calls := writes(store, loaded)
			calls["load"] = func(ctx context.Context) error { _, err := store.Load(ctx, key); return err }
			calls["list"] = func(ctx context.Context) error {
				for _, err := range store.(driver.Lister).All(ctx) {
					return err
				}
				return errors.New("it is not listed")
			}
			calls["sweep"] = func(ctx context.Context) error {
				s.lookup = stored(t, old)
				defer func() { s.lookup = stored(t, fresh()) }()
				n, err := store.(driver.Sweeper).Sweep(ctx)
				if err == nil && n > 1 {
					return fmt.Errorf("it says that it removed %d of one", n)
				}
				return err
			}
			for what, call := range calls {
				s.abort(at, 3)
				if err := call(t.Context()); err != nil {
					t.Errorf("%s, a %s that is aborted: %s: %v", way, at, what, err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
				s.calls()
				s.abort(at, math.MaxInt)
				err := call(ctx)
				if reached := strings.Contains(s.calls(), at); reached && what != "sweep" && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s, a %s that is aborted for ever: %s: %v", way, at, what, err)
				}
				cancel()
				s.abort(at, 0)
			}
		}
	}
}

// A server that hangs holds nobody longer than the context or the timeout, and
// keeps no lock: a transaction that was begun is rolled back.
func TestAHungServerIsWaitedForInBoundedTime(t *testing.T) {
	for way, opts := range ways {
		for _, at := range []string{"lookup", "commit", "begin"} {
			if way == "conditions" && at == "begin" {
				continue
			}
			s := (&script{heeds: true, lookup: stored(t, fresh()), commit: accepts}).run(t)
			store := opened(t, s.addr, google.Options{Timeout: 300 * time.Millisecond}, opts...)
			if err := store.Save(t.Context(), key, 7, fresh()); err != nil {
				t.Fatal(err)
			}
			s.calls()
			released := make(chan struct{})
			t.Cleanup(func() { close(released) })
			s.hang = func(_ context.Context, call string) {
				if call == at {
					<-released
				}
			}
			save := func(ctx context.Context) error { return store.Save(ctx, key, 7, fresh()) }
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
				began := time.Now()
				err := save(ctx)
				cancel()
				if err == nil || errors.Is(err, driver.ErrConflict) || c.want != nil && !errors.Is(err, c.want) {
					t.Errorf("%s, %s hangs: %v, want one that is %v", way, at, err, c.want)
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("%s, %s hangs: it took %v", way, at, took)
				}
			}
			if err := store.Close(); err != nil {
				t.Error(err)
			}
			if calls := strings.Fields(s.calls()); at == "commit" && way == "transactions" && !slices.Contains(calls, "rollback") {
				t.Errorf("nothing was rolled back: %v", calls)
			}
		}
	}
}

// What the server can is asked anew where there was no answer.
func TestAnOutageAtTheFirstSaveDecidesNothing(t *testing.T) {
	s := (&script{heeds: true, lookup: stored(t, fresh()), commit: accepts}).run(t)
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
		t.Errorf("with the server down: %v", err)
	}
	down = false
	if err := store.Save(t.Context(), key, 7, fresh()); err != nil || s.calls() != "lookup commit" {
		t.Errorf("with the server back: %v", err)
	}
}

// The program's own calls through a client with ClientOptions are as ever.
func TestClientOptionsLeaveOtherCallsAlone(t *testing.T) {
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
		t.Errorf("the mutation is %v", m)
	}
}
