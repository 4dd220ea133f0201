//go:build unix

package driver

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const everyoneWrites = 0o002

// checkExposure returns an error if another user could replace dir or its
// contents. dir must be absolute and exist.
func checkExposure(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if info.Mode()&everyoneWrites != 0 && info.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("%s has mode %04o, so every user could replace its contents: "+
			"remove that permission (chmod o-w), or name a subdirectory such as %s, "+
			"which is created with mode 0700 (for example in a Kubernetes emptyDir)",
			dir, info.Mode().Perm(), filepath.Join(dir, "sessions"))
	}
	for parent := filepath.Dir(dir); parent != dir; dir, parent = parent, filepath.Dir(parent) {
		above, err := os.Stat(parent)
		if err != nil {
			return err
		}
		if above.Mode()&everyoneWrites == 0 {
			continue
		}
		entry, err := os.Lstat(dir) // not Stat: the owner of a link can replace it
		if err != nil {
			return err
		}
		st, ok := entry.Sys().(*syscall.Stat_t)
		if ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
			return fmt.Errorf("%s belongs to user %d, and every user can write to %s: "+
				"name a directory that the user of this program created (user %d)",
				dir, st.Uid, parent, os.Geteuid())
		}
	}
	return nil
}
