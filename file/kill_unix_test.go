//go:build unix

package file

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

// victims is the number of sessions that the process to be killed uses.
const victims = 4

// versioned returns the record with a version. Its data depends on the version, and
// is long enough to be cut.
func versioned(v driver.Version) driver.Record {
	rec := until(soon(time.Hour))
	rec.Version = v
	rec.Owner = fmt.Sprint("owner ", v%3)
	rec.Data = nil
	for random := rand.NewPCG(uint64(v), 0); len(rec.Data) < 6000; {
		rec.Data = binary.BigEndian.AppendUint64(rec.Data, random.Uint64())
	}
	return rec
}

func init() {
	// victim FIRST SYNC: save and delete sessions, with versions from FIRST on. Print
	// "?" and the call before each call, and "!" and the call after it.
	children["victim"] = func(dir string, args []string) error {
		first, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil {
			return err
		}
		s, err := openDir(dir, Options{Sync: args[1] == "true"})
		if err != nil {
			return err
		}
		for v := driver.Version(first); ; v++ {
			i := rand.IntN(victims)
			rec, err := s.Load(ctx, keyOf(i))
			if err != nil && !errors.Is(err, driver.ErrNotFound) {
				return err
			}
			op := "save"
			if rec.Version != 0 && rand.IntN(5) == 0 {
				op = "delete"
			}
			said := fmt.Sprintf("%d %s %d", i, op, v)
			fmt.Println("?", said)
			if op == "delete" {
				err = s.Delete(ctx, keyOf(i), rec.Version)
			} else {
				err = s.Save(ctx, keyOf(i), rec.Version, versioned(v))
			}
			if err != nil {
				return err
			}
			fmt.Println("!", said)
			// Sessions that expire soon give the sweep something to do.
			var brief driver.Key
			binary.BigEndian.PutUint64(brief[:], rand.Uint64())
			if err := s.Save(ctx, brief, 0, until(soon(time.Duration(v%9)*time.Millisecond))); err != nil {
				return err
			}
			if v%40 == 0 {
				if _, err := s.Sweep(ctx); err != nil {
					return err
				}
			}
		}
	}
}

func TestKilledAtRandomMoments(t *testing.T) {
	dir := t.TempDir()
	s, err := openDir(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var (
		want    [victims]driver.Version // the last one acknowledged; 0 if deleted
		acks    int
		unsure  int
		temps   int
		slowest time.Duration
	)
	const rounds = 220
	for round := range rounds {
		c := start(t, dir, fmt.Sprintf("victim %d %t", (round+1)*1_000_000, round%4 == 0))
		var asked, acknowledged string
		firstLine := make(chan struct{})
		go func() {
			<-firstLine
			time.Sleep(rand.N(12 * time.Millisecond))
			_ = c.cmd.Process.Kill()
		}()
		for n := 0; c.lines.Scan(); n++ {
			if n == 0 {
				close(firstLine)
			}
			line := c.lines.Text()
			var i int
			var op string
			var v driver.Version
			if _, err := fmt.Sscanf(line[2:], "%d %s %d", &i, &op, &v); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if line[0] == '?' {
				asked = line[2:]
				continue
			}
			acknowledged = line[2:]
			acks++
			want[i] = v
			if op == "delete" {
				want[i] = 0
			}
		}
		_ = c.cmd.Wait()
		if c.cmd.ProcessState.ExitCode() != -1 {
			t.Fatalf("the process ended before it was killed: %s", c.err.String())
		}
		// The last call may have completed.
		pending, outcome := -1, driver.Version(0)
		if asked != acknowledged {
			var op string
			unsure++
			fmt.Sscanf(asked, "%d %s %d", &pending, &op, &outcome)
			if op == "delete" {
				outcome = 0
			}
		}
		for i := range victims {
			if _, err := os.Stat(s.records.shard(keyOf(i).String()) + tempName); err == nil {
				temps++
			}
			bounded, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			began := time.Now()
			rec, err := s.Load(bounded, keyOf(i))
			if err != nil && !errors.Is(err, driver.ErrNotFound) {
				t.Fatalf("round %d: session %d: %v", round, i, err)
			}
			if rec.Version != want[i] && (i != pending || rec.Version != outcome) {
				t.Fatalf("round %d: session %d has version %d, %d was acknowledged; the last call: %s", round, i, rec.Version, want[i], asked)
			}
			if rec.Version != 0 && string(rec.Data) != string(versioned(rec.Version).Data) {
				t.Fatalf("round %d: session %d has other data", round, i)
			}
			// A killed process does not block others.
			next := versioned(driver.Version(round+1)*1_000_000 - 1 - driver.Version(i))
			if err := s.Save(bounded, keyOf(i), rec.Version, next); err != nil {
				t.Fatalf("round %d: Save after the kill: %v", round, err)
			}
			slowest = max(slowest, time.Since(began))
			cancel()
			want[i] = next.Version
			found := false
			for e, err := range s.Owned(t.Context(), next.Owner) {
				if err != nil {
					t.Fatal(err)
				}
				found = found || e.Key == keyOf(i)
			}
			if !found {
				t.Fatalf("round %d: session %d is missing in the owner index", round, i)
			}
		}
	}
	t.Logf("%d rounds, %d calls acknowledged, %d unacknowledged, %d unfinished files; Load and Save after a kill took at most %v", rounds, acks, unsure, temps, slowest)

	// Every record is in the expiry index, so the sweep removes all of them.
	late, c := open(t, dir)
	c.set(soon(2 * time.Hour))
	removed, err := late.Sweep(t.Context())
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d removed at the end", removed)
	if left := files(t, s.records.dir); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}
