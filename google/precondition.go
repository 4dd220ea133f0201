package google

import (
	"context"

	"cloud.google.com/go/datastore"
	pb "cloud.google.com/go/datastore/apiv1/datastorepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Datastore gives each state of an entity a version, and a commit can name the
// one that it is to replace: it is then a compare-and-swap of its own, without
// a transaction around it. The client library has no means to say so, but it
// lets an interceptor see each request on its way. So terms ride in the context
// of a call to conditional, which puts them into the request.

// terms go with a call to the server.
type terms struct {
	// bases are, for each mutation of a commit in turn, the version that it
	// replaces; 0 is any, or none.
	bases []int64
	// found is what a lookup found.
	found []*pb.EntityResult
	// carried tells that the client has the interceptor.
	carried bool
}

type termsKey struct{}

func withTerms(ctx context.Context, t *terms) context.Context {
	return context.WithValue(ctx, termsKey{}, t)
}

// version is the version at which a lookup found the entity, 0 if the client
// was not made with ClientOptions.
func (t *terms) version(key *datastore.Key) int64 {
	for _, f := range t.found {
		path := f.GetEntity().GetKey().GetPath()
		if len(path) > 0 && path[len(path)-1].GetName() == key.Name {
			return f.GetVersion()
		}
	}
	return 0
}

// conditional is the interceptor. It leaves alone every call but this
// package's own.
func conditional(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	t, ok := ctx.Value(termsKey{}).(*terms)
	if !ok {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	t.carried = true
	if commit, ok := req.(*pb.CommitRequest); ok {
		// One attempt: a second would find the version gone that the first
		// replaced, and take its own success for a conflict. gRPC repeats only
		// what it has kept, so it is to keep nothing. (It still repeats what
		// never left, or what the server says that it did not look at.)
		opts = append(opts[:len(opts):len(opts)], grpc.MaxRetryRPCBufferSize(0))
		for i, m := range commit.GetMutations() {
			if i < len(t.bases) && t.bases[i] != 0 {
				m.ConflictDetectionStrategy = &pb.Mutation_BaseVersion{BaseVersion: t.bases[i]}
				m.ConflictResolutionStrategy = pb.Mutation_FAIL
			}
		}
	}
	if err := invoke(ctx, method, req, reply, cc, opts...); err != nil {
		return err
	}
	switch r := reply.(type) {
	case *pb.LookupResponse:
		t.found = append(t.found, r.GetFound()...)
	case *pb.CommitResponse: // should a server keep its value rather than fail
		for _, result := range r.GetMutationResults() {
			if result.GetConflictDetected() {
				return status.Error(codes.FailedPrecondition, "the stored version is another")
			}
		}
	}
	return nil
}
