// Package dbsc binds sessions to the browser's device, so that a stolen session cookie
// stops working elsewhere within minutes. It implements Device Bound Session Credentials
// (a W3C draft, https://w3c.github.io/webappsec-dbsc/), which Chrome supports: the
// browser keeps a private key that cannot leave the device, and proves every few minutes
// that it still has the key.
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
// The rest of the program does not change. Browsers that do not support the protocol use
// the session cookie alone, as before.
//
// # How it works
//
// If a session has an owner, the response that sends the cookie of a new session ID
// offers the binding. So the sign-in must call [sessions.Session.Renew] and
// [sessions.Session.SetOwner]. The browser generates a key pair and registers the public
// key. It gets a second cookie, the bound cookie, which is valid for Options.Life. After
// nine tenths of this time the browser renews it: it holds the next request, signs a
// challenge with the private key, and gets a new bound cookie. Each request that uses the
// session is checked for both cookies.
//
// A bound session without a valid bound cookie is refused (see [sessions.ErrRefused]):
// the client gets 403 from Options.ErrorHandler and keeps its cookies, and a warning is
// logged. For a link from another site, browsers send the request without renewing the
// bound cookie first. If it has expired, the response is a page that reloads itself.
//
// # Limits
//
// Malware that stays on the device can use the session there, and can have the browser
// sign any challenge. A cookie that is stolen before the browser has registered its key,
// usually within a second of the sign-in, works until the key is registered. If the
// browser never registers one, the session is not protected. If both cookies are stolen,
// they work until the bound cookie expires, at most Options.Life. With a signed challenge,
// a thief can get another bound cookie within two minutes.
//
// The cookie store cannot be used, because a client could return to an earlier, unbound
// state of its session.
package dbsc
