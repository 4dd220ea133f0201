package bench

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// rawOverwritten is one file per session, overwritten in place after a comparison under
// a lock, and with sync also flushed to the disk. It leaves out what makes that safe:
// after a crash a file may have half of the bytes, and a reader may see them.
type rawOverwritten struct {
	dir  string
	sync bool
}

func rawInPlace(sync bool) func(testing.TB) app {
	return func(tb testing.TB) app { return rawApp(rawOverwritten{dataDir(tb), sync}) }
}

func (s rawOverwritten) load(cookie string) (stored, error) { return rawFiles{s.dir}.load(cookie) }

func (s rawOverwritten) save(cookie string, old stored, b []byte) (_ string, err error) {
	flags := os.O_RDWR
	if old.isNew() {
		flags |= os.O_CREATE | os.O_EXCL
	}
	f, err := os.OpenFile(filepath.Join(s.dir, cookie), flags, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }() // which unlocks it
	fd := int(f.Fd())
	if !old.isNew() {
		if err := syscall.Flock(fd, syscall.LOCK_EX); err != nil {
			return "", err
		}
		version := make([]byte, 8)
		if _, err := f.ReadAt(version, 0); err != nil {
			return "", err
		}
		if !bytes.Equal(version, old.version()) {
			return "", errConflict
		}
	}
	if _, err := f.WriteAt(b, 0); err != nil {
		return "", err
	}
	if s.sync {
		if err := syscall.Fdatasync(fd); err != nil {
			return "", err
		}
		if old.isNew() {
			return cookie, s.syncDir()
		}
	}
	return cookie, nil
}

func (s rawOverwritten) syncDir() error {
	d, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
