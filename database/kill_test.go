//go:build unix

package database_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

const killedEnv = "SESSIONS_DATABASE_KILLED"

// Acknowledged writes to SQLite survive the process, which is killed while it saves.
func TestSQLiteSurvivesKill(t *testing.T) {
	if url := os.Getenv(killedEnv); url != "" {
		s := openURL(t, url)
		for {
			key := newKey()
			must(t, s.Save(t.Context(), key, 0, record("x")))
			fmt.Println("saved " + key.String())
		}
	}
	url := sqliteURL(t, "")
	for range 3 {
		program, err := os.Executable()
		must(t, err)
		cmd := exec.Command(program, "-test.run=^TestSQLiteSurvivesKill$")
		cmd.Env = append(os.Environ(), killedEnv+"="+url)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		time.AfterFunc(time.Second, func() { _ = cmd.Process.Kill() })
		var keys []driver.Key
		for in := bufio.NewScanner(out); in.Scan(); {
			var hex string
			if _, err := fmt.Sscanf(in.Text(), "saved %s", &hex); err != nil {
				continue
			}
			if key, err := driver.ParseKey(hex); err == nil { // the last line may be cut short
				keys = append(keys, key)
			}
		}
		_ = cmd.Wait() // killed
		if len(keys) == 0 {
			t.Fatal("nothing was saved")
		}
		s := openURL(t, url)
		for _, key := range keys {
			if _, err := s.Load(t.Context(), key); err != nil {
				t.Fatalf("%d were acknowledged; Load of %v: got error %v", len(keys), key, err)
			}
		}
		must(t, s.Close())
	}
}
