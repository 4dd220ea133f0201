package file

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

var errURL = errors.New(`Options.URL must be "file:///dir", "file:dir" or "file:", alone or with "?sync=true"`)

// readURL sets the options in the URL, and returns the directory that it names, or
// "". It does not return the errors of url.Parse, because they quote the URL.
func (o *Options) readURL(s string) (dir string, err error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "file" || u.Host != "" && u.Host != "localhost" || u.User != nil || u.Fragment != "" {
		return "", errURL
	}
	dir = u.Path
	if u.Opaque != "" {
		if dir, err = url.PathUnescape(u.Opaque); err != nil {
			return "", errURL
		}
	}
	if strings.ContainsRune(dir, 0) {
		return "", errURL
	}
	if runtime.GOOS == "windows" && len(dir) > 2 && dir[0] == '/' && dir[2] == ':' {
		dir = dir[1:] // file:///C:/dir
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", errURL
	}
	for name, values := range query {
		if name != "sync" {
			return "", fmt.Errorf("Options.URL has the unknown parameter %.40q; the only one is sync", name)
		}
		on, err := strconv.ParseBool(values[0])
		if err != nil || len(values) > 1 {
			return "", errors.New("sync in Options.URL must be true or false, once")
		}
		o.Sync = on
	}
	return filepath.FromSlash(dir), nil
}
