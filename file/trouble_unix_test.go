//go:build unix

package file

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pump-go/sessions/driver"
)

// faultTest is a store to which a fault happens, with one session that must not be
// lost.
type faultTest struct {
	s   *store
	key driver.Key
	rec driver.Record
}

func newFaultTest(dir string) (*faultTest, error) {
	s, err := openDir(dir, Options{})
	if err != nil {
		return nil, err
	}
	p := &faultTest{s: s, key: keyOf(1), rec: until(1 << 60)}
	return p, s.Save(ctx, p.key, 0, p.rec)
}

// next returns the next version of the record, with size bytes of data.
func (p *faultTest) next(size int) driver.Record {
	rec := p.rec
	rec.Version++
	rec.Data = bytes.Repeat([]byte("x"), size)
	return rec
}

// unchanged returns an error unless the session is as it was last saved and no
// unfinished file is left.
func (p *faultTest) unchanged() error {
	rec, err := p.s.Load(ctx, p.key)
	if err != nil || rec.Version != p.rec.Version || !bytes.Equal(rec.Data, p.rec.Data) {
		return fmt.Errorf("the old record: %v, version %d", err, rec.Version)
	}
	left, err := filepath.Glob(filepath.Join(p.s.records.dir, "*", tempName))
	if err != nil || len(left) != 0 {
		return fmt.Errorf("left: %q, %v", left, err)
	}
	return nil
}

// fails returns an error unless err is want and names the file.
func fails(what string, err, want error) error {
	if !errors.Is(err, want) || !strings.HasPrefix(err.Error(), "file: ") || !strings.Contains(err.Error(), "/") {
		return fmt.Errorf("%s returned %v, want %v in an error that names the file", what, err, want)
	}
	return nil
}

// recovers returns an error unless every call works again.
func (p *faultTest) recovers(size int) error {
	next := p.next(size)
	if err := p.s.Save(ctx, p.key, p.rec.Version, next); err != nil {
		return fmt.Errorf("saving after the fault: %w", err)
	}
	p.rec = next
	if err := p.s.Save(ctx, keyOf(3), 0, until(1<<60)); err != nil {
		return fmt.Errorf("creating after the fault: %w", err)
	}
	if err := p.s.Delete(ctx, keyOf(3), 0); err != nil {
		return fmt.Errorf("deleting after the fault: %w", err)
	}
	if _, err := p.s.Sweep(ctx); err != nil {
		return fmt.Errorf("sweeping after the fault: %w", err)
	}
	return p.unchanged()
}

