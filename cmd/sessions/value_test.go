package main

import (
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"github.com/pump-go/sessions"
)

type item struct {
	Name string
	N    int
}

func TestValuesAreToldByTheirTypes(t *testing.T) {
	at := envs["dbm"](t)
	a := at.program(t)
	v := a.visitor("", "v")
	for name, c := range map[string]struct {
		value            any
		kind, diagnostic string
	}{
		"int":      {42, "integer", "42"},
		"negative": {-7, "integer", "-7"},
		"float":    {1.5, "number", "1.5"},
		"bool":     {true, "boolean", "true"},
		"nil":      {nil, "null", "null"},
		"text":     {"grüße", "text", `"gr\u00fc\u00dfe"`},
		"bytes":    {[]byte{1, 255}, "bytes", "h'01ff'"},
		"time":     {time.Date(2026, 1, 31, 18, 0, 0, 0, time.UTC), "time", `0("2026-01-31T18:00:00Z")`},
		"list":     {make([]int, 300), "list of 300", "[0, 0, "},
		"map":      {map[string]int{"a": 1}, "map of 1", `{"a": 1}`},
		"struct":   {item{"tea", 2}, "map of 2", `{"N": 2, "Name": "tea"}`},
		"big":      {new(big.Int).Lsh(big.NewInt(1), 70), "integer", ""},
		"invalid":  {"\xff\x1b[2J", "text", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a.visit(v, func(s *sessions.Session) { s.Clear(); s.Set("value", c.value) })
			o := at.run(t, "show", "-values", "-json", a.id(v)).expect(t, exitDone).objects(t)[0]
			got := o["values"].([]any)[0].(map[string]any)
			if got["type"] != c.kind || !strings.HasPrefix(got["diagnostic"].(string), c.diagnostic) || got["diagnostic"] == "" {
				t.Errorf("%v, want %s %s", got, c.kind, c.diagnostic)
			}
		})
	}
}

// TestNothingStoredReachesTheTerminalRaw: names and owners may be an attacker's.
func TestNothingStoredReachesTheTerminalRaw(t *testing.T) {
	at := envs["file"](t)
	a := at.program(t)
	const attack = "\x1b]0;owned\x07\r\x1b[2K\u202e\u009b\U000e0001\xff"
	v := a.visitor(attack, "v")
	a.visit(v, func(s *sessions.Session) {
		s.Set(attack, attack)
		sessions.Flash[string](attack).Add(s, attack)
	})
	for _, args := range [][]string{{"list"}, {"list", "-json"}, {"show", "-values", a.id(v)}, {"show", "-values", "-json", a.id(v)}} {
		r := at.run(t, args...).expect(t, exitDone, "owned")
		if strings.ContainsAny(r.out, "\x1b\x07\r\u202e\u009b\U000e0001") || !utf8.ValidString(r.out) {
			t.Errorf("%v: %q", args, r.out)
		}
	}
	for _, valid := range []string{"\u009b2J", "\U000e0001", "grüße"} {
		a.visit(v, func(s *sessions.Session) { s.Set("value", valid); s.SetOwner(valid) })
		o := at.run(t, "list", "-json").expect(t, exitDone).objects(t)[0]
		if o["owner"] != valid {
			t.Errorf("the owner %q comes out of the JSON as %q", valid, o["owner"])
		}
	}
	a.visit(v, func(s *sessions.Session) { s.SetOwner(attack) })
	r := at.call(t, call{asks: true}, "destroy", "-owner", attack).expect(t, exitRefused, "owned")
	if strings.ContainsAny(r.err, "\x1b\x07\r\u202e") {
		t.Errorf("the question: %q", r.err)
	}
	at.run(t, "destroy", "-yes", "-owner", attack).expect(t, exitDone, "1 session destroyed")
}

func TestWords(t *testing.T) {
	for s, want := range map[string]string{
		"": "-", "-": `"-"`, "user:42": "user:42", "two words": `"two words"`, `"quoted"`: `"\"quoted\""`, "grüße": "grüße", "\xff": `"\xff"`, "a\x00b": `"a\x00b"`,
	} {
		if got := word(s); got != want {
			t.Errorf("%q is written %s, want %s", s, got, want)
		}
	}
}

// FuzzValue: what is stored under a name may be any bytes.
func FuzzValue(f *testing.F) {
	for _, v := range []any{1, "text", []byte{1}, []any{1, "a"}, map[string]any{"a": nil}, 1.5, time.Now(), nil, true} {
		b, err := cbor.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, b := range []string{"", "\x9f\xff", "\xbf\xff", "\x5f\xff", "\xc1\x00", "\xd9\xd9\xf7\x00", "\x1b", "\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "\xf8\xff", "\xf6\x00"} {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		what, text := kind(raw), diagnose(raw)
		if what == "" || text == "" {
			t.Errorf("%x is %q, %q", raw, what, text)
		}
		if (what == "damaged") != (cbor.Wellformed(raw) != nil) {
			t.Errorf("%x is %s", raw, what)
		}
		if strings.ContainsAny(text, "\x00\x07\x08\x1b\x7f\r") {
			t.Errorf("%x has control characters: %q", raw, text)
		}
	})
}
