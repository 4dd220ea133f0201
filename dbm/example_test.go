package dbm_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/dbm"
)

func Example() {
	m, err := sessions.New(context.Background(), sessions.Options{
		Store:   "dbm",
		DataDir: "/var/lib/app", // the file is sessions.db in it
	})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", m.Wrap(http.DefaultServeMux)))
}

// A program that already has a bbolt database can keep the sessions in it, next to
// its own buckets. Closing the manager does not close the database.
func ExampleNewWithDB() {
	dir, err := os.MkdirTemp("", "app")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := bbolt.Open(filepath.Join(dir, "app.db"), 0o600, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	m, err := sessions.New(context.Background(), sessions.Options{Driver: dbm.NewWithDB(db)})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	handler := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		s.Set("user", "ann")
		fmt.Println("saved:", s.Save(r.Context()) == nil)
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	// Output: saved: true
}
