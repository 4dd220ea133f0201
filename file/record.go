package file

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/pump-go/sessions/driver"
)

// errUnborn is returned for a file whose creation was not completed. There is no
// record in it.
var errUnborn = errors.New("the file was not completed")

// buffers are for reading small files.
var buffers = sync.Pool{New: func() any { return new([2 * minSyncSlot]byte) }}

// read returns the record with that name, even an expired one. If the caller holds the
// lock of its directory, locked must be true.
func (s *store) read(name string, locked bool) (driver.Record, error) {
	f, err := s.records.open(name, false)
	if errors.Is(err, fs.ErrNotExist) {
		return driver.Record{}, driver.ErrNotFound
	}
	if err != nil {
		return driver.Record{}, err
	}
	defer f.close()
	rec, _, err := f.record(locked)
	return rec, err
}

// record reads the record in the file, and where it is.
func (f *recordFile) record(locked bool) (driver.Record, found, error) {
	buf := buffers.Get().(*[2 * minSyncSlot]byte)
	defer buffers.Put(buf)
	found, err := readCurrent(f.size, locked, buf[:], f.readAt)
	if err != nil {
		return driver.Record{}, found, err
	}
	if found.unborn {
		return driver.Record{}, found, errUnborn
	}
	rec, err := driver.ParseRecord(found.record) // it is the whole file if that has no slots
	if f.size <= int64(len(buf)) {
		rec.Data = bytes.Clone(rec.Data)
	}
	found.record = nil
	return rec, found, err
}

// An existing is the file of a record that is to be written, and what is in it.
type existing struct {
	file     recordFile
	open     bool
	writable bool
	rec      driver.Record
	found
}

// look opens the record with that name to write to it. The caller holds the lock of
// its directory, and calls done. The error is that of reading it.
func (s *store) look(name string) (e existing, err error) {
	e.file, err = s.records.open(name, true)
	e.writable = err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !isForeign(err) {
		e.file, err = s.records.open(name, false) // it may have another mode: see put
	}
	if errors.Is(err, fs.ErrNotExist) {
		return e, driver.ErrNotFound
	}
	if err != nil {
		return e, err
	}
	e.open = true
	e.rec, e.found, err = e.file.record(true)
	return e, err
}

func (e *existing) done() {
	if e.open {
		e.file.close()
		e.open = false
	}
}

// minSlot is the smallest slot of a file that this store creates.
func (s *store) minSlot() int {
	if s.sync {
		return minSyncSlot
	}
	return minSlot
}

// fits reports whether a record that takes that many bytes, with its head, can be
// written into the file. A file with several hard links is a backup too, which
// must not change, and a file of an earlier version has no slots.
func (s *store) fits(e *existing, used int) bool {
	least := s.minSlot()
	return e.open && e.writable && e.seq != 0 && e.file.links == 1 &&
		used <= e.size && e.size%least == 0 && !isRoomy(e.size, used, least)
}

// put writes the record with that name. b is the encoded record, with room for the
// head of a slot before it. The caller holds the lock of its directory.
func (s *store) put(name string, e *existing, b []byte) error {
	if s.fits(e, len(b)) {
		return s.overwrite(name, e, b)
	}
	if !e.open {
		err := s.create(name, b)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		// such as a link to nothing
	}
	e.done() // Windows does not replace a file that is open
	image := s.image(b, nil)
	err := s.replace(name, image)
	if err == nil {
		s.flushed.set(name, firstMark(image))
	}
	return err
}

// image returns the first contents of a file: both slots, the first one with the
// record. buf is used if it is large enough.
func (s *store) image(b, buf []byte) []byte {
	size := slotFor(len(b), s.minSlot())
	putHead(b, size, 1)
	if len(buf) < 2*size {
		buf = make([]byte, 2*size)
	}
	image := buf[:2*size]
	clear(image[copy(image, b):])
	return image
}

func firstMark(image []byte) mark { return mark{1, parseHead(image).sum} }

// create writes the first file of a record, b. If there is something with that name,
// it returns fs.ErrExist.
func (s *store) create(name string, b []byte) error {
	buf := buffers.Get().(*[2 * minSyncSlot]byte)
	defer buffers.Put(buf)
	image := s.image(b, buf[:])
	err := s.records.create(name, image, s.sync)
	if err == nil && s.sync {
		err = syncDir(s.records.shard(name))
	}
	if err == nil {
		s.flushed.set(name, firstMark(image))
	}
	return err
}

// overwrite writes into the slot that is not current.
func (s *store) overwrite(name string, e *existing, b []byte) error {
	at := int64(1-e.slot) * int64(e.size)
	putHead(b, e.size, e.seq+1)
	if s.sync && !s.flushed.has(name, mark{e.seq, e.sum}) {
		// A process may have been killed before it flushed the current slot. It must
		// be on the disk before the other one is overwritten.
		if err := e.file.flush(); err != nil {
			return err
		}
	}
	if err := e.file.writeAt(b, at); err != nil {
		return err
	}
	if s.sync {
		if err := e.file.flush(); err != nil {
			// The system may drop what it could not write, and no later flush
			// would return an error. So the previous record becomes current again.
			_ = e.file.writeAt(make([]byte, slotHead), at) // the first error is returned
			return err
		}
	}
	if removed, err := e.file.isRemoved(); err != nil {
		return err
	} else if removed {
		return fmt.Errorf("%s was removed during the write: %w", s.records.file(name), driver.ErrConflict)
	}
	s.flushed.set(name, mark{e.seq + 1, slotSum(b, b[slotHead:])})
	return nil
}

// A mark identifies one write of a record.
type mark struct {
	seq uint64
	sum uint32
}

// flushed are the records of which this process has flushed the current slot to the
// disk. It is used with Options.Sync only. Of a record that is not in it, the
// current slot is flushed again before the other one is overwritten.
type flushed struct {
	mu    sync.Mutex
	marks map[string]mark
}

// maxFlushed is how many records are remembered.
const maxFlushed = 1 << 16

func (f *flushed) has(name string, m mark) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.marks[name] == m
}

// set does nothing if f is nil.
func (f *flushed) set(name string, m mark) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.marks == nil || len(f.marks) >= maxFlushed {
		f.marks = make(map[string]mark)
	}
	f.marks[name] = m
}
