package bench

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// machine is what the figures depend on.
type machine struct {
	Cores      int     `json:"cores"`
	Processor  string  `json:"processor"`
	Go         string  `json:"go"`
	OS         string  `json:"os"`
	Arch       string  `json:"arch"`
	Kernel     string  `json:"kernel"`
	FileSystem string  `json:"file_system"` // of the stores
	FsyncP50   float64 `json:"fsync_p50_ms"`
	FsyncP99   float64 `json:"fsync_p99_ms"`
}

func look(t *testing.T, directory string) machine {
	m := machine{Cores: runtime.NumCPU(), Processor: processor(), Go: runtime.Version(), OS: runtime.GOOS,
		Arch:   runtime.GOARCH,
		Kernel: firstLine("/proc/sys/kernel/osrelease"), FileSystem: fileSystem(directory)}
	var syncs histogram
	file, err := os.Create(filepath.Join(directory, "fsync"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	block := make([]byte, 4096)
	for range 200 {
		start := time.Now()
		if _, err := file.Write(block); err != nil {
			t.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			t.Fatal(err)
		}
		syncs.add(time.Since(start))
	}
	m.FsyncP50, m.FsyncP99 = milliseconds(syncs.quantile(0.5)), milliseconds(syncs.quantile(0.99))
	return m
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func firstLine(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// fileSystem is the type of the file system that the directory lies on: that of the longest mount point above it.
func fileSystem(directory string) string {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "an unknown file system"
	}
	kind, longest := "an unknown file system", 0
	for line := range strings.Lines(string(mounts)) {
		fields, more, _ := strings.Cut(line, " - ") // "36 35 98:0 /root /point options... - type source options"
		at := strings.Fields(fields)
		if len(at) < 5 || len(strings.Fields(more)) == 0 {
			continue
		}
		point := strings.TrimSuffix(at[4], "/") + "/"
		if strings.HasPrefix(directory+"/", point) && len(point) >= longest {
			kind, longest = strings.Fields(more)[0], len(point)
		}
	}
	return kind
}

// clockTick is the unit of CPU time in /proc/<pid>/stat on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// cpuTime is what the process has used of the processors, user and system; 0 where that cannot be read.
func cpuTime(pid int) time.Duration {
	stat := firstLine("/proc/" + strconv.Itoa(pid) + "/stat")
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:]) // the name in parentheses may hold anything
	const user, system = 11, 12
	if len(fields) <= system {
		return 0
	}
	u, _ := strconv.Atoi(fields[user])
	s, _ := strconv.Atoi(fields[system])
	return time.Duration(u+s) * clockTick
}

// resident is the memory that the process has in use now, and the most that it ever had, in MiB; 0 where that cannot be
// read.
func resident(pid int) (now, peak float64) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseFloat(fields[1], 64)
		switch fields[0] {
		case "VmRSS:":
			now = kib / 1024
		case "VmHWM:":
			peak = kib / 1024
		}
	}
	return now, peak
}
