package sessionstest

import (
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

var openCases = []testCase{
	{"open-without-a-directory", 0, "Open fails on an invalid configuration, including a missing DataDir.", nil, openWithoutDirectory},
	{"open-creates-its-directory", 0, "Open creates a missing DataDir that only its user can access.", nil, openCreatesDirectory},
	{"open-hides-secrets", 0, "an error of Open never quotes a password or a whole URL.", nil, openHidesSecrets},
}

// needsDirectory skips the case unless DataDir is a directory. A harness may use
// DataDir as a name only.
func (e *env) needsDirectory() {
	if info, err := os.Stat(e.cfg.DataDir); err != nil || !info.IsDir() {
		e.skip("Harness.Config returns no DataDir that is a directory")
	}
}

// openWithoutDirectory opens a store with neither URL nor DataDir. A store that
// opens anyway would keep its records in the working directory.
func openWithoutDirectory(e *env) {
	e.needsDirectory()
	if e.cfg.URL != "" {
		e.skip("the store has both a DataDir and a URL, and may need only one of them")
	}
	cfg := e.cfg
	cfg.DataDir = ""
	if s, err := e.suite.Driver.Open(e.ctx, cfg); err == nil {
		e.failf("Open with neither URL nor DataDir returned no error")
		e.close(s, "Close")
	}
}

func openCreatesDirectory(e *env) {
	e.needsDirectory()
	e.cfg.DataDir = filepath.Join(e.cfg.DataDir, "not", "there")
	s := e.open()
	rec := e.record("data")
	key := e.create(s, rec)
	e.holds(s, key, rec, "from a directory that Open created")
	info, err := os.Stat(e.cfg.DataDir)
	e.must(err, "stat of the directory that Open created")
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 { // Windows has no modes
		e.failf("Open created its DataDir with mode %#o, so that other users have access; want 0700", info.Mode().Perm())
	}
}

// openHidesSecrets opens stores with invalid URLs. A store may accept one of
// them. A store that uses no URL is tested too, since a program may be configured
// for another store.
func openHidesSecrets(e *env) {
	scheme := "redis"
	if u, err := url.Parse(e.cfg.URL); err == nil && u.Scheme != "" {
		scheme = u.Scheme
	}
	const secret = "hunter2"
	for _, rest := range []string{
		"://somebody:" + secret + "@%zz/",
		"://somebody:" + secret + "@host:port/",
		"://somebody:" + secret + "@[host/\x7f",
		"://somebody:%" + secret + "@host/",
		"://host/?password=" + secret + "&%zz",
	} {
		cfg := e.cfg
		cfg.URL = scheme + rest
		s, err := e.suite.Driver.Open(e.ctx, cfg)
		if err == nil {
			e.close(s, "Close of an unused store")
		} else if strings.Contains(err.Error(), secret) {
			e.failf("Open with an invalid URL returned the error %q, which contains the password", err)
		}
	}
}
