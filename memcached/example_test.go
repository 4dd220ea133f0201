package memcached_test

import (
	"context"
	"log"
	"net/http"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/memcached"
)

func Example() {
	m, err := sessions.New(context.Background(), sessions.Options{URL: "memcached://10.0.0.1;10.0.0.2"})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	log.Fatal(http.ListenAndServe(":8080", m.Wrap(http.DefaultServeMux)))
}

func ExampleNew() {
	servers, err := memcached.NewSelector("10.0.0.1", "10.0.0.2")
	if err != nil {
		log.Fatal(err)
	}
	client := memcache.NewFromSelector(servers)
	client.MaxIdleConns = 100
	m, err := sessions.New(context.Background(), sessions.Options{Driver: memcached.New(client, memcached.Options{})})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close() // the client stays open
}
