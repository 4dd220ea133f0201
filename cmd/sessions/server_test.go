package main

import "testing"

// A confirmation shows the store's server, and no part of the URL that may be a
// password.
func TestServerOfAURL(t *testing.T) {
	for url, want := range map[string]string{
		"postgresql://app:hunter2@db.internal:5432/shop?sslmode=disable": "shop on db.internal:5432",
		"postgresql://app:hunter2@db.internal/shop?table=visits":         "shop on db.internal, table visits",
		"mysql://app:hunter2@db.internal":                                "db.internal",
		"app:hunter2@tcp(db.internal:3306)/shop":                         "shop on db.internal:3306",
		"host=db.internal port=5433 user=app password=hunter2 dbname=a":  "a on db.internal:5433",
		"postgresql://app:12/hunter2@db.internal/shop":                   "",
		"postgresql://app:hunter2/x@db.internal/shop":                    "",
		"postgresql:///shop?host=/run/postgresql":                        "shop on /run/postgresql",
		"postgresql://app:12?hunter2@db.internal/shop":                   "",
		"postgresql://app:12#hunter2@db.internal/shop":                   "",
		"postgresql:///shop":                                             "shop",
		"hunter2":                                                        "",
	} {
		at := &target{store: setting{value: "database"}, url: setting{value: url}}
		if got := at.server(); got != want {
			t.Errorf("%s is shown as %q, want %q", url, got, want)
		}
	}
	for url, want := range map[string]string{
		"10.0.0.1;10.0.0.2":                     "the store memcached, 10.0.0.1;10.0.0.2",
		"memcached://10.0.0.1:11211?timeout=1s": "the store memcached, 10.0.0.1:11211",
		"app:hunter2@10.0.0.1":                  "the store memcached",
	} {
		at := &target{store: setting{value: "memcached"}, url: setting{value: url}}
		if got := at.String(); got != want {
			t.Errorf("%s is shown as %q, want %q", url, got, want)
		}
	}
	for url, want := range map[string]string{
		"redis://10.0.0.1:6379/2":               "the store redis, 10.0.0.1:6379/2",
		"rediss://app:hunter2@a,b?cluster=true": "the store redis, a,b",
		"unix://:hun@ter2@/run/redis.sock?db=1": "the store redis, /run/redis.sock",
		"redis://:hun?ter2@a":                   "the store redis",
		"hunter2":                               "the store redis",
	} {
		at := &target{store: setting{value: "redis"}, url: setting{value: url}}
		if got := at.String(); got != want {
			t.Errorf("%s is shown as %q, want %q", url, got, want)
		}
	}
}

func TestConfirmationShowsTheDatabase(t *testing.T) {
	make, ok := envs["PostgreSQL"]
	if !ok {
		t.Skip("there is no PostgreSQL here")
	}
	at := make(t)
	at.program(t).visitor("user:1", "v")
	r := at.call(t, call{asks: true}, "destroy", "-owner", "user:1").expect(t, exitRefused, "of user:1 in the store database, postgres on 127.0.0.1:")
	if contains(r.err, "a-password") {
		t.Error(r.err)
	}
}

// An error of the destination names its variable, which may be left over.
func TestErrorOfTheDestination(t *testing.T) {
	from := envs["dbm"](t)
	from.program(t)
	from.and(env{"SESSIONS_TO_URL": "postgresql://db.internal/app"}).run(t, "copy", "-to-store", "file", "-to-data-dir", t.TempDir()).
		expect(t, exitUsage, "the store to copy to is selected by -to-store and $SESSIONS_TO_URL and -to-data-dir")
}
