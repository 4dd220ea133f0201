package file

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pump-go/sessions/driver"
)

// expiry is the index by expiry: logs of lines, each an instant and the key of
// a record to look at then.
//
// For each record there is a line with an instant that is not after its expiry.
// So a record needs a line when it is created and when its expiry comes nearer;
// when it is put off, the line that is there will do, and the sweep writes
// another in time.
type expiry struct {
	tree *tree
	dir  string
}

func newExpiry(t *tree, dir string) *expiry { return &expiry{tree: t, dir: dir} }

const (
	logSuffix = ".log"
	// complete is the file whose presence says that no record lacks a line.
	complete = "complete"
	minute   = driver.Millis(time.Minute / time.Millisecond)
	day      = driver.Millis(24 * time.Hour / time.Millisecond)
)

// logOf names the log for an instant, by the instant from which it has to be
// read: the minute's beginning, or the day's for one that is far off. A day's
// lines go to their minutes when it comes. So there are some 1,440 logs and one
// for each day to come, at most.
func logOf(at, now driver.Millis) string {
	width := minute
	if at-now > day {
		width = day
	}
	begin := at - at%width
	if begin > at {
		begin -= width // before 1970
	}
	return strconv.FormatInt(int64(begin), 10) + logSuffix
}

// due tells whether the log with that name has to be read. Other files are not.
func due(name string, now driver.Millis) bool {
	begin, ok := strings.CutSuffix(name, logSuffix)
	at, err := strconv.ParseInt(begin, 10, 64)
	return ok && err == nil && driver.Millis(at) <= now
}

// A line is the instant in 16 hex digits, a space, the key, and a newline.
const lineSize = 16 + 1 + 2*len(driver.Key{}) + 1

func appendLine(b []byte, key string, at driver.Millis) []byte {
	digits := strconv.FormatUint(uint64(at), 16)
	b = append(b, "0000000000000000"[len(digits):]...)
	b = append(b, digits...)
	b = append(b, ' ')
	b = append(b, key...)
	return append(b, '\n')
}

// parseLine reads a line without its newline. What a writer left in front of it
// that died, or found the disk full, is passed over; that writer wrote no
// record.
func parseLine(line string) (key driver.Key, at driver.Millis, ok bool) {
	const size = lineSize - 1
	if len(line) < size {
		return key, 0, false
	}
	line = line[len(line)-size:]
	bits, err := strconv.ParseUint(line[:16], 16, 64)
	key, err2 := driver.ParseKey(line[17:])
	return key, driver.Millis(bits), err == nil && err2 == nil && line[16] == ' '
}

// splitLines is a bufio.SplitFunc for lines that may have any amount of
// something else in front, such as the zeros that a loss of power can leave.
func splitLines(data []byte, _ bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	return max(0, len(data)-lineSize), nil, nil
}

// add writes a line. The caller holds the lock of the record's directory, and
// keeps it until the record is written; see store.claim.
func (x *expiry) add(key string, at, now driver.Millis) error {
	return x.append(logOf(at, now), appendLine(make([]byte, 0, lineSize), key, at))
}

// append appends whole lines to the log with that name, in one write.
func (x *expiry) append(name string, lines []byte) error {
	path := filepath.Join(x.dir, name)
	const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE
	f, err := openFile(path, flags, x.tree.trust)
	if errors.Is(err, fs.ErrNotExist) {
		if err := x.tree.ensure(x.dir); err != nil {
			return err
		}
		f, err = openFile(path, flags, x.tree.trust)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(lines)
	if err == nil && x.tree.sync {
		if err = f.Sync(); err == nil {
			err = syncDir(x.dir)
		}
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
