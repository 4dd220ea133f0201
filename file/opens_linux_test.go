package file

import (
	"encoding/binary"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pump-go/sessions/driver"
)

// opens counts by inotify how often records are opened.
type opens struct {
	t  *testing.T
	fd int
}

func watchOpens(t *testing.T, s *store) *opens {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		skip(t, "no inotify: "+err.Error())
	}
	t.Cleanup(func() { unix.Close(fd) })
	for i := range shardCount {
		if _, err := unix.InotifyAddWatch(fd, s.records.shard(s.records.shardName(i)), unix.IN_OPEN); err != nil {
			skip(t, "inotify: "+err.Error())
		}
	}
	return &opens{t, fd}
}

// count returns how many files were opened since it was last called.
func (o *opens) count() (n int) {
	buf := make([]byte, 1<<16)
	for {
		size, err := unix.Read(o.fd, buf)
		if err == unix.EAGAIN {
			return n
		}
		if err != nil {
			o.t.Fatal(err)
		}
		for b := buf[:size]; len(b) > 0; {
			const head = int(unsafe.Sizeof(unix.InotifyEvent{}))
			mask, name := binary.NativeEndian.Uint32(b[4:]), binary.NativeEndian.Uint32(b[12:])
			if mask&unix.IN_Q_OVERFLOW != 0 {
				o.t.Fatal("the inotify queue overflowed")
			}
			if mask&unix.IN_ISDIR == 0 {
				n++
			}
			b = b[head+int(name):]
		}
	}
}

// The cost of a sweep depends on the sessions that are due, not on all sessions.
func TestSweepOpensWhatIsDue(t *testing.T) {
	n := 20_000
	if testing.Short() {
		n = 2000
	}
	s, c := open(t, quickDir(t))
	const due = 100
	key := func(i int) driver.Key { return driver.Key{byte(i), byte(i >> 8), byte(i >> 16)} }
	for i := range n {
		rec := until(beginning + 30*minute + driver.Millis(i))
		rec.Owner = ""
		if i < due {
			rec.Expires = beginning + 1000
		}
		if i%2 == 1 {
			rec.Expires += driver.Millis(1+i%40) * day
		}
		save(t, s, key(i), 0, rec)
	}
	w := watchOpens(t, s)
	c.set(beginning + 1000)
	sweep(t, s, due/2)
	if opened := w.count(); opened > 2*due {
		t.Errorf("%d sessions were opened to find %d among %d", opened, due/2, n)
	} else {
		t.Logf("%d opens to remove %d of %d sessions", opened, due/2, n)
	}
	for i := range 20 {
		c.set(beginning + driver.Millis(i)*minute)
		sweep(t, s, 0)
	}
	if opened := w.count(); opened != 0 {
		t.Errorf("%d opens, but no session was due", opened)
	}
	// An extended session is opened once when its old line is due, and not again
	// until its new line is due.
	refreshed := 0
	for i := due; i < due+1000; i += 2 {
		rec, err := s.Load(t.Context(), key(i))
		if err != nil {
			t.Fatal(err)
		}
		rec.Expires = beginning + day/2
		if err := s.Touch(t.Context(), key(i), rec); err != nil {
			t.Fatal(err)
		}
		refreshed++
	}
	w.count()
	expired := (n-due)/2 - refreshed
	c.set(beginning + 31*minute)
	sweep(t, s, expired)
	if opened := w.count(); opened > refreshed+2*expired {
		t.Errorf("%d opens to remove %d sessions and keep %d", opened, expired, refreshed)
	}
	for i := range 20 {
		c.set(beginning + driver.Millis(32+i)*minute)
		sweep(t, s, 0)
	}
	if opened := w.count(); opened != 0 {
		t.Errorf("%d opens after that, but no session was due", opened)
	}
}
