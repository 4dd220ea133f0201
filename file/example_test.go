package file_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/file"
)

// Sessions survive a restart. The second manager is the one after the restart.
func Example() {
	dir, err := os.MkdirTemp("", "sessions") // in production, a permanent directory
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	const visits sessions.Key[int] = "visits"
	var cookies []*http.Cookie
	for range 2 {
		m, err := sessions.New(context.Background(), sessions.Options{Store: "file", DataDir: dir})
		if err != nil {
			log.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			fmt.Println("visit", visits.Update(s, func(n int) int { return n + 1 }))
		})).ServeHTTP(w, r)
		cookies = w.Result().Cookies()
		if err := m.Close(); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// visit 1
	// visit 2
}

// With Sync, each change is on the disk before the response is sent, so it survives
// a power failure.
func ExampleNew() {
	m, err := sessions.New(context.Background(), sessions.Options{
		Driver:  file.New(file.Options{Sync: true}), // or Store: "file", URL: "file:?sync=true"
		DataDir: "/var/lib/app/sessions",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
}
