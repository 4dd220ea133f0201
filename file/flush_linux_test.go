package file

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func init() {
	// unflushed: the disk cannot store what was written to a log.
	children["unflushed"] = func(dir string, _ []string) error {
		disk, image := filepath.Join(dir, "disk"), filepath.Join(dir, "mem", "image")
		for _, d := range []string{disk, filepath.Dir(image)} {
			if err := os.Mkdir(d, 0o700); err != nil {
				return err
			}
		}
		err := unix.Mount("tmpfs", filepath.Dir(image), "tmpfs", 0, "size=6m,mode=0700")
		if err == nil {
			defer unmount(filepath.Dir(image))
			err = errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 64<<20),
				exec.Command("mkfs.ext4", "-q", "-O", "^has_journal", image).Run(),
				exec.Command("mount", "-o", "loop", image, disk).Run())
		}
		if err != nil {
			fmt.Println("skip:no disk in a file can be mounted: " + err.Error())
			return nil
		}
		defer unmount(disk)
		s, err := openDir(filepath.Join(disk, "data"), Options{Sync: true})
		if err != nil {
			return err
		}
		defer s.Close()
		rec := until(1 << 60)
		if err := s.Save(ctx, keyOf(1), 0, rec); err != nil {
			return err
		}
		log := s.expiry.kept.get(logAt(rec.Expires, s.now()), s.tree.trust)
		if log == nil {
			return errors.New("the log is not kept")
		}
		ballast, err := os.Create(filepath.Join(dir, "mem", "ballast"))
		if err != nil {
			return err
		}
		defer ballast.Close()
		for err == nil {
			_, err = ballast.Write(make([]byte, 4096))
		}
		// Another call has written lines, and not yet flushed them.
		if _, err := log.Write(make([]byte, 1<<20)); err != nil {
			return err
		}
		saveErr := s.Save(ctx, keyOf(2), 0, rec)
		if saveErr == nil {
			return errors.New("the log was flushed")
		}
		if err := log.Sync(); err != nil {
			return fmt.Errorf("the other call is told: %w", err)
		}
		if _, err := os.Lstat(s.completePath()); !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("the index is not rebuilt: %v, after %w", err, saveErr)
		}
		return nil
	}
}

// If a log that stays open cannot be flushed, the system tells only one of the calls
// that wrote to it. So the index is rebuilt.
func TestUnflushedLog(t *testing.T) { start(t, t.TempDir(), "unflushed").wait() }
