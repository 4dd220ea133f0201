package file

import (
	"os"
	"time"

	"github.com/natefinch/atomic"
)

// replace puts a file with these bytes under that name into dir, in one step:
// whoever opens the name gets the old file or the new one. The caller holds the
// lock of dir, which ends in a separator.
func replace(dir, name string, b []byte, sync bool) error {
	temp := dir + unfinished
	if err := writeNew(temp, b, sync); err != nil {
		return err
	}
	err := atomic.ReplaceFile(temp, dir+name)
	for tries := 0; busy(err) && tries < 100; tries++ {
		time.Sleep(time.Millisecond)
		err = atomic.ReplaceFile(temp, dir+name)
	}
	if err != nil {
		_ = os.Remove(temp) // the error is told already
		return err
	}
	if sync {
		return syncDir(dir)
	}
	return nil
}

// clearUnfinished removes what a process left that died while it wrote. Nobody
// alive is writing it: the caller holds the lock of dir.
func clearUnfinished(dir string) error {
	return ignoreAbsent(os.Remove(dir + unfinished))
}
