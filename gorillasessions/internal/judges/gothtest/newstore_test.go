package gothtest

import (
	"os"

	gorilla "github.com/gorilla/sessions"

	"github.com/pump-go/sessions/gorillasessions"
	"github.com/pump-go/sessions/gorillasessions/internal/judges"
)

var _ = newStore // only the tests of gothic use it

// newStore returns the Store that the tests of gothic use, which they set when the
// program starts. The process ends with them.
func newStore() gorilla.Store {
	m, err := judges.Open(os.Getenv(upstreamStore), os.Getenv("GOTHTEST_DIR"))
	if err != nil {
		panic(err)
	}
	return gorillasessions.New(m)
}
