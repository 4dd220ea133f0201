//go:build unix

package driver

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

func TestMakeDataDirIgnoresTheUmask(t *testing.T) {
	base := t.TempDir()
	for _, mask := range []int{0, 0o777} {
		old := syscall.Umask(mask)
		dir, err := MakeDataDir(filepath.Join(base, "a", "b", string(rune('0'+mask%7))))
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []string{dir, filepath.Dir(dir)} {
			if m := mode(t, d); m != fs.ModeDir|0o700 {
				t.Errorf("umask %o: %s has mode %v", mask, d, m)
			}
		}
	}
}

func TestMakeDataDirResolvesLinks(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	real, link := filepath.Join(base, "real"), filepath.Join(base, "link")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	if _, err := MakeDataDir(link); err == nil {
		t.Error("a dangling link was accepted")
	}
	if _, err := MakeDataDir(real); err != nil {
		t.Fatal(err)
	}
	t.Chdir(base)
	for _, dir := range []string{link, "real", "link/../real/."} {
		if got, err := MakeDataDir(dir); err != nil || got != real {
			t.Errorf("%s: %s, %v", dir, got, err)
		}
	}
}

func TestMakeDataDirRejectsReplaceableDirectories(t *testing.T) {
	type step func(base string) error
	dir := func(name string, mode fs.FileMode, uid int) step {
		return func(base string) error {
			path := filepath.Join(base, name)
			if err := os.Mkdir(path, 0o700); err != nil {
				return err
			}
			if err := os.Chmod(path, mode); err != nil || uid == 0 {
				return err
			}
			return os.Chown(path, uid, uid)
		}
	}
	link := func(to, name string, uid int) step {
		return func(base string) error {
			if err := os.Symlink(filepath.Join(base, to), filepath.Join(base, name)); err != nil || uid == 0 {
				return err
			}
			return os.Lchown(filepath.Join(base, name), uid, uid)
		}
	}
	const sticky, other = fs.ModeSticky, 65534
	for _, c := range []struct {
		what  string
		steps []step
		dir   string
		want  string // part of the error, or "" for none
		root  bool   // the steps need root
	}{
		{"mode 0755", []step{dir("d", 0o755, 0)}, "d", "", false},
		{"mode 0770", []step{dir("d", 0o770, 0)}, "d", "", false},
		{"mode 0777", []step{dir("d", 0o777, 0)}, "d", "d/sessions", false},
		{"mode 0702", []step{dir("d", 0o702, 0)}, "d", "emptyDir", false},
		{"mode 1777", []step{dir("d", sticky|0o777, 0)}, "d", "", false},
		{"setgid, mode 2777", []step{dir("d", fs.ModeSetgid|0o777, 0)}, "d", "chmod o-w", false},
		{"a link to mode 0777", []step{dir("d", 0o777, 0), link("d", "l", 0)}, "l", "mode 0777", false},
		{"missing, in mode 0777", []step{dir("d", 0o777, 0)}, "d/own/sessions", "", false},
		{"own, in mode 0777", []step{dir("d", 0o777, 0), dir("d/own", 0o755, 0)}, "d/own", "", false},
		{"another user's, in mode 0777", []step{dir("d", 0o777, 0), dir("d/x", 0o755, other)}, "d/x", "belongs to user 65534", true},
		{"below another user's, in mode 0777", []step{dir("d", 0o777, 0), dir("d/x", 0o755, other)}, "d/x/sessions", "belongs to user 65534", true},
		{"another user's, in mode 1777", []step{dir("d", sticky|0o777, 0), dir("d/x", 0o755, other)}, "d/x", "belongs to user 65534", true},
		{"another user's link, in mode 1777", []step{dir("d", sticky|0o777, 0), dir("own", 0o700, 0), link("own", "d/l", other)}, "d/l", "belongs to user 65534", true},
		{"another user's, in mode 0755", []step{dir("d", 0o755, 0), dir("d/x", 0o755, other)}, "d/x", "", true},
	} {
		t.Run(c.what, func(t *testing.T) {
			if c.root && os.Geteuid() != 0 {
				t.Skip("changing a file's owner requires root")
			}
			base := t.TempDir()
			for _, step := range c.steps {
				if err := step(base); err != nil {
					t.Fatal(err)
				}
			}
			_, err := MakeDataDir(filepath.Join(base, c.dir))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestMakeDataDirNotADirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		if _, err := MakeDataDir(dir); err == nil {
			t.Errorf("%s was accepted", dir)
		}
	}
}
