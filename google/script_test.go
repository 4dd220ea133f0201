package google_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/datastore"
	pb "cloud.google.com/go/datastore/apiv1/datastorepb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/google"
)

// script is a Datastore server whose answers a test defines, for errors that the
// emulators rarely produce.
type script struct {
	pb.UnimplementedDatastoreServer
	addr string

	compares bool                                               // whether it checks base versions
	lookup   func() (*pb.Entity, int64, error)                  // a nil entity: not found
	commit   func(*pb.CommitRequest) (conflict bool, err error) // not called for the store's check of the server
	hang     func(ctx context.Context, call string)

	mu     sync.Mutex
	log    []string       // the calls
	aborts map[string]int // the remaining number of calls to abort
	last   *pb.CommitRequest
	probes int // the store's checks of the server
}

// called logs a call, and returns an error if it is to be aborted.
func (s *script) called(ctx context.Context, call string) error {
	s.mu.Lock()
	s.log = append(s.log, call)
	aborted := s.aborts[call] > 0
	if aborted {
		s.aborts[call]--
	}
	s.mu.Unlock()
	if s.hang != nil {
		s.hang(ctx, call)
	}
	if aborted {
		return status.Error(codes.Aborted, "too much contention on these datastore entities")
	}
	return nil
}

// abort aborts the next n calls of that kind.
func (s *script) abort(call string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aborts = map[string]int{call: n}
}

// calls returns the calls since it was last called.
func (s *script) calls() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := strings.Join(s.log, " ")
	s.log = nil
	return calls
}

func (s *script) Lookup(ctx context.Context, r *pb.LookupRequest) (*pb.LookupResponse, error) {
	if err := s.called(ctx, "lookup"); err != nil {
		return nil, err
	}
	e, version, err := s.lookup()
	if err != nil {
		return nil, err
	}
	if e == nil {
		return &pb.LookupResponse{Missing: []*pb.EntityResult{{Entity: &pb.Entity{Key: r.Keys[0]}}}}, nil
	}
	e.Key = r.Keys[0]
	return &pb.LookupResponse{Found: []*pb.EntityResult{{Entity: e, Version: version}}}, nil
}

// RunQuery returns the test's key for any query.
func (s *script) RunQuery(ctx context.Context, r *pb.RunQueryRequest) (*pb.RunQueryResponse, error) {
	if err := s.called(ctx, "query"); err != nil {
		return nil, err
	}
	kind := r.GetQuery().GetKind()[0].GetName()
	return &pb.RunQueryResponse{Batch: &pb.QueryResultBatch{
		EntityResultType: pb.EntityResult_KEY_ONLY,
		EntityResults: []*pb.EntityResult{{Entity: &pb.Entity{Key: &pb.Key{
			PartitionId: r.GetPartitionId(),
			Path:        []*pb.Key_PathElement{{Kind: kind, IdType: &pb.Key_PathElement_Name{Name: key.String()}}},
		}}}},
		MoreResults: pb.QueryResultBatch_NO_MORE_RESULTS,
	}}, nil
}

func (s *script) Commit(ctx context.Context, r *pb.CommitRequest) (*pb.CommitResponse, error) {
	if path := r.Mutations[0].GetDelete().GetPath(); len(path) > 0 && strings.HasPrefix(path[0].GetName(), "never") {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.probes++
		if s.compares && r.Mutations[0].GetBaseVersion() != 0 {
			return nil, status.Error(codes.FailedPrecondition, "the stored version (0) differs")
		}
		return &pb.CommitResponse{MutationResults: []*pb.MutationResult{{}}}, nil
	}
	if err := s.called(ctx, "commit"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.last = r
	s.mu.Unlock()
	conflict, err := s.commit(r)
	if err != nil {
		return nil, err
	}
	return &pb.CommitResponse{MutationResults: []*pb.MutationResult{{ConflictDetected: conflict}}}, nil
}

// run starts the server on the loopback interface.
func (s *script) run(t testing.TB) *script {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	pb.RegisterDatastoreServer(server, s)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	s.addr = l.Addr().String()
	return s
}

// clientOf returns a client as a program would make it.
func clientOf(t testing.TB, addr string, opts ...option.ClientOption) *datastore.Client {
	t.Helper()
	client, err := datastore.NewClient(context.Background(), "test-project", append(opts,
		option.WithEndpoint("passthrough:///"+addr), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// open returns a store with a client of the program's own.
func open(t testing.TB, addr string, o google.Options) driver.Store {
	t.Helper()
	s, err := google.New(clientOf(t, addr, google.ClientOptions()...), o).Open(t.Context(), driver.Config{SweepInterval: -1}.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

var key = driver.Key{1, 2, 3}

func fresh() driver.Record {
	now := driver.MillisOf(time.Now())
	return driver.Record{Data: []byte("data"), Version: 7, Created: now, Accessed: now, Expires: now + 3600_000}
}

// stored returns a lookup that finds the record at the server's version 42.
func stored(t testing.TB, rec driver.Record) func() (*pb.Entity, int64, error) {
	t.Helper()
	b, err := driver.AppendRecord(nil, rec)
	if err != nil {
		t.Fatal(err)
	}
	return func() (*pb.Entity, int64, error) {
		return &pb.Entity{Properties: map[string]*pb.Value{
			"record":  {ExcludeFromIndexes: true, ValueType: &pb.Value_BlobValue{BlobValue: b}},
			"expires": {ValueType: &pb.Value_TimestampValue{TimestampValue: timestamppb.New(rec.Expires.Time())}},
		}}, 42, nil
	}
}

func notFound() (*pb.Entity, int64, error) { return nil, 0, nil }

func accept(*pb.CommitRequest) (bool, error) { return false, nil }