// runSteps runs the steps of a case until one fails.
func runSteps(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func limit(resource int, soft uint64) error {
	var r unix.Rlimit
	if err := unix.Getrlimit(resource, &r); err != nil {
		return err
	}
	r.Cur = atMost(soft, r.Max)
	return unix.Setrlimit(resource, &r)
}

// atMost returns the lower one. The type of a limit differs between systems.
func atMost[T int64 | uint64](n uint64, max T) T { return T(min(n, uint64(max))) }

func init() {
	// fsize: no file can grow beyond a limit.
	children["fsize"] = func(dir string, _ []string) error {
		signal.Ignore(syscall.SIGXFSZ)
		p, err := newFaultTest(dir)
		if err != nil {
			return err
		}
		defer p.s.Close()
		return runSteps(
			func() error { return limit(unix.RLIMIT_FSIZE, 100) },
			func() error {
				return fails("Save", p.s.Save(ctx, p.key, p.rec.Version, p.next(5000)), unix.EFBIG)
			},
			p.unchanged,
			// This leaves half a line in the expiry log.
			func() error { return fails("creating", p.s.Save(ctx, keyOf(2), 0, p.next(1)), unix.EFBIG) },
			p.unchanged,
			func() error { return limit(unix.RLIMIT_FSIZE, 1<<40) },
			func() error { return p.recovers(5000) },
			func() error { return p.s.Save(ctx, keyOf(2), 0, until(1<<60)) },
			func() error {
				// The line that follows the half one is read.
				late := *p
				s, err := openLate(dir)
				if err != nil {
					return err
				}
				late.s = s
				n, err := s.Sweep(ctx)
				if err != nil || n != 2 {
					return fmt.Errorf("swept %d of 2, %v", n, err)
				}
				return s.Close()
			},
		)
	}

	// full: the disk is full.
	children["full"] = func(dir string, _ []string) error {
		if err := mountSmall(dir); err != nil {
			fmt.Println("skip:no small disk can be mounted: " + err.Error())
			return nil
		}
		defer unmount(dir)
		p, err := newFaultTest(filepath.Join(dir, "data"))
		if err != nil {
			return err
		}
		defer p.s.Close()
		ballast := filepath.Join(dir, "ballast")
		return runSteps(
			func() error { // fill it to the last byte
				f, err := os.Create(ballast)
				if err != nil {
					return err
				}
				defer f.Close()
				for err == nil {
					_, err = f.Write(make([]byte, 4096))
				}
				if !errors.Is(err, unix.ENOSPC) {
					return err
				}
				return nil
			},
			func() error {
				return fails("Save", p.s.Save(ctx, p.key, p.rec.Version, p.next(5000)), unix.ENOSPC)
			},
			p.unchanged,
			func() error { return fails("creating", p.s.Save(ctx, keyOf(2), 0, p.next(5000)), unix.ENOSPC) },
			p.unchanged,
			func() error { // what fits the slots needs no space
				for range 10 {
					next := p.next(1000)
					if err := p.s.Save(ctx, p.key, p.rec.Version, next); err != nil {
						return fmt.Errorf("a write in place: %w", err)
					}
					p.rec = next
				}
				return p.unchanged()
			},
			func() error { return os.Remove(ballast) },
			func() error { return p.recovers(5000) },
		)
	}

	// readonly: the disk becomes read-only, as after a disk error.
	children["readonly"] = func(dir string, _ []string) error {
		if err := mountSmall(dir); err != nil {
			fmt.Println("skip:no small disk can be mounted: " + err.Error())
			return nil
		}
		defer unmount(dir)
		p, err := newFaultTest(filepath.Join(dir, "data"))
		if err != nil {
			return err
		}
		defer p.s.Close()
		return runSteps(
			func() error { // which is refused while a file is open for writing
				p.s.expiry.kept.close()
				p.s.locks.close()
				return setReadOnly(dir, true)
			},
			func() error { return fails("Save", p.s.Save(ctx, p.key, 1, p.next(5000)), unix.EROFS) },
			func() error { return fails("Touch", p.s.Touch(ctx, p.key, p.rec), unix.EROFS) },
			func() error { return fails("Delete", p.s.Delete(ctx, p.key, 0), unix.EROFS) },
			func() error { return fails("creating", p.s.Save(ctx, keyOf(2), 0, until(1<<61)), unix.EROFS) },
			p.unchanged,
			func() error { return setReadOnly(dir, false) },
			func() error { return p.recovers(5000) },
		)
	}

	// modes: the modes of the store's directories are changed.
	children["modes"] = func(dir string, _ []string) error {
		if err := unprivileged(dir); err != nil {
			return err
		}
		p, err := newFaultTest(dir)
		if err != nil {
			return err
		}
		defer p.s.Close()
		for _, d := range []string{p.s.records.dir, p.s.records.shard(p.key.String()), p.s.expiry.dir, p.s.owners.dirs.dir, p.s.locks.dir} {
			for _, mode := range []os.FileMode{0, 0o500, 0o777} {
				if err := os.Chmod(d, mode); err != nil {
					return err
				}
				if err := runSteps(p.unchanged, func() error { return p.recovers(5000) }); err != nil {
					return fmt.Errorf("%s with mode %o: %w", d, mode, err)
				}
			}
		}
		return nil
	}

	// files: no file can be opened.
	children["files"] = func(dir string, _ []string) error {
		p, err := newFaultTest(dir)
		if err != nil {
			return err
		}
		defer p.s.Close()
		if err := limit(unix.RLIMIT_NOFILE, 64); err != nil {
			return err
		}
		var held []int
		for {
			fd, err := unix.Open(os.DevNull, unix.O_RDONLY, 0)
			if err != nil {
				break
			}
			held = append(held, fd)
		}
		if len(held) == 0 {
			return errors.New("not even the first file could be opened")
		}
		release := func(n int) {
			for ; n > 0; n-- {
				unix.Close(held[len(held)-1])
				held = held[:len(held)-1]
			}
		}
		return runSteps(
			func() error {
				_, err := p.s.Load(ctx, p.key)
				return fails("Load", err, unix.EMFILE)
			},
			func() error { return fails("Save", p.s.Save(ctx, p.key, 1, p.next(5000)), unix.EMFILE) },
			func() error { return fails("Delete", p.s.Delete(ctx, p.key, 0), unix.EMFILE) },
			func() error {
				_, err := p.s.Sweep(ctx)
				return fails("Sweep", err, unix.EMFILE)
			},
			func() error {
				for _, err := range p.s.All(ctx) {
					return fails("All", err, unix.EMFILE)
				}
				return errors.New("All yielded nothing")
			},
			func() error { release(1); return nil }, // enough for a lock, or for a record
			func() error { return fails("creating", p.s.Save(ctx, keyOf(2), 0, p.next(5000)), unix.EMFILE) },
			func() error { release(1); return nil }, // the lock stays open
			p.unchanged,
			func() error { release(len(held)); return nil },
			func() error { return p.recovers(5000) },
		)
	}
}

// openLate opens the store in dir with a clock by which all sessions have expired.
func openLate(dir string) (*store, error) {
	c := &clock{}
	c.set(1<<60 + day)
	s, err := New(Options{}).Open(ctx, driver.Config{DataDir: dir, SweepInterval: -1, Now: c.Now})
	if err != nil {
		return nil, err
	}
	return s.(*store), nil
}

func TestFileSizeLimit(t *testing.T)    { start(t, t.TempDir(), "fsize").wait() }
func TestFullDisk(t *testing.T)         { start(t, t.TempDir(), "full").wait() }
func TestReadOnlyDisk(t *testing.T)     { start(t, t.TempDir(), "readonly").wait() }
func TestModesChanged(t *testing.T)     { start(t, publicDir(t), "modes").wait() }
func TestTooManyOpenFiles(t *testing.T) { start(t, t.TempDir(), "files").wait() }
