package file

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pump-go/sessions/driver"
)

// expiry is the index by expiry: logs of lines, each an instant and the key of
// a record to look at then.
//
// For each record there is a line with an instant that is not after its expiry.
// So a record needs a new line when it is created and when its expiry is moved
// forward. When the expiry is postponed, the existing line is enough: the sweep
// writes another one when it gets there.
type expiry struct {
	tree   *tree
	dir    string
	kept   keptLogs
	warned sync.Map // paths of logs that cannot be written to
}

func newExpiry(t *tree, dir string) *expiry { return &expiry{tree: t, dir: dir} }

const (
	logSuffix = ".log"
	minute    = driver.Millis(time.Minute / time.Millisecond)
	day       = driver.Millis(24 * time.Hour / time.Millisecond)
)

// logAt returns when the log for an instant has to be read: at the beginning of
// its minute, or of its day if that is more than a day away. When the day comes,
// its lines move to logs of minutes. So there are at most some 1,440 logs and one
// for each day to come.
func logAt(at, now driver.Millis) driver.Millis {
	width := minute
	if at-now > day {
		width = day
	}
	begin := at - at%width
	if begin > at {
		begin -= width // before 1970
	}
	return begin
}

// logName returns the name of the log that is read from begin on. Alternative logs
// are used if something else has the name of the first.
func logName(begin driver.Millis, alternative int) string {
	name := strconv.FormatInt(int64(begin), 10)
	if alternative > 0 {
		name += "." + strconv.Itoa(alternative)
	}
	return name + logSuffix
}

// isDue reports whether the file with that name is a log that has to be read.
func isDue(name string, now driver.Millis) bool {
	name, ok := strings.CutSuffix(name, logSuffix)
	begin, _, _ := strings.Cut(name, ".")
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

// parseLine parses a line without its newline. It ignores what precedes the line,
// which is part of another line whose writer was killed, or found the disk full,
// before it wrote its record.
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

// splitLines is a bufio.SplitFunc for lines that may be preceded by any number of
// other bytes, such as the zeros that a power failure can leave.
func splitLines(data []byte, _ bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	return max(0, len(data)-lineSize), nil, nil
}

// add writes a line. The caller holds the lock of the record's directory until
// the record is written; see store.claimLogs.
func (x *expiry) add(key string, at, now driver.Millis) error {
	return x.append(logAt(at, now), appendLine(make([]byte, 0, lineSize), key, at))
}

// maxAlternatives is how many files may take the place of one log.
const maxAlternatives = 10

// append appends whole lines to the log for begin, in one write. If a log with
// that name is not the store's, or cannot be written to, another one takes the
// lines: a new session must not fail because of it. The sweep sets it aside.
func (x *expiry) append(begin driver.Millis, lines []byte) error {
	if f := x.kept.get(begin, x.tree.trust); f != nil {
		if err := x.write(f, lines); !errors.Is(err, os.ErrClosed) {
			return err
		}
	}
	if err := x.tree.ensure(x.dir); err != nil {
		return err
	}
	var first error
	for i := range maxAlternatives {
		path := filepath.Join(x.dir, logName(begin, i))
		f, err := openFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, x.tree.trust)
		switch {
		case err == nil:
			if err = x.appendTo(f, lines); err == nil && i == 0 {
				x.kept.keep(begin, path, f)
				return nil
			}
			if e := f.Close(); err == nil {
				err = e
			}
			return err
		case !isUnusable(err):
			return err
		case first == nil:
			first = err
		}
		if _, err := os.Lstat(path); err != nil {
			return first // it is the directory that cannot be written to
		}
		if _, warned := x.warned.LoadOrStore(path, true); !warned {
			x.tree.log.Warn("sessions: an expiry log cannot be written to; another one is used", "error", err)
		}
	}
	return first
}

// isUnusable reports whether the error of opening a log is the fault of that log
// alone.
func isUnusable(err error) bool { return isForeign(err) || errors.Is(err, fs.ErrPermission) }

// appendTo writes to a log that was opened, and perhaps created.
func (x *expiry) appendTo(f *os.File, lines []byte) error {
	err := x.write(f, lines)
	if err == nil && x.tree.sync {
		err = syncDir(x.dir)
	}
	return err
}

func (x *expiry) write(f *os.File, lines []byte) error {
	_, err := f.Write(lines)
	if err != nil || !x.tree.sync {
		return err
	}
	if err = f.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
		// The system reports it once for an open file, and other calls may have lines
		// in this one. So the next sweep rebuilds the index.
		_ = os.Remove(filepath.Join(x.dir, completeName)) // the first error is returned
	}
	return err
}
