// Package dbsc binds sessions to the browser's device, so that a stolen session cookie
// is worth nothing elsewhere. It implements Device Bound Session Credentials (a W3C
// draft, https://w3c.github.io/webappsec-dbsc/), which Chrome supports: the browser
// keeps a private key that cannot leave the device, and proves every few minutes that
// it still has it.
//
//	binding, err := dbsc.New(dbsc.Options{})
//	if err != nil {
//		log.Fatal(err)
//	}
//	m, err := sessions.New(ctx, sessions.Options{
//		URL:    "postgresql://…",
//		Cookie: sessions.Cookie{Name: "__Host-session", Secure: true, Secret: secret},
//		Guard:  binding,
//	})
//	if err != nil {
//		log.Fatal(err)
//	}
//	handler := m.Wrap(binding.Handler(mux))
//
// Nothing else of the program changes. Browsers that do not know the protocol use the
// session cookie alone, as before.
//
// # How it goes
//
// The response that gives a browser the cookie of a session with an owner (see
// sessions.Session.SetOwner) offers the binding, once. So the sign-in must call Renew
// and SetOwner. The browser makes a key and registers it. From then on it has a second
// cookie, the bound one, which lives for Options.Life, and which it gets again by a
// proof with its key, before it sends a request without it. Both cookies are checked in
// each request that uses the session.
//
// A bound session without a good bound cookie is refused: see sessions.ErrRefused. It
// is neither the user's nor an anonymous one. The client gets 403 from
// Options.ErrorHandler and keeps its cookies, and the log has a warning. A link from
// another site, which browsers do not hold for a proof, is answered by a page that
// loads itself again.
//
// # What it does not do
//
// Malware that stays on the device can use the session there, and have the browser
// prove what it likes. Whoever takes the cookie before the browser has registered its
// key, usually within a second after the sign-in, can use it, and a session whose
// browser never registers stays as it was before. Both stolen cookies together work
// until the bound one ends: Options.Life, and two minutes more for a proof that was
// stolen as it was made.
//
// The cookie store cannot be used: there a client can go back to an earlier, unbound
// state of its session.
package dbsc
