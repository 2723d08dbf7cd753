package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The rows of validate.
const (
	ajvOne       = "ajv, one core"
	ownOne       = "numhook validate, one core"
	ajvTwo       = "ajv, two cores"
	ownTwo       = "numhook validate, two cores"
	smallFile    = "numhook validate, one small file, whole process"
	ajvModules   = "../../.bin/ajv" // where make needs installs them
	validateRuns = 2                // of each, in turn
)

// validate measures the verb on one file of many payloads, against ajv's compiled validators on the same schema and
// file, each on the same cores.
func (b *bench) validate(t *testing.T) {
	payloads := filepath.Join(b.folder(t), "payloads.ndjson")
	size := b.writePayloads(t, payloads)
	b.build(t)
	document, err := filepath.Abs("../../spec/receiver.json")
	if err != nil {
		t.Fatal(err)
	}
	modules, err := filepath.Abs(ajvModules)
	if err != nil {
		t.Fatal(err)
	}
	ajv := []string{"node", "testdata/ajv.mjs", modules, document, payloads}
	own := []string{b.binary, "validate", payloads}
	competitors := []struct {
		what, against string
		cores         int
		args          []string
	}{{ajvOne, "", 1, ajv}, {ownOne, ajvOne, 1, own}, {ajvTwo, "", 2, ajv}, {ownTwo, ajvTwo, 2, own}}
	_, missing := os.Stat(filepath.Join(modules, "node_modules", "ajv"))
	seen := make([]row, len(competitors))
	for range validateRuns {
		for i, c := range competitors {
			if missing != nil && c.args[0] == "node" {
				t.Logf("no row of %s: %v (make needs installs it)", c.what, missing)
				continue
			}
			took, cpu, rss := b.runOn(t, c.cores, c.args, strconv.Itoa(size))
			line := &seen[i]
			line.Part, line.What = "validate", c.what
			line.Turns = append(line.Turns, float64(size)/took.Seconds())
			line.PerSecond = max(line.PerSecond, float64(size)/took.Seconds())
			line.CPU = cpu.Seconds() * 1e6 / float64(size)
			line.RSS = max(line.RSS, rss)
		}
	}
	for i, line := range seen {
		if line.What != "" {
			b.report.add(line, competitors[i].against)
		}
	}
	took := time.Hour
	for range 10 {
		once, _, _ := b.runOn(t, 2, []string{b.binary, "validate", "../../spec/examples/" + exampleFile}, "")
		took = min(took, once)
	}
	b.report.add(row{Part: "validate", What: smallFile, P50: float64(took.Microseconds()) / 1000}, "")
}

const exampleFile = "number_management.peering_number_emergency_address_updated.json"

// writePayloads writes as many clean payloads as the scale has, of both events in turn, and returns their number.
func (b *bench) writePayloads(t *testing.T, path string) int {
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriter(file)
	for i := range b.payloads {
		name, value := "cnam", fmt.Sprintf(`"cnam":"EXAMPLE %d"`, i%10000)
		if i%2 == 1 {
			name = "emergency_address"
			value = fmt.Sprintf(`"emergency_address":{"address_line1":"%d Example Avenue NW","address_line2":"Floor %d",`+
				`"city":"Washington","country":"US",`+
				`"state_code":"DC","zip":"%05d"}`, i%9999, i%40, i%99999)
		}
		fmt.Fprintf(out, `{"event":"number_management.peering_number_%s_updated","event_ts":%d,`+
			`"payload":{"account_id":"Fq7cXl2sT5-nEJc3bVzP1w",`+
			`"object":{"carrier_code":3457,"phone_numbers":["+1202555%04d"],%s}}}`+"\n", name, 1739927164902+i, i%10000, value)
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return b.payloads
}

// runOn runs a program on so many cores and returns its time, its processor time and its peak memory in MiB. It must
// succeed, and ajv must say that so many payloads are valid.
func (b *bench) runOn(t *testing.T, cores int, args []string, valid string) (took, cpu time.Duration, rss float64) {
	list := map[int]string{1: "0", 2: "0,1"}[cores]
	cmd := exec.CommandContext(t.Context(), "taskset", append([]string{"-c", list}, args...)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(cores))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	stop, watched := make(chan struct{}), make(chan float64)
	go func() { watched <- highest(cmd.Process.Pid, stop) }()
	err := cmd.Wait()
	took = time.Since(begin)
	close(stop)
	rss = <-watched
	if err != nil {
		t.Fatalf("%v: %v: %s", args, err, out.String())
	}
	if args[0] == "node" && strings.TrimSpace(out.String()) != valid {
		t.Fatalf("ajv finds %s valid payloads, want %s", out.String(), valid)
	}
	return took, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), rss
}

// highest is the highest memory that a process needs, in MiB, as far as it is seen. The kernel's account of a process
// that has ended holds that of the process that began it, too.
func highest(pid int, stop <-chan struct{}) (rss float64) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_, peak := resident(pid)
			rss = max(rss, peak)
		case <-stop:
			return rss
		}
	}
}
