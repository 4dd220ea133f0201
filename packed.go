package sessions

import (
	"bytes"
	"encoding/binary"
	"math"
)

// packed is the values of a record as they are stored. One is found by walking
// over their lengths and decoded where it lies, so that a request takes apart
// what it uses and no more: a read costs a third less than with a value made of
// each, a write a sixth.
type packed struct {
	data []byte // the record's; at most maxData
	n    uint32 // how many values there are
	// Where in data there are: of each value the lengths of its name and its
	// encoding, as varints; the names; the encodings.
	lengths, names, raws uint32
}

// maxData is how long a record's data may be, in bytes: far over what any store
// takes.
const maxData = math.MaxUint32

// next takes the first value off p.
func (p *packed) next() (name, raw []byte) {
	n, lengths := lengthAt(p.data, p.lengths)
	size, lengths := lengthAt(p.data, lengths)
	name = p.data[p.names : p.names+n]
	raw = p.data[p.raws : p.raws+size : p.raws+size]
	p.n, p.lengths, p.names, p.raws = p.n-1, lengths, p.names+n, p.raws+size
	return name, raw
}

// find returns the encoding of the value of the name.
func (p *packed) find(name string) (raw []byte, ok bool) {
	data, lengths, names, raws := p.data, p.lengths, p.names, p.raws
	for range p.n {
		var n, size uint32
		n, lengths = lengthAt(data, lengths)
		size, lengths = lengthAt(data, lengths)
		if int(n) == len(name) && string(data[names:names+n]) == name {
			return data[raws : raws+size : raws+size], true
		}
		names, raws = names+n, raws+size
	}
	return nil, false
}

// unpack makes a value of each.
func (p packed) unpack() []value {
	list := p.merge(nil, nil)
	values := make([]value, len(list))
	for i, it := range list {
		values[i] = value{name: it.name, raw: it.raw}
	}
	return values
}

// sorted tells whether the values stand in order of their names, each once.
func (p packed) sorted() bool {
	var last []byte
	var lastHead uint64
	for i := range p.n {
		name, _ := p.next()
		head := headOf(name)
		if i > 0 && head <= lastHead && (head < lastHead || bytes.Compare(last, name) >= 0) {
			return false
		}
		last, lastHead = name, head
	}
	return true
}

// headOf is a name's first eight bytes, as a number that is in their order.
func headOf(name []byte) (head uint64) {
	if len(name) >= 8 {
		return binary.BigEndian.Uint64(name)
	}
	for _, c := range name {
		head = head<<8 | uint64(c)
	}
	return head << (8 * (8 - len(name)))
}

// lengthAt reads a length in b, and tells where the next one is; parseData has
// looked at them.
func lengthAt(b []byte, at uint32) (n, next uint32) {
	if c := b[at]; c < 0x80 {
		return uint32(c), at + 1
	}
	return longLengthAt(b, at)
}

func longLengthAt(b []byte, at uint32) (n, next uint32) {
	v, size := binary.Uvarint(b[at:])
	return uint32(v), at + uint32(size)
}

// item is a value as it is to be stored.
type item struct {
	name string
	raw  []byte
}

// merge appends to list the values of p and those that were touched since, by
// name, each once: where there are two of a name, the touched one counts.
func (p packed) merge(list []item, touched []value) []item {
	names := string(p.data[p.names:p.raws])
	for p.n > 0 {
		n, raw := p.next()
		name := names[:len(n)]
		names = names[len(n):]
		for len(touched) > 0 && touched[0].name < name {
			list, touched = touched[0].appendTo(list), touched[1:]
		}
		if len(touched) > 0 && touched[0].name == name {
			list, touched = touched[0].appendTo(list), touched[1:]
			continue
		}
		list = append(list, item{name, raw})
	}
	for i := range touched {
		list = touched[i].appendTo(list)
	}
	return list
}

// appendTo appends the value, unless it was removed.
func (v *value) appendTo(list []item) []item {
	if v.gone {
		return list
	}
	return append(list, item{v.name, v.raw})
}
