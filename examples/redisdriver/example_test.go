package redisdriver_test

import (
	"context"
	"log"
	"net/http"

	"github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/examples/redisdriver"
)

// A program that imports the package names the server by its URL alone.
func Example() {
	m, err := sessions.New(context.Background(), sessions.Options{URL: "redis://127.0.0.1:6379/0"})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", m.Wrap(http.DefaultServeMux)))
}

// With a client of its own, here one that follows Sentinel to the primary.
func ExampleNew() {
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName:            "sessions",
		SentinelAddrs:         []string{"10.0.0.1:26379", "10.0.0.2:26379", "10.0.0.3:26379"},
		MaxRetries:            -1,
		ContextTimeoutEnabled: true,
	})
	defer client.Close()
	m, err := sessions.New(context.Background(), sessions.Options{Driver: redisdriver.New(client)})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", m.Wrap(http.DefaultServeMux)))
}
