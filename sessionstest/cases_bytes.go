package sessionstest

import (
	"bytes"
	"strings"

	"github.com/pump-go/sessions/driver"
)

var bytesCases = []testCase{
	{"hostile-data", 6, "Data is returned byte for byte, including NUL and invalid UTF-8.", nil, hostileData},
	{"empty-data", 6, "a record with empty Data can be saved and loaded.", nil, emptyData},
	{"data-of-any-size", 6, "Data is returned byte for byte, up to the limit that the store documents.", nil, dataOfAnySize},
	{"data-over-the-limit", 6, "for Data above the limit that the store documents, Save fails with ErrTooLarge and writes nothing.", nil, dataOverLimit},
	{"hostile-owner", 6, "Owner is returned byte for byte, including NUL and invalid UTF-8.", nil, hostileOwner},
	{"save-keeps-no-slice", 6, "a store neither keeps nor changes a slice passed to it.", nil, saveKeepsNoSlice},
	{"touch-keeps-no-slice", 6, "a store does not keep a slice passed to it.", nil, touchKeepsNoSlice},
	{"load-returns-a-copy", 6, "a slice that Load returns belongs to the caller.", nil, loadReturnsCopy},
	{"listing-yields-copies", 6, "a slice that a listing yields belongs to the caller.", []Ability{List}, listingYieldsCopies},
}

// everyByte contains each byte value once.
var everyByte = func() string {
	var b [256]byte
	for i := range b {
		b[i] = byte(i)
	}
	return string(b[:])
}()

