package bench

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// alarm sleeps more precisely than time.Sleep, which in a process that is otherwise
// idle is late by up to a millisecond, since Go's runtime waits in whole milliseconds.
type alarm struct{ timer *os.File }

func newAlarm() *alarm {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		panic(err)
	}
	return &alarm{os.NewFile(uintptr(fd), "timer")}
}

func (a *alarm) sleep(d time.Duration) {
	raw, err := a.timer.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			err = unix.TimerfdSettime(int(fd), 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}, nil)
		})
	}
	if err == nil {
		var expirations [8]byte
		_, err = a.timer.Read(expirations[:])
	}
	if err != nil {
		panic(err)
	}
}

func (a *alarm) stop() { a.timer.Close() }
