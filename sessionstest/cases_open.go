package sessionstest

import (
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

var openCases = []testCase{
	{"open-without-a-directory", 0, "a fault in the configuration, a missing DataDir too, is an error of Open.", nil, openWithoutDirectory},
	{"open-makes-its-directory", 0, "a DataDir that is missing is made, for its user alone.", nil, openMakesDirectory},
	{"open-hides-secrets", 0, "an error of Open never quotes a password or a whole URL.", nil, openHidesSecrets},
}

// needsDirectory skips the case unless DataDir is a directory. A harness may
// use it as a mere name for what its driver finds by it.
func (e *env) needsDirectory() {
	if info, err := os.Stat(e.cfg.DataDir); err != nil || !info.IsDir() {
		e.skip("Config gives no DataDir that is a directory")
	}
}

// openWithoutDirectory leaves out all that says where the records are to be. A
// store that opens all the same would keep them in the working directory.
func openWithoutDirectory(e *env) {
	e.needsDirectory()
	if e.cfg.URL != "" {
		e.skip("the store has a DataDir and a URL: which of them it needs is its own affair")
	}
	cfg := e.cfg
	cfg.DataDir = ""
	if s, err := e.suite.Driver.Open(e.ctx, cfg); err == nil {
		e.failf("Open with neither URL nor DataDir gave no error")
		e.close(s, "Close")
	}
}

func openMakesDirectory(e *env) {
	e.needsDirectory()
	e.cfg.DataDir = filepath.Join(e.cfg.DataDir, "not", "there")
	s := e.open()
	rec := e.record("data")
	key := e.create(s, rec)
	e.holds(s, key, rec, "from a directory that was missing")
	info, err := os.Stat(e.cfg.DataDir)
	e.must(err, "looking at the directory that Open made")
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 { // Windows has no modes
		e.failf("Open made its DataDir with mode %#o: other users may look into it, want 0700", info.Mode().Perm())
	}
}

// openHidesSecrets gives URLs that nothing can be made of. Whether a store
// takes one of them is its own affair, and a store that has no URL at all is
// given one by a program that was configured for another.
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
			e.close(s, "Close of a store that was not used")
		} else if strings.Contains(err.Error(), secret) {
			e.failf("Open with a URL that is at fault gave the error %q, in which the password is", err)
		}
	}
}
