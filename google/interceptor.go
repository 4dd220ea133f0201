package google

import (
	"context"

	"cloud.google.com/go/datastore"
	pb "cloud.google.com/go/datastore/apiv1/datastorepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Datastore gives each state of an entity a version. A mutation in a commit can
// name the version that it replaces as a precondition, which makes it a
// compare-and-swap without a transaction. The client library has no function for
// this, but it allows gRPC interceptors. So the store passes a request in the
// context of a call, and the interceptor adds the preconditions to the commit.

// request is what the store and the interceptor exchange about one call.
type request struct {
	// baseVersions has, for each mutation of a commit, the version of the entity
	// that it replaces, or 0 for no precondition.
	baseVersions []int64
	// found has the entities that a lookup has found.
	found []*pb.EntityResult
	// probe makes the interceptor set intercepted and send nothing.
	probe       bool
	intercepted bool
}

type requestKey struct{}

func withRequest(ctx context.Context, r *request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// version returns the version of an entity that was found, or 0.
func (r *request) version(key *datastore.Key) int64 {
	for _, f := range r.found {
		path := f.GetEntity().GetKey().GetPath()
		if len(path) > 0 && path[len(path)-1].GetName() == key.Name {
			return f.GetVersion()
		}
	}
	return 0
}

// interceptor adds preconditions to this package's own calls. It does not change
// other calls.
func interceptor(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	r, ok := ctx.Value(requestKey{}).(*request)
	if !ok {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	if r.probe {
		r.intercepted = true
		return ctx.Err()
	}
	if commit, ok := req.(*pb.CommitRequest); ok {
		// Disable gRPC's retries of commits: a second attempt would not find the
		// version that the first has replaced, and report a conflict with itself.
		// gRPC retries only what it has buffered, so it must buffer nothing. (It still
		// resends what was never sent, or what the server reports as not processed.)
		opts = append(opts[:len(opts):len(opts)], grpc.MaxRetryRPCBufferSize(0))
		for i, m := range commit.GetMutations() {
			if i < len(r.baseVersions) && r.baseVersions[i] != 0 {
				m.ConflictDetectionStrategy = &pb.Mutation_BaseVersion{BaseVersion: r.baseVersions[i]}
				m.ConflictResolutionStrategy = pb.Mutation_FAIL
			}
		}
	}
	if err := invoke(ctx, method, req, reply, cc, opts...); err != nil {
		return err
	}
	switch rep := reply.(type) {
	case *pb.LookupResponse:
		r.found = append(r.found, rep.GetFound()...)
	case *pb.CommitResponse: // in case a server reports a conflict without failing
		for _, result := range rep.GetMutationResults() {
			if result.GetConflictDetected() {
				return status.Error(codes.FailedPrecondition, "the entity has another version")
			}
		}
	}
	return nil
}

// hasInterceptor reports whether the client was made with ClientOptions. Nothing is
// sent: the context is already canceled.
func hasInterceptor(ctx context.Context, client *datastore.Client) bool {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	r := &request{probe: true}
	_, _ = client.Mutate(withRequest(ctx, r), datastore.NewDelete(datastore.NameKey(defaultKind, "probe", nil)))
	return r.intercepted
}
