package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// kind returns the type of a value by its first bytes (RFC 8949, section 3).
func kind(raw []byte) string {
	if cbor.Wellformed(raw) != nil {
		return "damaged"
	}
	major, info := raw[0]>>5, raw[0]&0x1f
	n, sized := head(raw)
	counted := func(what string) string {
		if !sized {
			return what // of indefinite length
		}
		return fmt.Sprintf("%s of %d", what, n)
	}
	switch major {
	case 0, 1:
		return "integer"
	case 2:
		return "bytes"
	case 3:
		return "text"
	case 4:
		return counted("list")
	case 5:
		return counted("map")
	case 6:
		switch n {
		case 0, 1:
			return "time"
		case 2, 3:
			return "integer"
		}
		return fmt.Sprintf("tag %d", n)
	}
	switch info {
	case 20, 21:
		return "boolean"
	case 22, 23:
		return "null"
	case 25, 26, 27:
		return "number"
	}
	return "simple"
}

// head returns the argument in the first bytes of a well-formed item.
func head(raw []byte) (n uint64, ok bool) {
	switch info := raw[0] & 0x1f; info {
	case 24:
		return uint64(raw[1]), true
	case 25:
		return uint64(binary.BigEndian.Uint16(raw[1:])), true
	case 26:
		return uint64(binary.BigEndian.Uint32(raw[1:])), true
	case 27:
		return binary.BigEndian.Uint64(raw[1:]), true
	default:
		return uint64(info), info < 24
	}
}

var diagnostic = func() cbor.DiagMode {
	m, err := cbor.DiagOptions{
		MaxNestedLevels:  256, // as package sessions has it
		MaxArrayElements: 1<<31 - 1,
		MaxMapPairs:      1<<31 - 1,
	}.DiagMode()
	if err != nil {
		panic("sessions: " + err.Error()) // constant options: a mistake in this file
	}
	return m
}()

// diagnose returns a value in CBOR's diagnostic notation (RFC 8949, section 8), or in
// hexadecimal if it has none.
func diagnose(raw []byte) string {
	if s, err := diagnostic.Diagnose(raw); err == nil {
		return safe(s)
	}
	return "h'" + hex.EncodeToString(raw) + "'"
}
