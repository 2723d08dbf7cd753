package config

import (
	"slices"
	"strings"
	"testing"
)

func TestRefusedURLs(t *testing.T) {
	at := folder(t)
	const (
		guarded = "the host of the url is a loop-back, link-local, multicast or metadata address; write allow_private: " +
			"true, too, if it is meant"
		asHTTPS = "; write it as https://HOST/PATH"
		asNATS  = "; write it as nats://HOST:4222/SUBJECT, with a comma between hosts"
		asKafka = "; write it as kafka://HOST:9092/TOPIC, with a comma between hosts"
		oneOf   = "; write one of " + https
		noTopic = "the url names no topic, or one that Kafka does not allow" + asKafka + "; a topic has letters, digits, " +
			". _ and -"
		badHost = "the url has a host that is none, or a port that is not one of 1 to 65535"
		noSubj  = "the url names no subject that can be published to" + asNATS
	)
	for _, test := range []struct{ url, want string }{
		{"h.example/x", "the url is not one" + oneOf + ", such as https://HOST/PATH"},
		{"HTTPS://h/x", "the url is not one" + oneOf + ", such as https://HOST/PATH"},
		{"ftp://h/x", `unknown scheme "ftp"; write http`},
		{"gopher://h/x", `unknown scheme "gopher"` + oneOf},
		{"user:secret@h", "the url has an unknown scheme" + oneOf},
		{"https://", "the url names no host" + asHTTPS},
		{"https:///x", "the url names no host" + asHTTPS},
		{"https:x", "the url names no host" + asHTTPS},
		{"https://:443/x", "the url names no host" + asHTTPS},
		{"https://user:secret@h/x", "the url holds user information, which ends up in logs; leave it out, and write a " +
			"credential below headers: (authorization: ...)"},
		{"https://h:0/x", "the port of the url is not one of 1 to 65535" + asHTTPS + " or with a port behind the host"},
		{"https://h:/x", "the port of the url is not one of 1 to 65535" + asHTTPS + " or with a port behind the host"},
		{"https://h:secret/x", "the url is not one" + asHTTPS + ", with % and two hex digits for every character that has " +
			"a meaning of its own there"},
		{"https://h/%zz", "the url is not one" + asHTTPS + ", with % and two hex digits for every character that has a " +
			"meaning of its own there"},
		{"https://h/${TOKEN}", "the url holds ${...}, for which nothing is put in; write it out"},
		{"https://h/x#y", "the url has a fragment (#...), which no server ever sees; leave it out, or write # as %23"},
		{"https://127.0.0.1/x", guarded}, {"https://[::1]/x", guarded}, {"https://localhost:8080/x", guarded},
		{"https://a.LOCALHOST./", guarded},
		{"https://169.254.169.254/latest", guarded}, {"https://[::ffff:127.0.0.1]/", guarded}, {"https://0.0.0.0/", guarded},
		{"nats://127.0.0.1/x", guarded}, {"kafka://k1,localhost/x", guarded},
		{"exec:", "the url names no file; write it as exec:PROGRAM"},
		{"exec:none", "the program DIR/none cannot be run: no such file or directory; write the name of a program that is " +
			"there; a relative one is looked for beside this file"},
		{"exec:text", "the program DIR/text cannot be run; write the name of a program, or run chmod +x DIR/text"},
		{"exec:windows", "the program DIR/windows cannot be run: its first line ends with CRLF, so that the system looks " +
			"for an interpreter whose name ends with CR; " +
			"give its lines the ends of Unix: sed -i 's/\\r$//' DIR/windows"},
		{"exec:folder", "the program DIR/folder cannot be run; write the name of a program, or run chmod +x DIR/folder"},
		{"exec:everybodys", "the program DIR/everybodys can be changed by everybody, who then run what they like as " +
			"numhook's user; run chmod o-w DIR/everybodys"},
		{"exec://run", "the url names a host; write it as exec:PROGRAM, or exec:///PATH"},
		{"file:", "the url names no file; write it as file:PATH"},
		{"file:folder/", "the url names no file; write it as file:PATH"},
		{"file:folder", "the file DIR/folder is not written to: what is there is not a regular file; write the name " +
			"of a file"},
		{"file:link", "the file DIR/link is not written to: what is there is a symbolic link, and whoever made it decides " +
			"what is written to; " +
			"write the name of the file itself into the url"},
		{"file:twice", "the file DIR/twice is not written to: the file has another name, too (a hard link); copy it, so " +
			"that it has one name"},
		{"file:none/x", "the folder DIR/none is not there; make it, or write another one"},
		{"file:text/x", "the folder DIR/text is not there; make it, or write another one"},
		{"nats:h/x", "the url names no host" + asNATS}, {"nats:///x", "the url names no host" + asNATS},
		{"nats://user:secret@h/x", "the url holds user information, which ends up in logs; leave it out; write ?creds=FILE " +
			"behind the subject, or show a client certificate (client_cert, client_key)"},
		{"kafka://user:secret@h/x", "the url holds user information, which ends up in logs; leave it out; write " +
			"?sasl=scram-sha-256&creds=FILE behind the topic, with USER:PASSWORD in the file, or show a client certificate " +
			"(client_cert, client_key)"},
		{"nats://h", noSubj}, {"nats://h/", noSubj}, {"nats://h/a.*", noSubj}, {"nats://h/a.>", noSubj},
		{"nats://h/a..b", noSubj}, {"nats://h/$JS.x", noSubj},
		{"nats://h/_INBOX.x", noSubj}, {"nats://h/a b", noSubj}, {"nats://h/a%20b", noSubj},
		{"nats://h,/x", badHost + asNATS}, {"nats://h:0/x", badHost + asNATS}, {"nats://h:65536/x", badHost + asNATS},
		{"nats://h_/x", badHost + asNATS},
		{"nats://h/x?color=red", `unknown parameter "color" in the url; write one of tls, stream or creds`},
		{"nats://h/x?tls=true&tls=true", "the parameter tls of the url has no value, or two; write tls= once, and its value"},
		{"nats://h/x?tls=", "the parameter tls of the url has no value, or two; write tls= once, and its value"},
		{"nats://h/x?tls=on", "the parameter tls of the url is neither true nor false; write tls=true"},
		{"nats://h/x?stream=a.b", "the parameter stream of the url is not the name of a stream; write letters, " +
			"digits, _ and -"},
		{"nats://h/x?%zz", "the parameters of the url cannot be read; write them as ?NAME=VALUE&NAME=VALUE, with % and two " +
			"hex digits for other characters than letters and digits"},
		{"nats://h/x?creds=none", "the credentials file DIR/none cannot be read: no such file or directory" + absent},
		{"nats://h/x?creds=open.secret", "the credentials file DIR/open.secret can be read by others (mode 0640); run " +
			"chmod 600 DIR/open.secret"},
		{"nats://h/x?creds=user.creds", "the credentials file DIR/user.creds: it holds no user's JWT (-----BEGIN NATS USER " +
			"JWT-----); " +
			"write the name of a .creds file, as nsc generate creds makes it"},
		{"kafka://h/x?stream=a", `unknown parameter "stream" in the url; write one of tls, sasl or creds`},
		{"kafka://h/x?sasl=gssapi&creds=user.creds", "the parameter sasl of the url is no mechanism that is known; write " +
			"sasl=plain, scram-sha-256 or scram-sha-512"},
		{"kafka://h/x?sasl=plain", "the url has one of the parameters sasl and creds, and not the other; write " +
			"sasl=scram-sha-256&creds=FILE, with USER:PASSWORD in the file"},
		{"kafka://h/x?creds=user.creds", "the url has one of the parameters sasl and creds, and not the other; write " +
			"sasl=scram-sha-256&creds=FILE, with USER:PASSWORD in the file"},
		{"kafka://h/x?sasl=plain&creds=user.creds", "sasl=plain without TLS shows the password to everybody on the way; " +
			"write tls=true, too, or another mechanism"},
		{"kafka://h/x?sasl=scram-sha-256&creds=two.secret", "the credentials file does not hold a user and a password; " +
			"write USER:PASSWORD into it, on one line"},
		{"kafka://h/x?sasl=scram-sha-256&creds=huge.secret", "the credentials file DIR/huge.secret cannot be read, or has " +
			"more than 16 KiB; write the name of the right file"},
		{"kafka://h/", noTopic}, {"kafka://h/a/b", noTopic}, {"kafka://h/..", noTopic},
		{"kafka://h/" + strings.Repeat("a", 250), noTopic},
	} {
		entry := "downstreams:\n- name: a\n  url: '" + test.url + "'\n"
		if strings.HasPrefix(test.url, "http") {
			entry += "  secret_file: good.secret\n"
		}
		got := complaints(t, at, entry)
		if want := []string{"3:8: " + test.want}; !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", test.url, strings.Join(got, "\n"), want[0])
		}
		if strings.Contains(strings.Join(got, "\n"), "secret@") || strings.Contains(strings.Join(got, "\n"), ":secret") {
			t.Errorf("%s: it quotes a credential", test.url)
		}
	}
	for _, url := range []string{"https://127.0.0.1/x", "nats://localhost/x", "kafka://[::1]/x"} {
		entry := "downstreams:\n- name: a\n  url: '" + url + "'\n  allow_private: true\n"
		if strings.HasPrefix(url, "http") {
			entry += "  secret_file: good.secret\n"
		}
		if got := complaints(t, at, entry); got != nil {
			t.Errorf("%s, allowed: %s", url, got)
		}
	}
}
