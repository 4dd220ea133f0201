package file

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"runtime"

	"github.com/pump-go/sessions/driver"
)

// A record's file consists of two slots of equal size. Each is empty (its head is
// all zeros), whole, or torn:
//
//	magic "pS" 2 bytes | format 1 byte | 0 | size of a slot 4 bytes |
//	sequence number 8 bytes | length of the record 4 bytes |
//	CRC-32C of the bytes before it and of the record 4 bytes | record
//
// All numbers are big-endian; the record is as driver.AppendRecord encodes it. The
// whole slot with the higher sequence number is the current one. A write goes into
// the other one, in one call, with the next number.
//
// Why that is enough:
//
//   - A write that is cut short, at any byte, leaves a torn slot. The current slot is
//     not touched, so the previous record is still there. No space is allocated by
//     a write, since both slots are filled when the file is created. (File systems
//     that copy on write, such as Btrfs, ZFS and APFS, allocate nonetheless. If that
//     fails, it is such a cut.)
//   - The sequence number is under the checksum of the record. So no mixture of two
//     writes passes for a record, nor an old record for a newer one.
//   - Writers exclude each other by the lock of the directory. So they see each other's
//     writes complete, and at most one slot of a file is being written at any
//     time. Whatever removes or replaces the file takes the lock too, so the
//     file that a writer has open is the one with that name. What an operator
//     removes by hand meanwhile has no name after the write, and the write is not
//     acknowledged.
//
// Readers take no lock. Let c be the number of the last write that was acknowledged
// before a reader began. Numbers in a slot only rise, so the slot that had c then
// has c or a higher one whenever it is found whole.
//
//   - Both slots are found whole, or one of them never used: one has c or more, so
//     the higher number is right, even if the slots were read at different times
//     and writes happened between them.
//   - One slot, X, is found torn: that alone proves nothing. Its write may have
//     begun after the other slot, Y, was read, and replaced c by a newer record in X
//     while Y was older than c. But when the torn slot was read, either its write
//     was in progress or its writer had died, and in both cases Y was current when
//     that write began. So if Y is read again afterwards and is whole, it has c or more.
//     That is why a reader reads again after it saw a torn slot, and then trusts
//     the other one.
//   - Both are found torn: two writes happened during the read. The reader reads again.
//     If that does not change, the file is damaged.
//
// A reader that has a file open that is removed or replaced reads what was current
// when it opened it.
//
// A new session's file is written with one call too, and reaches its full size only
// with its last byte. So a file that is shorter than its first slot says, with a
// first slot of number 1, is one whose creation is in progress or was cut
// short, before it was acknowledged: there is no session.
//
// Damage to the current slot cannot be distinguished from a cut write: the previous
// state of the session comes back. That takes a fault of the disk.
const (
	slotMagic  = "pS"
	slotFormat = 1
	slotHead   = 2 + 1 + 1 + 4 + 8 + 4 + 4

	// minSlot is the smallest slot: both are in one disk block.
	minSlot = 2048
	// minSyncSlot is the smallest slot with Options.Sync: if the power fails
	// during a write, the disk may damage the block being written, and the
	// current slot must not be in it.
	minSyncSlot = 4096
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A slot is what was found in one.
type slot struct {
	empty  bool   // never used
	seq    uint64 // 0 unless it is whole
	sum    uint32
	record []byte // the encoded record
}

func (s *slot) torn() bool { return s.seq == 0 && !s.empty }

// parseSlot decodes a slot. The record is a part of b.
func parseSlot(b []byte) slot {
	if len(b) < slotHead {
		return slot{}
	}
	head := parseHead(b)
	if head == (slotHeader{}) && isZero(b[:slotHead]) {
		return slot{empty: true}
	}
	if !head.ok || int64(head.size) != int64(len(b)) || int64(head.length) > int64(len(b)-slotHead) {
		return slot{}
	}
	record := b[slotHead : slotHead+int(head.length)]
	if slotSum(b, record) != head.sum {
		return slot{}
	}
	return slot{seq: head.seq, sum: head.sum, record: record}
}

// A slotHeader is the head of a slot, which may be torn.
type slotHeader struct {
	ok     bool // it has the magic and the known format
	size   uint32
	seq    uint64
	length uint32
	sum    uint32
}

func parseHead(b []byte) slotHeader {
	if string(b[:2]) != slotMagic || b[2] != slotFormat || b[3] != 0 {
		return slotHeader{}
	}
	return slotHeader{
		ok:     true,
		size:   binary.BigEndian.Uint32(b[4:]),
		seq:    binary.BigEndian.Uint64(b[8:]),
		length: binary.BigEndian.Uint32(b[16:]),
		sum:    binary.BigEndian.Uint32(b[20:]),
	}
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// slotSum is the checksum of a slot.
func slotSum(head, record []byte) uint32 {
	return crc32.Update(crc32.Checksum(head[:slotHead-4], castagnoli), castagnoli, record)
}

// putHead writes the head of a slot of that size before its record, which begins at
// b[slotHead].
func putHead(b []byte, size int, seq uint64) {
	copy(b, slotMagic)
	b[2], b[3] = slotFormat, 0
	binary.BigEndian.PutUint32(b[4:], uint32(size))
	binary.BigEndian.PutUint64(b[8:], seq)
	binary.BigEndian.PutUint32(b[16:], uint32(len(b)-slotHead))
	binary.BigEndian.PutUint32(b[20:], slotSum(b, b[slotHead:]))
}

// slotFor returns the size of the slots of a new file for a record, with room for it
// to grow by a quarter. used is the size of the record with its head.
func slotFor(used, least int) int {
	if used <= least {
		return least
	}
	used += used / 4
	return (used + least - 1) / least * least
}

// isRoomy reports whether slots of that size are so much too large for a record
// that its file should be replaced by a smaller one.
func isRoomy(size, used, least int) bool {
	return size > 16*least && size > 4*slotFor(used, least)
}

// maxSlot is the size of the largest slot that the store creates.
const maxSlot = (slotHead+maxRecord)*5/4 + minSyncSlot

// isUnborn reports whether b is a file whose creation was not completed.
func isUnborn(b []byte) bool {
	if n := len(b); n < slotHead {
		first := [slotHead]byte{slotMagic[0], slotMagic[1], slotFormat, 15: 1}
		return bytes.Equal(b[:min(n, 4)], first[:min(n, 4)]) && (n <= 8 || bytes.Equal(b[8:min(n, 16)], first[8:min(n, 16)]))
	}
	head := parseHead(b)
	if !head.ok || head.seq != 1 || int64(len(b)) >= 2*int64(head.size) {
		return false
	}
	if used := slotHead + int64(head.length); int64(len(b)) >= used {
		return slotSum(b, b[slotHead:used]) == head.sum && isZero(b[used:])
	}
	return true
}

// found is what a file of a record has.
type found struct {
	record []byte // the current record as encoded; a part of the buffer
	seq    uint64 // its sequence number; 0 for a file without slots, which is of an earlier version
	sum    uint32 // its checksum
	slot   int    // the current slot
	size   int    // the size of a slot
	unborn bool   // its creation was not completed, so it has no record
}

// smallFile is the size of a file that is read whole. Of a larger one the
// current slot is read first.
const smallFile = 64 << 10

// maxReads is how often a reader reads again while both slots are torn. Each time, two
// writes must have happened during the read.
const maxReads = 64

// readCurrent finds the current record in a file of that size. buf is used if it is
// large enough. If the caller holds the lock of the directory, locked must be true.
// The error is driver.ErrCorrupt, or one of read.
func readCurrent(size int64, locked bool, buf []byte, read func(b []byte, at int64) (int, error)) (found, error) {
	if size > 2*maxSlot {
		return found{}, fmt.Errorf("%d bytes: %w", size, driver.ErrCorrupt)
	}
	if size > smallFile && size%2 == 0 {
		if f, ok, err := readLarge(size, read); ok || err != nil {
			return f, err
		}
	}
	if int64(len(buf)) < size {
		buf = make([]byte, size)
	}
	var wasTorn [2]bool
	var before uint32 // the checksum of the file when both slots were last torn
	for tries := 0; ; tries++ {
		n, err := read(buf[:size], 0)
		if err != nil {
			return found{}, err
		}
		b := buf[:n]
		if isUnborn(b) {
			return found{unborn: true}, nil
		}
		half := n / 2
		var slots [2]slot // torn
		if n%2 == 0 {
			slots = [2]slot{parseSlot(b[:half]), parseSlot(b[half:])}
		}
		newest := 0
		if slots[1].seq > slots[0].seq {
			newest = 1
		}
		other := 1 - newest
		if slots[newest].seq != 0 && (!slots[other].torn() || locked || wasTorn[other]) {
			current := slots[newest]
			return found{record: current.record, seq: current.seq, sum: current.sum, slot: newest, size: half}, nil
		}
		if slots[newest].seq == 0 {
			sum := crc32.Checksum(b, castagnoli)
			if locked || tries > 0 && sum == before || tries == maxReads {
				return found{record: b}, nil
			}
			before = sum
		}
		for i := range slots {
			wasTorn[i] = wasTorn[i] || slots[i].torn()
		}
		if tries > 2 {
			runtime.Gosched()
		}
	}
}

// readLarge reads the slot that has the higher number according to its head. That is the
// current one if its number, which is read and checked afterwards, is higher
// than the other one's: if the head of the other one was torn when it was read, a
// newer write was in progress there, and the slot that is read after it is at
// least as new as what that write replaced.
func readLarge(size int64, read func(b []byte, at int64) (int, error)) (f found, ok bool, err error) {
	half := size / 2
	var heads [2]slotHeader
	head := make([]byte, slotHead)
	for i := range heads {
		if n, err := read(head, int64(i)*half); err != nil || n < slotHead {
			return found{}, false, err
		}
		heads[i] = parseHead(head)
	}
	newest := 0
	if heads[1].seq > heads[0].seq {
		newest = 1
	}
	h := heads[newest]
	if !h.ok || int64(h.size) != half || int64(h.length) > half-slotHead {
		return found{}, false, nil
	}
	b := make([]byte, slotHead+int(h.length))
	n, err := read(b, int64(newest)*half)
	if err != nil || n < len(b) {
		return found{}, false, err
	}
	again := parseHead(b)
	record := b[slotHead:]
	if !again.ok || again.size != h.size || again.length != h.length || again.seq <= heads[1-newest].seq || slotSum(b, record) != again.sum {
		return found{}, false, nil
	}
	return found{record: record, seq: again.seq, sum: again.sum, slot: newest, size: int(half)}, true, nil
}
