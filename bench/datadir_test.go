package bench

import (
	"flag"
	"os"
	"testing"
)

// onDisk is false while inMemory has effect.
var onDisk = true

var left = flag.String("left", "", "a folder where the libraries' files are left; otherwise they are removed after each benchmark")

// dataDir returns an empty directory for a library's files.
//
// With -left, the benchmark does not remove it: to create a file, ext4 looks at all
// inodes nearby that were freed in the last minutes, because it does not use them
// again so soon. So what one benchmark removes makes the next one slower, up to ten
// times.
func dataDir(tb testing.TB) string {
	if *left == "" || !onDisk {
		return tb.TempDir()
	}
	dir, err := os.MkdirTemp(*left, "")
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}
