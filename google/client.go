package google

import (
	"context"
	"fmt"
	"os"
	"time"

	"cloud.google.com/go/datastore"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
)

// ClientOptions returns the options with which a client for [New] must be made:
//
//	client, err := datastore.NewClient(ctx, project, google.ClientOptions()...)
//
// They add an interceptor that makes the store's commits conditional, and let the
// client reconnect within seconds after an outage. They do not change the
// program's own calls.
func ClientOptions() []option.ClientOption {
	reconnect := backoff.DefaultConfig // whose maximum delay is two minutes
	reconnect.BaseDelay = 100 * time.Millisecond
	reconnect.MaxDelay = 2 * time.Second
	return []option.ClientOption{
		option.WithGRPCDialOption(grpc.WithChainUnaryInterceptor(interceptor)),
		option.WithGRPCDialOption(grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: 5 * time.Second})),
	}
}

// newClient returns a client for the URL's settings. It connects when it is first
// used.
func (set *settings) newClient(ctx context.Context) (*datastore.Client, error) {
	opts := ClientOptions()
	project := set.project
	switch {
	case set.emulator != "":
		opts = append(opts,
			option.WithEndpoint("passthrough:///"+set.emulator),
			option.WithoutAuthentication(),
			option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	case project == "" && os.Getenv("DATASTORE_PROJECT_ID") == "":
		project = datastore.DetectProjectID
	}
	client, err := datastore.NewClientWithDatabase(ctx, project, set.database, opts...)
	if err != nil {
		return nil, fmt.Errorf("cannot create a Datastore client; it needs credentials and a project: %w", err)
	}
	return client, nil
}
