package postgres_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/store/postgres"
	"numhook/server/store/postgres/postgrestest"
)

// TestNoPasswordInErrors: whatever is wrong with a URL, its password is in no text.
func TestNoPasswordInErrors(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t#pass"
	good, err := url.Parse(postgrestest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(u *url.URL)) string {
		u := *good
		u.User = url.UserPassword(u.User.Username(), secret)
		change(&u)
		return u.String()
	}
	for _, c := range []struct{ name, url, want string }{
		{"wrong password", with(func(*url.URL) {}), "password authentication failed"},
		{"no such database", strings.Replace(good.String(), "/store_", "/nowhere_", 1), "does not exist"},
		{"nothing listens", with(func(u *url.URL) { u.Host = "127.0.0.1:1" }), "connection refused"},
		{"no such host", with(func(u *url.URL) { u.Host = "nowhere.invalid" }), "cannot be resolved"},
		{"no port", "postgres://numhook:" + secret + "@127.0.0.1:x/store", "its URL cannot be read"},
		{"not a URL", "postgres://numhook:" + secret + "%@127.0.0.1/store", "its URL cannot be read"},
		{"an @ in the password", "postgres://numhook:a@b" + secret + "/c@127.0.0.1/store", "its URL cannot be read"},
		{"a slash in the password", "postgres://numhook:a/" + secret + "@127.0.0.1/store", "its URL cannot be read"},
		{"a slash behind digits", "postgres://127.0.0.1:1/" + secret + "@127.0.0.1/store", "its URL cannot be read"},
		{"no such option", with(func(u *url.URL) { u.RawQuery = "sslmode=perhaps" }), "its URL cannot be read"},
		{"no such file", with(func(u *url.URL) { u.RawQuery = "sslmode=verify-full&sslrootcert=/nowhere" }), "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, opening := postgres.Open(t.Context(), c.url, postgres.Options{})
			_, reading := postgres.OpenReader(t.Context(), c.url)
			_, operating := postgres.OpenOperator(t.Context(), c.url)
			for _, err := range []error{opening, reading, operating} {
				if err == nil {
					t.Fatal("opened")
				}
				text := err.Error()
				if e, ok := errors.AsType[*event.Error](err); ok {
					text += "\n" + e.Hint
				}
				for _, part := range []string{secret, url.QueryEscape(secret), "s3cr3t", "p4ss-w0rd"} {
					if strings.Contains(text, part) {
						t.Errorf("the password is in the text: %s", text)
					}
				}
				if !strings.HasPrefix(text, "cannot open store: ") || !strings.Contains(text, c.want) {
					t.Errorf("the text is %q, want %q in it", text, c.want)
				}
			}
		})
	}
}

// TestNoValuesInErrors: what cannot be stored is not quoted, and what was stored with it is.
func TestNoValuesInErrors(t *testing.T) {
	t.Parallel()
	server, u := postgrestest.Shared(t), postgrestest.New(t)
	s := opened(t)(postgres.Open(t.Context(), u, postgres.Options{}))
	if err := server.Admin(t.Context(), postgrestest.Database(u), "ALTER TABLE numhook.events ADD CONSTRAINT narrow "+
		"CHECK (account_id <> 'personal-account')"); err != nil {
		t.Fatal(err)
	}
	bad := caller(1, "personal-name", "+1555-personal")
	bad.AccountID = "personal-account"
	_, err := s.Append(t.Context(), bad)
	if event.KindOf(err) != event.Internal || err.Error() != "cannot append event: the database reports SQLSTATE 23514 "+
		"(constraint narrow)" {
		t.Errorf("kind %s: %v", event.KindOf(err), err)
	}
	mustAppend(t, s, caller(2, "another", "+1"))
}

func TestNoStore(t *testing.T) {
	t.Parallel()
	empty := postgrestest.New(t)
	_, reading := postgres.OpenReader(t.Context(), empty)
	_, operating := postgres.OpenOperator(t.Context(), empty)
	for _, err := range []error{reading, operating} {
		if event.KindOf(err) != event.NotFound || err.Error() != "cannot open store: there is none in the database" {
			t.Errorf("kind %s: %v", event.KindOf(err), err)
		}
	}
}

func TestNewerSchema(t *testing.T) {
	t.Parallel()
	server, u := postgrestest.Shared(t), postgrestest.New(t)
	opened(t)(postgres.Open(t.Context(), u, postgres.Options{}))
	if err := server.Admin(t.Context(), postgrestest.Database(u), "INSERT INTO numhook.goose_db_version (version_id, "+
		"is_applied) VALUES (99, true)"); err != nil {
		t.Fatal(err)
	}
	_, opening := postgres.Open(t.Context(), u, postgres.Options{})
	_, reading := postgres.OpenReader(t.Context(), u)
	want := fmt.Sprintf("cannot open store: its schema is version 99, and this program knows versions up to %d",
		postgres.LatestSchema)
	for _, err := range []error{opening, reading} {
		if event.KindOf(err) != event.Unavailable || err.Error() != want {
			t.Errorf("kind %s: %v", event.KindOf(err), err)
		}
	}
}

