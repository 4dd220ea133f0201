package bench

import (
	"os"
	"testing"

	"github.com/pump-go/sessions/internal/servers"
)

func TestMain(m *testing.M) {
	code := m.Run()
	servers.StopAll()
	os.Exit(code)
}
