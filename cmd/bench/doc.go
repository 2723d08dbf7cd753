// Package bench measures the receiver against what people would write without it, and prints one table with ratios of
// one run. It guarantees that what is compared does the same work: the same bytes, really signed, answered 200, and
// counted in the store afterwards. It is all tests, so nothing of it gets into the program.
//
// Without NUMHOOK_BENCH its test is the same run with tiny counts, which asserts that the parts work and nothing about
// time. "make bench" sets it. Further variables:
//
//	NUMHOOK_BENCH_DIR      the directory, on a real disk, in which the stores lie; the temporary directory otherwise
//	NUMHOOK_BENCH_JSON     a file that gets the results as JSON
//	NUMHOOK_BENCH_SOAK     how long the receiver's memory is watched under load; default 20s
//	NUMHOOK_BENCH_WINDOW   how long one receiver is measured in one round; default 6s
//	NUMHOOK_BENCH_BEFORE   the binary of an older version, which is measured beside this one, in pairs of short turns
//	NUMHOOK_BENCH_PAIRS    how many of those pairs; default 12
//	NUMHOOK_BENCH_EVENTS   one more point of the curve beside 10,000, 100,000 and 1,000,000 stored events
//
// One part alone: go test -run '^TestBench$/^check$'. The parts are in the list of bench_test.go; a new one is a file
// with a function there. Those that need PostgreSQL start a server of their own, and are left out where it is not
// installed. CPU times and memory are read from /proc and left out where there is none.
package bench
