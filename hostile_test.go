package sessions_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// What an attacker can put on the wire, up to what net/http lets pass: each
// request is answered, opens nothing, stores nothing, and the next one works.
func TestHostileHeadersOnTheWire(t *testing.T) {
	cookieOnBoth(t, func(t *testing.T, o sessions.Options) {
		o.Cookie.Secret = testapp.Secret
		m, store := testapp.NewManager(t, o)
		srv := httptest.NewServer(m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			if r.URL.Path == "/login" {
				s.Set("user", "ada")
			}
			fmt.Fprint(w, s.Get("user"), s.IsNew(), s.Err())
		})))
		defer srv.Close()
		send := func(head string) (status int, body string, header http.Header) {
			t.Helper()
			conn, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go io.WriteString(conn, head+"\r\n") // the server may not read all of it
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode, string(b), resp.Header
		}
		const get = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		_, _, h := send("GET /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n")
		c, err := http.ParseSetCookie(h.Get("Set-Cookie"))
		if err != nil {
			t.Fatal(err)
		}
		token := c.Value
		var before int
		if store != nil {
			before = store.Total()
		}
		const refused = http.StatusBadRequest
		for name, test := range map[string]struct {
			head   string
			status int
		}{
			"10,000 cookies of our name":     {get + "Cookie: " + strings.Repeat("pump-session=x; ", 10_000) + "\r\n", 200},
			"lines and lines of our name":    {get + strings.Repeat("Cookie: pump-session="+token[1:]+"\r\n", 900_000/(len(token)+22)), 200},
			"900 KB of one value":            {get + "Cookie: pump-session=" + strings.Repeat("A", 900_000) + "\r\n", 200},
			"900 KB of spaces":               {get + "Cookie: pump-session=" + strings.Repeat(" ", 900_000) + token[1:] + "\r\n", 200},
			"900 KB of separators":           {get + "Cookie: " + strings.Repeat(";=", 450_000) + "\r\n", 200},
			"two megabytes":                  {get + "Cookie: " + strings.Repeat("a=b; ", 400_000) + "\r\n", http.StatusRequestHeaderFieldsTooLarge},
			"a folded line":                  {get + "Cookie: pump-session=" + token[:10] + "\r\n " + token[10:] + "\r\n", 200},
			"a NUL":                          {get + "Cookie: pump-session=\x00\r\n", refused},
			"a bare CR":                      {get + "Cookie: pump-session=\r" + token + "\r\n", refused},
			"a token in the URL":             {"GET /?pump-session=" + token + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", 200},
			"a token in the path":            {"GET /;pump-session=" + token + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", 200},
			"a token in other fields":        {get + "Authorization: Bearer " + token + "\r\nX-Session: " + token + "\r\nCookie2: pump-session=" + token + "\r\nSet-Cookie: pump-session=" + token + "\r\n", 200},
			"a token in the trailer":         {"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: Cookie\r\n\r\n0\r\nCookie: pump-session=" + token + "\r\n", 200},
			"HTTP/1.0, no host":              {"GET / HTTP/1.0\r\nCookie: pump-session=" + token[:len(token)-1] + "\r\n", 200},
			"the name in another case":       {get + "Cookie: PUMP-SESSION=" + token + "\r\n", 200},
			"the name with a space":          {get + "Cookie: pump-session =" + token + "\r\n", 200},
			"the name with a NEL":            {get + "Cookie: \u0085pump-session=" + token + "\r\n", 200},
			"the value in quotes":            {get + `Cookie: pump-session="` + token + `"` + "\r\n", 200},
			"old attributes":                 {get + `Cookie: $Version=1; pump-session="` + token + `"; $Path=/` + "\r\n", 200},
			"percent signs":                  {get + "Cookie: pump-session=%" + token + "\r\n", 200},
			"the value of another encoding":  {get + "Cookie: pump-session=" + strings.ToUpper(token) + "\r\n", 200},
			"two values with a comma":        {get + "Cookie: pump-session=" + token + ", pump-session=" + token + "\r\n", 200},
			"a Cookie line without a colon":  {get + "Cookie pump-session=" + token + "\r\n", refused},
			"a token behind a line feed":     {get + "Cookie: a=b;\n pump-session" + "=" + token[1:] + "\r\n", 200},
			"a carriage return in the value": {get + "Cookie: pump-session=" + token + "%0d%0aSet-Cookie: x=y\r\n", 200},
		} {
			t.Run(name, func(t *testing.T) {
				status, body, h := send(test.head)
				if status != test.status || status == 200 && body != "<nil> true <nil>" {
					t.Errorf("answered %d %.100q", status, body)
				}
				if len(h["Set-Cookie"]) > 0 {
					t.Errorf("Set-Cookie: %q", h["Set-Cookie"])
				}
			})
		}
		if store != nil && store.Total() != before {
			t.Errorf("%d store calls", store.Total()-before)
		}
		if _, body, _ := send(get + "Cookie: pump-session=" + token + "\r\n"); body != "adafalse <nil>" {
			t.Errorf("the client with the token is answered %q", body)
		}
	})
}