// hostile are strings that break naive separators, quoting, encodings and text
// functions.
var hostile = []string{
	"\x00", "a\x00b", "\x00\x00tail", "tail\x00", "\xff\xfe", "\xc3\x28", "\xed\xa0\x80", "\ufeff",
	" ", " a ", "a ", "\n", "a\r\nb", "\t", "\x1a", "\x7f",
	"'", `"`, "`", `\`, `\x00`, `\\`, "%", "_", "a%", "a_", "*", "?", "%00", "%s%n", "$1", ":a", "@a",
	"'; DROP TABLE sessions; --", "../a", "..", ".", "/", "/etc/passwd", `..\a`, "a:b", "a,b", "a;b", "a=b", "{}", "null", "0", "-1",
	"é", "e\u0301", "ß", "ẞ", "ss", "ı", "İ", "日本", "👩‍👩‍👧",
}

func hostileData(e *env) {
	s := e.open()
	all := append([]string{everyByte}, hostile...)
	e.each(len(all), func(i int) {
		data := all[i]
		rec := e.record(data)
		key := e.create(s, rec)
		e.holds(s, key, rec, "of hostile data")
		second := next(rec, data+data)
		e.must(s.Save(e.ctx, key, rec.Version, second), "Save of hostile data")
		e.holds(s, key, second, "of replaced hostile data")
	})
}

func emptyData(e *env) {
	s := e.open()
	for _, data := range [][]byte{nil, {}} {
		rec := e.record("")
		rec.Data = data
		key := e.create(s, rec)
		e.holds(s, key, rec, "of empty data")
		now := next(rec, "something")
		e.must(s.Save(e.ctx, key, rec.Version, now), "Save over empty data")
		rec.Version = newVersion()
		e.must(s.Save(e.ctx, key, now.Version, rec), "Save of empty data over non-empty data")
		e.holds(s, key, rec, "of data replaced with empty data")
	}
}

// mebibyte is the Data that a store without a documented limit must accept.
const mebibyte = 1 << 20

func dataOfAnySize(e *env) {
	s := e.open()
	limit := e.suite.MaxData
	if limit == 0 {
		limit = mebibyte
	}
	for _, n := range []int{1, 2, 3, 127, 128, 255, 256, 257, 1023, 4095, 4096, 4097, 16383, 16384, 65535, 65536, 65537, 262144, mebibyte, limit} {
		if n > limit {
			continue
		}
		rec := e.owned(strings.Repeat("o", driver.MaxOwner), string(noise(n)))
		key := e.create(s, rec)
		e.holds(s, key, rec, "of data of a given size")
		e.must(s.Delete(e.ctx, key, rec.Version), "Delete of data of a given size")
	}
}

func dataOverLimit(e *env) {
	if e.suite.MaxData == 0 {
		e.skip("Harness.MaxData is 0")
	}
	s := e.open()
	large := e.record(string(noise(e.suite.MaxData + 1)))
	key := newKey()
	e.wants(s.Save(e.ctx, key, 0, large), driver.ErrTooLarge, "Save with old 0 of data one byte over MaxData")
	e.absent(s, key, "after a Save over MaxData")
	rec := e.record("small")
	key = e.create(s, rec)
	e.wants(s.Save(e.ctx, key, rec.Version, large), driver.ErrTooLarge, "Save at a version, of data one byte over MaxData")
	e.holds(s, key, rec, "after a Save over MaxData")
}

func hostileOwner(e *env) {
	s := e.open()
	e.each(len(hostileOwners), func(i int) {
		rec := e.owned(hostileOwners[i], "data")
		key := e.create(s, rec)
		e.holds(s, key, rec, "of a record with a hostile owner")
		second := next(rec, "replaced")
		e.must(s.Save(e.ctx, key, rec.Version, second), "Save with a hostile owner")
		e.must(s.Touch(e.ctx, key, extended(second, 1)), "Touch of a record with a hostile owner")
		e.holds(s, key, extended(second, 1), "of a touched record with a hostile owner")
	})
}

func saveKeepsNoSlice(e *env) {
	s := e.open()
	// Spare capacity reveals a store that appends to the slice.
	buf := []byte("the data and some spare bytes")
	before := bytes.Clone(buf)
	rec := e.record("")
	rec.Data = buf[:8]
	want := rec
	want.Data = bytes.Clone(rec.Data)
	key := e.create(s, rec)
	if !bytes.Equal(buf, before) {
		e.failf("Save wrote to the slice passed to it, or beyond its length: %q became %q", before, buf)
	}
	copy(buf, "OVERWRITTEN")
	e.holds(s, key, want, "after the caller changed the slice passed to Save")

	old := want.Version
	rec.Data, rec.Version = []byte("second"), newVersion()
	want = rec
	want.Data = bytes.Clone(rec.Data)
	e.must(s.Save(e.ctx, key, old, rec), "Save at the current version")
	clear(rec.Data)
	e.holds(s, key, want, "after the caller changed the slice passed to a replacing Save")
}

func touchKeepsNoSlice(e *env) {
	s := e.open()
	key := e.create(s, e.record("data"))
	rec := extended(e.load(s, key, "before Touch"), hour)
	want := rec
	want.Data = bytes.Clone(rec.Data)
	e.must(s.Touch(e.ctx, key, rec), "Touch")
	clear(rec.Data)
	e.holds(s, key, want, "after the caller changed the slice passed to Touch")
}

func loadReturnsCopy(e *env) {
	s := e.open()
	rec := e.record("data")
	key := e.create(s, rec)
	one := e.load(s, key, "the first time")
	two := e.load(s, key, "the second time")
	clear(one.Data)
	_ = append(one.Data, "more"...)
	if d := difference(two, rec); d != "" {
		e.failf("after the caller changed the result of one Load, the other's result differs: %s", d)
	}
	e.holds(s, key, rec, "after the caller changed the record that Load returned")
}

func listingYieldsCopies(e *env) {
	s := e.open()
	rec := e.record("data")
	key := e.create(s, rec)
	entries, err := collect(e.lister(s).All(e.ctx))
	e.must(err, "All")
	for _, entry := range entries {
		clear(entry.Record.Data)
	}
	e.holds(s, key, rec, "after the caller changed the record that All yielded")
}
