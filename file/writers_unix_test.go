//go:build unix

package file

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pump-go/sessions/driver"
)

var (
	manyReads = flag.Int("reads", 20_000, "how often TestReaderAndWriters reads")
	manyKills = flag.Int("kills", 20, "how many processes TestKilledUnderLoad kills")
)

// shared is the number of sessions that several processes write.
const shared = 4

// acknowledged returns the versions that were acknowledged, in memory that the
// processes share.
func acknowledged(path string) (*[shared]atomic.Int64, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.Truncate(4096); err != nil {
		return nil, err
	}
	b, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return (*[shared]atomic.Int64)(unsafe.Pointer(&b[0])), nil
}

func raise(v *atomic.Int64, to driver.Version) {
	for old := v.Load(); old < int64(to) && !v.CompareAndSwap(old, int64(to)); old = v.Load() {
	}
}

// sizeOf returns the size of the data with that version. mixed sizes do not always fit
// the slots.
func sizeOf(v driver.Version, size int) int {
	if size > 0 {
		return size
	}
	sizes := [...]int{100, 900, 1500, 2500, 900, 9000, 300, 70_000}
	return sizes[binary.BigEndian.AppendUint64(nil, uint64(v)*0x9e3779b97f4a7c15)[0]%byte(len(sizes))]
}

func init() {
	// raise ACKS SIZE N: raise the versions of the first N shared sessions by one at a
	// time, and record the acknowledged ones in the file ACKS. With size 0, the
	// records have mixed sizes.
	children["raise"] = func(dir string, args []string) error {
		acks, err := acknowledged(args[0])
		if err != nil {
			return err
		}
		size, _ := strconv.Atoi(args[1])
		n, _ := strconv.Atoi(args[2])
		s, err := openDir(dir, Options{})
		if err != nil {
			return err
		}
		for first := true; ; first = false {
			i := rand.IntN(n)
			rec, err := s.Load(ctx, keyOf(i))
			if err != nil {
				return err
			}
			if err := checkPattern(rec); err != nil {
				return err
			}
			next := patterned(rec.Version+1, sizeOf(rec.Version+1, size))
			err = s.Save(ctx, keyOf(i), rec.Version, next)
			if err == nil {
				raise(&acks[i], next.Version)
			} else if !errors.Is(err, driver.ErrConflict) {
				return err
			}
			if first {
				fmt.Println("ready")
			}
		}
	}
}

// startWriter starts a process that writes until it is killed, when it is writing.
func startWriter(t *testing.T, dir, acks string, size, n int) *child {
	c := start(t, dir, fmt.Sprintf("raise %s %d %d", acks, size, n))
	if !c.lines.Scan() {
		_ = c.cmd.Wait()
		t.Fatalf("a writer ended: %s", c.err.String())
	}
	return c
}

func kill(t *testing.T, c *child) {
	t.Helper()
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
	if c.cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("a writer ended before it was killed: %s", c.err.String())
	}
}

// readShared reads a session and returns an error unless it is whole and not older than
// what was acknowledged before.
func readShared(s *store, acks *[shared]atomic.Int64, i int) (newer bool, err error) {
	before := driver.Version(acks[i].Load())
	rec, err := s.Load(ctx, keyOf(i))
	if err == nil {
		err = checkPattern(rec)
	}
	if err == nil && rec.Version < before {
		err = fmt.Errorf("version %d, but %d was acknowledged", rec.Version, before)
	}
	return rec.Version > before, err
}

// A reader beside two writers in other processes finds each record whole, and never an
// older one than had been acknowledged when it began.
func TestReaderAndWriters(t *testing.T) {
	for _, size := range []int{1 << 10, 0, 200 << 10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			dir := quickDir(t)
			acks := filepath.Join(t.TempDir(), "acks")
			seen, err := acknowledged(acks)
			if err != nil {
				t.Fatal(err)
			}
			s, err := openDir(dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			save(t, s, keyOf(0), 0, patterned(1, 100))
			writers := []*child{startWriter(t, dir, acks, size, 1), startWriter(t, dir, acks, size, 1)}
			reads := *manyReads
			if size != 1<<10 {
				reads /= 20
			}
			newer := 0
			for range reads {
				n, err := readShared(s, seen, 0)
				if err != nil {
					t.Fatal(err)
				}
				if n {
					newer++
				}
			}
			for _, c := range writers {
				kill(t, c)
			}
			t.Logf("%d reads, %d writes; %d reads returned a newer record", reads, seen[0].Load(), newer)
		})
	}
}

