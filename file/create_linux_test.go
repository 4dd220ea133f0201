package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func init() {
	// unremovable: a new session's file can be created, but neither written nor
	// removed.
	children["unremovable"] = func(dir string, _ []string) error {
		signal.Ignore(syscall.SIGXFSZ)
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
		name := p.key.String()
		if err := appendOnly(p.s.records.shard(name)); err != nil {
			fmt.Println("skip:a directory cannot be made append-only: " + err.Error())
			return nil
		}
		if err := limit(unix.RLIMIT_FSIZE, 1000); err != nil {
			return err
		}
		name = name[:len(name)-4] + "9999"
		err = p.s.records.create(name, make([]byte, 2*minSlot), false)
		if !errors.Is(err, unix.EFBIG) || errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("creating returned %w", err)
		}
		if _, err := os.Lstat(p.s.records.file(name)); err != nil {
			return fmt.Errorf("the file was removed, so this is no test: %w", err)
		}
		return nil
	}
}

// appendOnly makes a directory one in which nothing can be removed.
func appendOnly(dir string) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, unix.STATX_ATTR_APPEND)
}

// If a file cannot be written and not be removed, the error is that of writing. It must
// not seem that another call created it: that would be driver.ErrConflict.
func TestUnwrittenFileStays(t *testing.T) { start(t, t.TempDir(), "unremovable").wait() }
