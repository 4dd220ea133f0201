package sessions

import (
	"bytes"

	"github.com/pump-go/sessions/internal/token"
)

// What the fuzz tests need of the inside.

// RecodeData parses the data of a record and encodes it again.
func RecodeData(data []byte) ([]byte, error) {
	c, err := parseData(data, "")
	if err != nil {
		return nil, err
	}
	return c.appendData(nil)
}

// DescribeData parses the data of a record and tells all that is in it.
func DescribeData(data []byte) (any, error) {
	c, err := parseData(data, "")
	if err != nil {
		return nil, err
	}
	type item struct {
		Name string
		ID   uint64
		Raw  string
	}
	var d struct {
		Values, Flashes []item
		Expires         token.Expiry
		Timeout         int64
	}
	for _, v := range c.stored.items(nil) {
		d.Values = append(d.Values, item{v.name, 0, string(v.raw)})
		if found := c.find(v.name); found == nil || !bytes.Equal(found.raw, v.raw) {
			d.Values = append(d.Values, item{"cannot be found: " + v.name, 0, ""})
		}
	}
	for _, f := range c.flashes {
		d.Flashes = append(d.Flashes, item{f.queue, f.id, string(f.raw)})
	}
	d.Timeout = -1
	if c.timeout != nil {
		d.Timeout = int64(*c.timeout)
	}
	if c.expires != nil {
		d.Expires = *c.expires
	}
	return d, nil
}

// DataOf is the data of a record that holds one value, as these bytes.
func DataOf(name string, raw []byte) []byte {
	c := contents{values: []value{{name: name, raw: raw}}}
	data, err := c.appendData(nil)
	if err != nil {
		panic(err) // nothing of it is to be encoded
	}
	return data
}

// HandedOn counts the records that are kept for the next who changes a session.
func HandedOn(m *Manager) (n int) {
	for i := range m.turns {
		if m.turns[i].last.Version != 0 {
			n++
		}
	}
	return n
}