// Processes that write the same sessions are killed at any moment. Nothing that was
// acknowledged is lost, no record is half, and the others go on.
func TestKilledUnderLoad(t *testing.T) {
	dir := t.TempDir()
	acks := filepath.Join(t.TempDir(), "acks")
	seen, err := acknowledged(acks)
	if err != nil {
		t.Fatal(err)
	}
	s, err := openDir(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range shared {
		save(t, s, keyOf(i), 0, patterned(1, 100))
	}
	var writers [3]*child
	for i := range writers {
		writers[i] = startWriter(t, dir, acks, 0, shared)
	}
	reads, torn := 0, 0
	for i := range *manyKills {
		for until := time.Now().Add(rand.N(20 * time.Millisecond)); time.Now().Before(until); reads++ {
			if _, err := readShared(s, seen, reads%shared); err != nil {
				t.Fatalf("after %d kills: %v", i, err)
			}
		}
		w := rand.IntN(len(writers))
		kill(t, writers[w])
		if i%3 == 0 { // all at once, to look at what they left
			for j, c := range writers {
				if j != w {
					kill(t, c)
				}
			}
			for j := range shared {
				if _, err := readShared(s, seen, j); err != nil {
					t.Fatalf("after %d kills: %v", i, err)
				}
				if b, err := os.ReadFile(pathOf(s, keyOf(j))); err != nil {
					t.Fatal(err)
				} else if a, b := parseSlot(b[:len(b)/2]), parseSlot(b[len(b)/2:]); a.torn() || b.torn() {
					torn++
				}
			}
			for j := range writers {
				if j != w {
					writers[j] = startWriter(t, dir, acks, 0, shared)
				}
			}
		}
		writers[w] = startWriter(t, dir, acks, 0, shared)
	}
	total := int64(0)
	for _, c := range writers {
		kill(t, c)
	}
	for i := range shared {
		if _, err := readShared(s, seen, i); err != nil {
			t.Error(err)
		}
		total += seen[i].Load()
		rec, _ := s.Load(ctx, keyOf(i))
		save(t, s, keyOf(i), rec.Version, patterned(rec.Version+1, 100)) // no lock is left behind
	}
	t.Logf("%d kills, %d writes acknowledged, %d reads, %d torn slots found", *manyKills, total, reads, torn)
}

// A copy by hard links that is made while processes write has all records whole, and
// stays as it is.
func TestCopyWhileProcessesWrite(t *testing.T) {
	dir, copies := t.TempDir(), t.TempDir()
	acks := filepath.Join(copies, "acks")
	seen, err := acknowledged(acks)
	if err != nil {
		t.Fatal(err)
	}
	s, err := openDir(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range shared {
		save(t, s, keyOf(i), 0, patterned(1, 100))
	}
	writers := []*child{startWriter(t, dir, acks, 900, shared), startWriter(t, dir, acks, 900, shared)}
	var least [200]driver.Version
	at := func(n int) string { return filepath.Join(copies, fmt.Sprint("copy", n)) }
	for n := range least {
		least[n] = driver.Version(seen[n%shared].Load())
		if err := os.Link(pathOf(s, keyOf(n%shared)), at(n)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(time.Millisecond))
	}
	for _, c := range writers {
		kill(t, c)
	}
	for n := range least {
		b, err := os.ReadFile(at(n))
		if err != nil {
			t.Fatal(err)
		}
		plant(t, s, keyOf(256), b)
		rec, err := s.Load(ctx, keyOf(256))
		if err == nil {
			err = checkPattern(rec)
		}
		if err != nil || rec.Version < least[n] {
			t.Fatalf("copy %d has version %d, %v; %d was acknowledged before it was made", n, rec.Version, err, least[n])
		}
	}
	t.Logf("%d copies, %d writes to the first session", len(least), seen[0].Load())
}
