package sessionstest

import (
	"encoding/binary"
	"hash/crc32"
)

// NewerRecord returns bytes that a newer version of driver.AppendRecord could
// write: intact, but in a format that driver.ParseRecord does not know. Use it in
// Harness.Newer if the store uses driver.AppendRecord.
func NewerRecord() []byte {
	b := append([]byte{255}, "written by a newer version"...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}