// TestRights: the store's role needs no right beyond its schema, and says which one is missing.
func TestRights(t *testing.T) {
	t.Parallel()
	server, u := postgrestest.Shared(t), postgrestest.New(t)
	for _, statement := range []string{
		"ALTER DATABASE " + postgrestest.Database(u) + " OWNER TO postgres", "REVOKE ALL ON DATABASE " +
			postgrestest.Database(u) + " FROM numhook",
	} {
		if err := server.Admin(t.Context(), postgrestest.Database(u), statement); err != nil {
			t.Fatal(err)
		}
	}
	_, err := postgres.Open(t.Context(), u, postgres.Options{})
	if e, ok := errors.AsType[*event.Error](err); !ok || !strings.Contains(e.Hint, "GRANT CREATE ON DATABASE") {
		t.Errorf("without rights: %v", err)
	}
	if err := server.Admin(t.Context(), postgrestest.Database(u), "CREATE SCHEMA numhook AUTHORIZATION numhook"); err !=
		nil {
		t.Fatal(err)
	}
	s := opened(t)(postgres.Open(t.Context(), u, postgres.Options{}))
	mustAppend(t, s, caller(1, "name", "+1"))

	// A reader needs only to read.
	for _, statement := range []string{
		"CREATE ROLE looker LOGIN PASSWORD 'look'", "GRANT USAGE ON SCHEMA numhook TO looker",
		"GRANT SELECT ON ALL TABLES IN SCHEMA numhook TO looker", "GRANT SELECT ON ALL SEQUENCES IN SCHEMA numhook TO looker",
	} {
		if err := server.Admin(t.Context(), postgrestest.Database(u), statement); err != nil {
			t.Fatal(err)
		}
	}
	looker := strings.Replace(u, "numhook:p4ss-w0rd@", "looker:look@", 1)
	r, err := postgres.OpenReader(t.Context(), looker)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	wantOnce(t, r, caller(1, "name", "+1"))
	if _, err := r.Quarantines(t.Context(), "", 0, 10); err != nil {
		t.Error(err)
	}
}

// TestEncodings: what the database believes characters to be does not matter.
func TestEncodings(t *testing.T) {
	t.Parallel()
	server := postgrestest.Shared(t)
	for i, encoding := range []string{"SQL_ASCII", "LATIN1", "UTF8"} {
		t.Run(encoding, func(t *testing.T) {
			name := "encoded_" + strings.ToLower(encoding)
			if err := server.Admin(t.Context(), "postgres", "CREATE DATABASE "+name+" OWNER numhook TEMPLATE template0 "+
				"ENCODING '"+encoding+"'"); err != nil {
				t.Fatal(err)
			}
			s := opened(t)(postgres.Open(t.Context(), server.URL(name), postgres.Options{}))
			numbers := []string{"+1\x00", "\x00", "\xff\xfe", "𝟙 ☎ \u2028", `\x31`, `{"a",NULL}`, "NULL", "Ã©"}
			e := caller(int64(i), "name", numbers...)
			e.Name, e.AccountID, e.Delivery.Path, e.Value = "event\x00name\xff", "account\x00\xff", "/\x00\xff",
				[]byte(`"\u0000 \ud83d\ude00 😀"`)
			e.Delivery.Body = []byte("\x00\xff\xfe body \r\n")
			path := event.CutPath(e.Delivery.Path) // what a stranger may choose is kept as valid UTF-8
			e.Delivery.Header = event.Header{RequestID: "\x00 ☎", UserAgent: "\u0000"}
			e.Numbers = numbers[3:] // the list of an event is JSON, which has no words for what is not UTF-8
			mustAppend(t, s, e)
			got, err := s.Event(t.Context(), e.ID)
			if err != nil {
				t.Fatal(err)
			}
			if got.Name != e.Name || got.AccountID != e.AccountID || got.Delivery.Path != path ||
				string(got.Value) != string(e.Value) ||
				string(got.Delivery.Body) != string(e.Delivery.Body) || got.Delivery.Header != e.Delivery.Header ||
				strings.Join(got.Numbers, "|") != strings.Join(e.Numbers, "|") {
				t.Errorf("got  %+v\nwant %+v", got.Event, e)
			}
			e.ID, e.Numbers = event.Identify([]byte("another")), numbers
			mustAppend(t, s, e)
			for _, number := range numbers {
				if n, err := s.Number(t.Context(), number); err != nil || n.Number != number ||
					string(n.Values[0].Value) != string(e.Value) {
					t.Errorf("number %q: %+v, %v", number, n, err)
				}
			}
			id, err := s.Quarantine(t.Context(), event.Quarantined{Reason: event.Invalid, EventName: "\x00\xff",
				Delivery: e.Delivery})
			if err != nil {
				t.Fatal(err)
			}
			if q, err := s.QuarantineEntry(t.Context(), id); err != nil || q.EventName != event.CutText("\x00\xff") ||
				q.Delivery.Path != path {
				t.Errorf("quarantine: %+v, %v", q, err)
			}
		})
	}
}

// TestSettingsOfTheRole: what somebody set for the role does not change what the store does.
func TestSettingsOfTheRole(t *testing.T) {
	t.Parallel()
	server, u := postgrestest.Shared(t), postgrestest.New(t)
	for _, set := range []string{
		"default_transaction_isolation = 'serializable'", "default_transaction_read_only = on", "statement_timeout = '1s'",
		"search_path = 'nowhere'",
		"bytea_output = 'escape'", "standard_conforming_strings = off", "client_encoding = 'SQL_ASCII'",
		"enable_hashjoin = off",
	} {
		if err := server.Admin(t.Context(), "postgres", "ALTER ROLE numhook IN DATABASE "+postgrestest.Database(u)+" SET "+
			set); err != nil {
			t.Fatal(err)
		}
	}
	s := opened(t)(postgres.Open(t.Context(), u, postgres.Options{Patience: time.Minute}))
	mustAppend(t, s, caller(1, "name", "+1"))
	wantOnce(t, s, caller(1, "name", "+1"))
}
