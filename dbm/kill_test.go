package dbm

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

const killKeys = 5

func init() {
	// saves writes and sweeps until it is killed, and prints each acknowledged
	// save.
	roles["saves"] = func(dir string, out io.Writer, _ *bufio.Scanner) error {
		s, err := openIn(dir, Options{})
		if err != nil {
			return err
		}
		for k := range killKeys {
			go func() {
				for {
					rec, err := s.Load(background, keyOf(k))
					n := 0
					if err == nil {
						n, err = numberOf(rec)
					} else if errors.Is(err, driver.ErrNotFound) {
						err = nil
					}
					if err == nil {
						err = s.Save(background, keyOf(k), rec.Version, recordOf(n+1, fmt.Sprint("user", n%3)))
					}
					if err != nil {
						fmt.Fprintln(out, "failed:", err)
						return
					}
					fmt.Fprintln(out, k, n+1)
				}
			}()
		}
		for n := 0; ; n++ { // sessions that expire at once, so that the indexes change
			rec := recordOf(n, "passing")
			rec.Expires = 1
			err := s.Save(background, keyOf(1000+n%50), 0, rec)
			if err == nil && n%20 == 0 {
				_, err = s.Sweep(background)
			}
			if err != nil {
				return err
			}
		}
	}
}

// TestKill kills a writing process at random moments. All acknowledged saves are in
// the file, every record is whole, and the next process does not wait.
func TestKill(t *testing.T) {
	t.Parallel()
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	dir := t.TempDir()
	var acknowledged [killKeys]int
	total := 0
	for round := range rounds {
		if round%4 == 0 {
			// In every fourth round the process creates the file.
			dir, acknowledged = t.TempDir(), [killKeys]int{}
		}
		p := start(t, "saves", dir)
		moment := rand.N(40 * time.Millisecond) // after the start of the process
		said := ""
		if round%8 > 0 {
			said = p.line()
			moment = rand.N(10 * time.Millisecond) // after the first save
		}
		time.AfterFunc(moment, func() { p.cmd.Process.Kill() })
		for more := true; more; said = p.out.Text() {
			var k, n int
			if _, err := fmt.Sscan(said, &k, &n); err == nil {
				acknowledged[k] = max(acknowledged[k], n)
				total++
			} else if strings.HasPrefix(said, "failed") {
				t.Fatal(said)
			}
			more = p.out.Scan()
		}
		p.cmd.Wait()

		began := time.Now()
		s, err := openIn(dir, Options{})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for k := range killKeys {
			rec, err := s.Load(background, keyOf(k))
			if errors.Is(err, driver.ErrNotFound) && acknowledged[k] == 0 {
				continue
			}
			if err != nil {
				t.Fatalf("round %d: %v, but save %d was acknowledged", round, err, acknowledged[k])
			}
			n, err := numberOf(rec)
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			if n != acknowledged[k] && n != acknowledged[k]+1 {
				t.Errorf("round %d: save %d is stored, %d was acknowledged", round, n, acknowledged[k])
			}
			acknowledged[k] = n
			must(t, s.Save(background, keyOf(k), rec.Version, recordOf(n, rec.Owner)))
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("round %d: opening and reading took %v", round, took)
		}
		if checkFile(t, s); t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
	t.Logf("%d processes killed, %d saves acknowledged", rounds, total)
}

// A process that waits for the file gets it when the one that has it open is killed.
func TestKillWhileAnotherProcessWorks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := opened(t, dir)
	must(t, s.Save(background, keyOf(killKeys), 0, recordOf(0, "")))
	for range 20 {
		p := start(t, "saves", dir)
		p.line()
		kill := time.AfterFunc(rand.N(10*time.Millisecond), func() { p.cmd.Process.Kill() })
		began := time.Now()
		for time.Since(began) < 20*time.Millisecond {
			must(t, increment(s, keyOf(killKeys)))
		}
		kill.Stop()
		p.cmd.Process.Kill()
		p.cmd.Wait()
	}
	checkFile(t, s)
}
