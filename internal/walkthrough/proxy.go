package walkthrough

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const module = "github.com/pump-go/sessions"

// Environment returns the variables for a go command that gets modules from the
// proxy and keeps them in the directory cache.
func Environment(proxy, cache string) []string {
	return []string{
		"GOMODCACHE=" + cache,
		"GOPROXY=" + proxy,
		// -modcacherw: a test's directory can be removed; -trimpath: what is compiled
		// is found again in the build cache; -w: linking takes half as long.
		"GOFLAGS=-modcacherw -trimpath -ldflags=-w",
		"GOSUMDB=off", // ours are in no checksum database
		"GONOSUMDB=", "GOPRIVATE=", "GONOPROXY=", "GOWORK=off", "GOTOOLCHAIN=local",
	}
}

// published returns the directories of the modules that users get.
func published(t *testing.T, root string) []string {
	t.Helper()
	out, err := exec.Command(filepath.Join(root, ".ci", "modules"), "list", "published").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

// Publish makes a module proxy of directories: one with our modules as they are in
// the working tree at root, at the version by which they require each other. Behind
// it are the machine's own cache, and the proxy that the machine uses.
func Publish(t *testing.T, root string) (proxy, version string) {
	t.Helper()
	gowork, err := os.ReadFile(filepath.Join(root, "go.work"))
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(regexp.QuoteMeta(module) + ` (v\S+) =>`).FindSubmatch(gowork)
	if match == nil {
		t.Fatal("go.work does not name the version")
	}
	version = string(match[1])
	dir := t.TempDir()
	for _, sub := range published(t, root) {
		path := module
		if sub != "." {
			path += "/" + sub
		}
		at := filepath.Join(dir, filepath.FromSlash(path), "@v")
		if err := os.MkdirAll(at, 0o700); err != nil {
			t.Fatal(err)
		}
		gomod, err := os.ReadFile(filepath.Join(root, sub, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{
			"list":            version + "\n",
			version + ".info": fmt.Sprintf(`{"Version":%q,"Time":"2026-01-01T00:00:00Z"}`, version),
			version + ".mod":  string(gomod),
		} {
			if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := pack(filepath.Join(at, version+".zip"), filepath.Join(root, sub), path+"@"+version); err != nil {
			t.Fatal(err)
		}
	}
	env := goEnv(t, "GOMODCACHE", "GOPROXY")
	cache := filepath.Join(env[0], "cache", "download")
	return fileURL(dir) + "," + fileURL(cache) + "," + env[1], version
}

func goEnv(t *testing.T, names ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

func fileURL(dir string) string {
	dir = filepath.ToSlash(dir)
	if !strings.HasPrefix(dir, "/") {
		dir = "/" + dir // C:/…
	}
	return "file://" + dir
}

// pack writes a module's zip file (https://go.dev/ref/mod#zip-files): all files,
// without those of modules below and of version control.
func pack(to, from, prefix string) error {
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	defer file.Close()
	archive := zip.NewWriter(file)
	err = filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != from {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil || d.Name() == ".git" {
				return filepath.SkipDir
			}
		}
		if !d.Type().IsRegular() || d.Name() == ".git" { // a file, in a worktree
			return nil
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		w, err := archive.Create(prefix + "/" + filepath.ToSlash(name))
		if err != nil {
			return err
		}
		content, err := os.Open(path)
		if err != nil {
			return err
		}
		defer content.Close()
		_, err = io.Copy(w, content)
		return err
	})
	if err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return file.Close()
}
