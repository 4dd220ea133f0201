package sessions

import (
	"encoding/binary"
	"math"
)

// The plainest of values, texts, whole numbers and truth values, are most of
// what sessions hold. They are encoded and decoded here, without reflection, as
// the CBOR library does it: a read of two values costs a fifth less by it, a
// write of one a tenth. FuzzPlain holds the two against each other.

const (
	cborUint = 0 << 5 // the major types, RFC 8949, 3.1
	cborNint = 1 << 5
	cborText = 3 << 5

	cborFalse = 0xf4
	cborTrue  = 0xf5
)

// encodePlain returns the encoding of a plain value.
func encodePlain(v any) ([]byte, bool) {
	switch v := v.(type) {
	case string:
		var head [9]byte
		h := appendHead(head[:0], cborText, uint64(len(v)))
		return append(append(make([]byte, 0, len(h)+len(v)), h...), v...), true
	case int:
		return encodeInt(int64(v)), true
	case int64:
		return encodeInt(v), true
	case bool:
		if v {
			return []byte{cborTrue}, true
		}
		return []byte{cborFalse}, true
	default:
		return nil, false
	}
}

func encodeInt(v int64) []byte {
	if v < 0 {
		return appendHead(nil, cborNint, uint64(^v))
	}
	return appendHead(nil, cborUint, uint64(v))
}

// appendHead appends a head of the least length.
func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, major|27), n)
	}
}

// decodePlain returns the value of an encoding, if it is plain, of the type that
// T is, and whole. Whatever else it is, and what is wrong with it, the library
// tells.
func decodePlain[T any](raw []byte) (t T, ok bool) {
	switch p := any(&t).(type) {
	case *string:
		*p, ok = decodeText(raw)
	case *int64:
		*p, ok = decodeInt(raw)
	case *int:
		var n int64
		n, ok = decodeInt(raw)
		*p, ok = int(n), ok && int64(int(n)) == n
	case *bool:
		*p, ok = decodeBool(raw)
	case *any:
		if text, isText := decodeText(raw); isText {
			*p, ok = text, true
		} else if n, isInt := decodeInt(raw); isInt {
			*p, ok = n, true
		} else if b, isBool := decodeBool(raw); isBool {
			*p, ok = b, true
		}
	}
	return t, ok
}

func decodeText(raw []byte) (string, bool) {
	major, n, rest, ok := takeHead(raw)
	if !ok || major != cborText || n != uint64(len(rest)) {
		return "", false
	}
	return string(rest), true
}

func decodeInt(raw []byte) (int64, bool) {
	major, n, rest, ok := takeHead(raw)
	if !ok || len(rest) > 0 || n > math.MaxInt64 {
		return 0, false
	}
	switch major {
	case cborUint:
		return int64(n), true
	case cborNint:
		return ^int64(n), true
	default:
		return 0, false
	}
}

func decodeBool(raw []byte) (value, ok bool) {
	if len(raw) != 1 {
		return false, false
	}
	return raw[0] == cborTrue, raw[0] == cborTrue || raw[0] == cborFalse
}

// takeHead reads the head that an item begins with.
func takeHead(b []byte) (major byte, n uint64, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, 0, nil, false
	}
	major, info := b[0]&0xe0, b[0]&0x1f
	if b = b[1:]; info < 24 {
		return major, uint64(info), b, true
	}
	size := 1 << (info - 24)
	if info > 27 || len(b) < size {
		return 0, 0, nil, false
	}
	for _, c := range b[:size] {
		n = n<<8 | uint64(c)
	}
	return major, n, b[size:], true
}
