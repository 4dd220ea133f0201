package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

var showing = &command{
	name:  "show",
	args:  "ID...",
	brief: "show a session's content",
	help: `Shows the owner, times and settings of sessions, and the name, type and size of
each value. The ID is the public one: that of list, the program's log and Session.ID.

Values may be personal data and are shown only with -values, in the diagnostic
notation of CBOR (RFC 8949): like JSON, with bytes in hexadecimal as h'...'.

Examples:

  sessions show 3f1c…a9
  sessions show -values -json 3f1c…a9 | jq '.values[] | select(.name == "cart")'
  sessions list -owner user:42 -ids | xargs sessions show

The timeout, lifetime and cookie expiry are shown if the session has its own, from
SetIdleTimeout, SetLifetime and SetExpires. Otherwise, the program's options apply. With
-json, each line is an object with the members of list, and timeout, lifetime, cookie,
values and flashes. The exit code is 3 if an ID does not exist, and 5 if a session is
damaged; the other sessions are shown.
`,
	setup: func(fs *flag.FlagSet) func(context.Context, *console, []string) error {
		var t target
		t.flags(fs, "")
		wait := waitFlag(fs)
		values := fs.Bool("values", false, "show values, which may be personal data")
		asJSON := fs.Bool("json", false, "write one JSON object per line")
		return func(ctx context.Context, c *console, args []string) error {
			keys, err := keysOf(args)
			if err != nil {
				return err
			}
			s, err := t.open(ctx, c, *wait)
			if err != nil {
				return err
			}
			defer s.Close()
			var shown, missing, faults int
			for _, key := range keys {
				e := found{Entry: driver.Entry{Key: key}}
				e.Entry, err = s.follow(ctx, key)
				if err == nil {
					e.Inspection, err = sessions.Inspect(e.Record)
				}
				switch {
				case errors.Is(err, driver.ErrNotFound):
					missing++
					c.note("%v does not exist", key)
					continue
				case err != nil && damaged(err):
					faults++
					c.note("%s", faulty(key, err))
					continue
				case err != nil:
					return err
				}
				shown++
				if *asJSON {
					err = c.object(detailsOf(&e, *values))
				} else {
					if shown > 1 {
						_ = c.say("")
					}
					err = e.show(c, *values, time.Now())
				}
				if err != nil {
					return err
				}
			}
			switch {
			case faults > 0:
				return fail(exitIncomplete, "%s", damage(faults))
			case missing > 0:
				return fail(exitNotFound, "%s not exist; expired or destroyed sessions are not kept", number(missing, "session does", "sessions do"))
			}
			return nil
		}
	},
}

// keysOf parses IDs.
func keysOf(args []string) ([]driver.Key, error) {
	if len(args) == 0 {
		return nil, fail(exitUsage, "which session? Give its ID")
	}
	var keys []driver.Key
	for n, arg := range args {
		key, err := driver.ParseKey(arg)
		if err != nil {
			// Not quoted, since it may be a cookie, which is a credential.
			which := ""
			if len(args) > 1 {
				which = fmt.Sprintf("argument %d of %d is not an ID: ", n+1, len(args))
			}
			return nil, fail(exitUsage, "%sa session's ID has 64 hexadecimal digits; it is not the cookie's value", which)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// show writes the session as text.
func (e *found) show(c *console, values bool, now time.Time) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	r := &e.Record
	fmt.Fprintf(w, "session\t%v\n", e.Key)
	fmt.Fprintf(w, "owner\t%s\n", word(r.Owner))
	fmt.Fprintf(w, "created\t%s\n", since(r.Created, now))
	fmt.Fprintf(w, "accessed\t%s\n", since(r.Accessed, now))
	fmt.Fprintf(w, "expires\t%s\n", since(r.Expires, now))
	const usual = "as in the program's options"
	timeout, lifetime, cookie := usual, usual, usual
	if e.IdleTimeout != nil {
		timeout = "its own: " + limit(*e.IdleTimeout)
	}
	if e.Lifetime != nil {
		lifetime = "its own: " + limit(*e.Lifetime)
	}
	if e.Expires != nil {
		cookie = "its own: expires " + e.Expires.String()
	}
	fmt.Fprintf(w, "timeout\t%s\nlifetime\t%s\ncookie\t%s\n", timeout, lifetime, cookie)
	fmt.Fprintf(w, "data\t%s\n", number(len(r.Data), "byte", "bytes"))
	for _, group := range []struct {
		title string
		list  []sessions.Encoded
	}{{"values", e.Values}, {"flash messages, by queue", e.Flashes}} {
		if len(group.list) == 0 {
			continue
		}
		if err := w.Flush(); err != nil { // so that each group has its own columns
			return err
		}
		fmt.Fprintf(w, "%s\n", group.title)
		for _, v := range group.list {
			fmt.Fprintf(w, "  %s\t%s\t%s", word(v.Name), kind(v.CBOR), number(len(v.CBOR), "byte", "bytes"))
			if values {
				fmt.Fprintf(w, "\t%s", diagnose(v.CBOR))
			}
			fmt.Fprintln(w)
		}
	}
	return w.Flush()
}

func limit(d time.Duration) string {
	if d == 0 {
		return "none"
	}
	return d.String()
}

// details is the JSON object of show.
type details struct {
	summary
	Timeout  string   `json:"timeout,omitempty"`
	Lifetime string   `json:"lifetime,omitempty"`
	Cookie   string   `json:"cookie,omitempty"`
	Values   []detail `json:"values"`
	Flashes  []detail `json:"flashes"`
}

// detail is a value, or a flash message with the name of its queue.
type detail struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	Bytes      int    `json:"bytes"`
	Diagnostic string `json:"diagnostic,omitempty"`
}

func detailsOf(e *found, values bool) details {
	d := details{summary: summaryOf(&e.Entry), Values: detailed(e.Values, values), Flashes: detailed(e.Flashes, values)}
	if e.IdleTimeout != nil {
		d.Timeout = limit(*e.IdleTimeout)
	}
	if e.Lifetime != nil {
		d.Lifetime = limit(*e.Lifetime)
	}
	if e.Expires != nil {
		d.Cookie = "expires " + e.Expires.String()
	}
	return d
}

func detailed(list []sessions.Encoded, values bool) []detail {
	ds := make([]detail, 0, len(list))
	for _, v := range list {
		d := detail{Name: exact(v.Name), Type: kind(v.CBOR), Bytes: len(v.CBOR)}
		if values {
			d.Diagnostic = diagnose(v.CBOR)
		}
		ds = append(ds, d)
	}
	return ds
}
