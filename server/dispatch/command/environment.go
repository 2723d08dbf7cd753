package command

import (
	"cmp"
	"os"
	"regexp"
	"strings"

	"numhook/server/dispatch"
)

// The variables that a program always gets.
const (
	pathVariable = "PATH"
	langVariable = "LANG"
	idVariable   = "NUMHOOK_ID"
)

var variableForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// FlawOfVariable says why a variable of numhook's environment is not passed on, and what to do; of one that may be it
// is empty.
func FlawOfVariable(name string) (wrong, hint string) {
	switch upper := strings.ToUpper(name); {
	case !variableForm.MatchString(name):
		return "is not the name of an environment variable", "write the name alone, without = and a value; it has letters, " +
			"digits and _"
	case upper == idVariable, upper == pathVariable:
		return "is what every program gets", "leave it out"
	case strings.HasPrefix(upper, "NUMHOOK_"):
		return "is one of numhook's own, which may hold its secrets", "leave it out, and let the program read what it " +
			"needs from a file of its own"
	case strings.HasPrefix(upper, "PG"):
		return "belongs to numhook's own store, whose password it may hold", "leave it out, and let the program read what " +
			"it needs from a file of its own"
	}
	return "", ""
}

// environment is what the program finds in its own. Of the variables that are named, those that numhook does not have
// are not there for the program, either.
func environment(e dispatch.Envelope, named []string) []string {
	env := []string{
		pathVariable + "=" + cmp.Or(os.Getenv(pathVariable), "/usr/local/bin:/usr/bin:/bin"), langVariable + "=C.UTF-8",
		idVariable + "=" + e.ID,
	}
	for _, name := range named {
		if value, there := os.LookupEnv(name); there {
			env = append(env, name+"="+value) // of two with one name the last one counts
		}
	}
	return env
}
