// Package command hands changes on to a program of the operator's: one run for each attempt, the change as JSON and a
// line end on standard input, and the exit code as the answer. It guarantees that a change is confirmed by nothing but
// exit code 0 of a program that ran to its end in time, that the program gets no change once the attempt's time is
// over, and that what an attempt started is gone when it ends.
//
//	exit 0              confirmed
//	exit 65             refused: the program will never take this change (EX_DATAERR of sysexits.h)
//	exit 75             to be retried (EX_TEMPFAIL)
//	any other, a signal to be retried: a program that fails in a way nobody thought of is not a reason to drop an address
//	time-out            to be retried, whatever the program ends with
//
// There is no shell between. The environment is PATH (numhook's own), LANG=C.UTF-8 and NUMHOOK_ID, the change's
// identity, which is the same on every repetition, and what the configuration names: the rest of numhook's own
// environment may hold secrets and is not passed on. The working directory is numhook's. Standard output goes nowhere.
// Of standard error the last lines are kept with an attempt that failed, escaped and at most event.LongestOutput bytes
// of them; they are in no log: what a program says about a change may be personal data.
//
// The program may leave its input unread. It runs in a process group of its own, which gets SIGTERM a moment before the
// attempt's time is over, and SIGKILL when it is; the group is also killed when the program has ended, so that no
// descendant acts on a change later. Where a receiver dies, Linux kills the program with it. What leaves the group
// (setsid) is on its own. Elsewhere than on Unix only the program itself is killed, and there is no SIGTERM.
package command
