package sessionstest

import (
	"encoding/binary"
	"hash/crc32"
)

// NewerRecord returns what a newer version of driver.AppendRecord may write:
// bytes that are whole, in a format that driver.ParseRecord does not know. A store
// that keeps such bytes puts them in place of a record in Harness.Newer.
func NewerRecord() []byte {
	b := append([]byte{255}, "written by a newer version"...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}
