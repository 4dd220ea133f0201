package sessionstest

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/pump-go/sessions/driver"
)

// ownBackend returns a separate backend for each case.
func ownBackend(t testing.TB) driver.Config { return driver.Config{URL: t.Name()} }

func TestRun(t *testing.T) {
	Run(t, Harness{
		Driver:  new(mapDriver),
		Config:  ownBackend,
		MaxData: 0,
		Cannot:  map[Ability]string{Processes: "the records are in this process's memory"},
	})
}

// The harness of a store whose records end with Close.
func TestRunInMemory(t *testing.T) {
	const why = "the records are in this process's memory"
	open := func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
		return new(mapDriver).Open(ctx, cfg)
	}
	Run(t, Harness{Driver: driver.OpenFunc(open), Cannot: map[Ability]string{
		Share: why, Reopen: why,
	}})
}

// plain hides a store's optional interfaces.
type plain struct{ driver.Store }

func TestRunWithoutOptionalInterfaces(t *testing.T) {
	const why = "the store under test is a plain one"
	open := func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
		s, err := new(mapDriver).Open(ctx, cfg)
		return plain{s}, err
	}
	Run(t, Harness{Driver: driver.OpenFunc(open), Cannot: map[Ability]string{
		List: why, Owners: why, Sweep: why, Share: why, Reopen: why,
	}})
}

func TestHarnessDeclarations(t *testing.T) {
	if err := checkCannot(map[Ability]string{"Fly": "no wings"}); err == nil {
		t.Error("a declaration of no Ability was accepted")
	}
	if err := checkCannot(map[Ability]string{List: " "}); err == nil {
		t.Error("a declaration without a reason was accepted")
	}
	if err := checkCannot(map[Ability]string{List: "no names", Goroutines: "the client stays open"}); err != nil {
		t.Error(err)
	}
}

func TestCaseRules(t *testing.T) {
	names := map[string]bool{}
	for _, c := range cases {
		switch {
		case names[c.name]:
			t.Errorf("two cases are named %s", c.name)
		case c.rule < 0 || c.rule > 11:
			t.Errorf("%s: there is no rule %d", c.name, c.rule)
		case c.says == "" || c.says[len(c.says)-1] != '.':
			t.Errorf("%s does not state its rule as a sentence", c.name)
		}
		names[c.name] = true
	}
}

func TestRunPattern(t *testing.T) {
	if got, want := runPattern("TestStore/a.b/c#01"), `^TestStore$/^a\.b$/^c#01$`; got != want {
		t.Errorf("runPattern gave %s, want %s", got, want)
	}
}

func TestPanicIsAFailure(t *testing.T) {
	if os.Getenv(processEnv) != "" {
		t.Skip("not for a second process")
	}
	s := newSuite(Harness{Driver: new(mapDriver)}, t.Name())
	v := s.run(t, testCase{"panics", 4, "a store does not panic.", nil, func(e *env) {
		e.open()
		e.parallel(2, func(int) { panic(errors.New("from a store")) })
		panic("again")
	}})
	if len(v.failures) != 3 {
		t.Errorf("3 panics gave %d failures: %v", len(v.failures), v.failures)
	}
}

func BenchmarkMapStore(b *testing.B) {
	Benchmark(b, Harness{Driver: new(mapDriver), Config: ownBackend})
}
