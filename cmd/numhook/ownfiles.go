package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"numhook/cmd/numhook/config"
	"numhook/server/dispatch/filelog"
)

// ownFile is a file that numhook lives on.
type ownFile struct{ path, what string }

// ownFiles are those that the flags name.
func (f *serveFlags) ownFiles() []ownFile {
	own := storeFiles(f.store)
	return append(own,
		ownFile{cmp.Or(f.secretFile, devSecretFile), "the file with the sender's secrets"},
		ownFile{f.tlsCert, "the file of --tls-cert"}, ownFile{f.tlsKey, "the file of --tls-key"},
		ownFile{f.operatorTokens, "the file of --operator-tokens"},
		ownFile{f.operatorCert, "the file of --operator-tls-cert"},
		ownFile{f.operatorKey, "the file of --operator-tls-key"})
}

// ownFilesOfEnvironment are those that serve would be given by the environment, for a verb that has no flags for them.
func ownFilesOfEnvironment() []ownFile {
	named := func(flag string) string { return os.Getenv(environmentStart + flag) }
	f := serveFlags{
		store: cmp.Or(named("STORE"), defaultStore), secretFile: named("SECRET_FILE"),
		tlsCert: named("TLS_CERT"), tlsKey: named("TLS_KEY"), operatorTokens: named("OPERATOR_TOKENS"),
		operatorCert: named("OPERATOR_TLS_CERT"), operatorKey: named("OPERATOR_TLS_KEY"),
	}
	return f.ownFiles()
}

// storeFiles are the files of an embedded store.
func storeFiles(url string) (own []ownFile) {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok || path == "" {
		return nil
	}
	path = realPath(path)
	for _, end := range []string{"", "-wal", "-shm", "-journal", ".lock"} {
		own = append(own, ownFile{path + end, "a file of the store"})
	}
	return own
}

// refuseOwnFiles refuses downstreams that write into, or rename, what numhook lives on: a store would be gone, and a
// configuration that got lines of changes would keep the next start from happening. Nothing is opened for it: closing a
// descriptor of a database drops the locks on it.
func refuseOwnFiles(set *config.Settings, own []ownFile) error {
	own = append(own, ownFile{set.File, "the configuration"})
	if set.Recovery != nil {
		own = append(own, ownFile{set.Recovery.ClientSecretFile, "the client_secret_file of the recovery"})
	}
	for _, d := range set.Downstreams {
		for key, path := range map[string]string{
			"secret_file": d.SecretFile, "headers_file": d.HeadersFile, "ca_file": d.CAFile, "client_cert": d.ClientCert,
			"client_key": d.ClientKey, "credentials": d.Credentials,
		} {
			own = append(own, ownFile{path, "the " + key + " of downstream " + d.Name})
		}
		if d.Scheme == config.Exec {
			own = append(own, ownFile{d.Path, "the program of downstream " + d.Name})
		}
	}
	refused := &config.Problems{}
	for _, d := range set.Downstreams {
		if d.Scheme != config.File {
			continue
		}
		for _, one := range own {
			if one.path != "" && writesTo(d, one.path) {
				refused.List = append(refused.List, config.Problem{File: set.File, Line: d.Line, Column: 1, Text: fmt.Sprintf(
					"downstream %s would write to %s, which is %s; write the name of a file of its own into its url", d.Name, one.path,
					one.what)})
				break
			}
		}
	}
	if len(refused.List) > 0 {
		return refused
	}
	return nil
}

// writesTo reports whether the file is that of the downstream, or has a name that the downstream's full files get.
func writesTo(d config.Downstream, path string) bool {
	target, file := realPath(d.Path), realPath(path)
	if target == file || d.Rotate > 0 && filelog.Turns(target, file) {
		return true
	}
	there, err := os.Stat(target)
	if err != nil {
		return false
	}
	other, err := os.Stat(file)
	return err == nil && os.SameFile(there, other)
}

// realPath is the one path of a file that may not exist yet.
func realPath(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	if found, err := filepath.EvalSymlinks(path); err == nil {
		return found
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(folder, filepath.Base(path))
	}
	return path
}
