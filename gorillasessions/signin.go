package gorillasessions

import (
	"context"
	"errors"
	"fmt"
	"strings"

	gorilla "github.com/gorilla/sessions"

	"github.com/pump-go/sessions"
)

// signedIn is the name of the gorilla session by which the user signed in.
const signedIn sessions.Key[string] = "gorilla:owner"

// SignIn makes the next Save of the session a sign-in. Save then gives the session a new
// ID, so that any earlier one stops working ([sessions.Session.Renew]), and the owner,
// such as "user:42", by which [sessions.Manager.DestroyOwned] finds it. Call SignIn where
// the program puts the user's identity into Values. It returns an error if the session
// does not come from a Store of this package.
func SignIn(session *gorilla.Session, owner string) error {
	st, _ := session.Store().(*Store)
	if st == nil {
		return errors.New("gorillasessions: sign in: the session is not from a gorillasessions.Store")
	}
	b := st.base(session)
	if b == nil {
		return fmt.Errorf("gorillasessions: sign in: session %q was not made by Get or New", session.Name())
	}
	b.owner = &owner
	return nil
}

// end ends a gorilla session, so that no request in flight brings its values
// back: it destroys the manager's session, or gives it a new ID if there is something
// else in it.
func end(ctx context.Context, s *sessions.Session, name string) error {
	if err := s.Err(); err != nil {
		return err
	}
	var own []string
	others := false
	for _, key := range s.Keys() {
		if _, _, ok := belongs(key, name); ok {
			own = append(own, key)
		} else if key != string(signedIn) && !taken(s, key) {
			others = true
		}
	}
	by, _ := signedIn.Get(s)
	if !others && (s.Owner() == "" || by == name) {
		return s.Destroy(ctx)
	}
	if len(own) == 0 && by != name {
		return nil
	}
	if err := s.Renew(); err != nil {
		return err
	}
	for _, key := range own {
		s.Delete(key)
	}
	if by == name {
		signedIn.Delete(s)
		if err := s.SetOwner(""); err != nil {
			return err
		}
	}
	return s.Save(ctx)
}

// taken reports whether the value of that name is an emptied list.
func taken(s *sessions.Session, name string) bool {
	if !strings.HasPrefix(name, allNames) {
		return false
	}
	data, err := sessions.Key[[]byte](name).Decode(s)
	return err == nil && len(data) == 0
}
