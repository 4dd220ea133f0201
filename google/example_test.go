package google_test

import (
	"context"
	"log"
	"net/http"

	"cloud.google.com/go/datastore"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/google"
)

func Example() {
	m, err := sessions.New(context.Background(), sessions.Options{URL: "google://my-project"})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	log.Fatal(http.ListenAndServe(":8080", m.Wrap(http.DefaultServeMux)))
}

// The program's own client stays open when the manager is closed.
func ExampleNew() {
	ctx := context.Background()
	client, err := datastore.NewClient(ctx, "my-project", google.ClientOptions()...)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	m, err := sessions.New(ctx, sessions.Options{Driver: google.New(client, google.Options{Kind: "WebSession"})})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
}
