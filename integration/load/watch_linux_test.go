package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// tail is the last lines that somebody said.
type tail struct {
	mu    sync.Mutex
	lines []string
}

const tailLines = 40

func (k *tail) add(line string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lines = append(k.lines, line); len(k.lines) > 2*tailLines {
		k.lines = append(k.lines[:0], k.lines[tailLines:]...)
	}
}

func (k *tail) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Join(k.lines, "\n")
}

// watcher asks the admin listener, over connections of its own.
var watcher = &http.Client{Timeout: soon, Transport: &http.Transport{DisableKeepAlives: true}}

// metrics are the values of the server's series, by name with labels.
func (v *server) metrics() map[string]float64 {
	v.t.Helper()
	response, err := watcher.Get(v.admin + "/metrics")
	if err != nil {
		v.t.Fatalf("%v\n%s", err, &v.talk)
	}
	defer response.Body.Close() //nolint:errcheck // it is read to its end
	values := map[string]float64{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		at := strings.LastIndexByte(lines.Text(), ' ')
		if at < 0 || strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		if value, err := strconv.ParseFloat(lines.Text()[at+1:], 64); err == nil {
			values[lines.Text()[:at]] = value
		}
	}
	if lines.Err() != nil {
		v.t.Fatal(lines.Err())
	}
	return values
}

// memory is what the server's process has in memory, and the most it had since forgetPeak, in octets (proc(5)).
func (v *server) memory() (now, peak int64) {
	v.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.cmd.Process.Pid))
	if err != nil {
		v.t.Fatalf("%v\n%s", err, &v.talk)
	}
	found := 0
	for line := range strings.Lines(string(text)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			now, found = kib<<10, found+1
		}
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			peak, found = kib<<10, found+1
		}
	}
	if found != 2 {
		v.t.Fatal(errors.New("the kernel does not tell what a process has in memory"))
	}
	return now, peak
}

// forgetPeak has memory's peak begin anew (proc(5), clear_refs).
func (v *server) forgetPeak() {
	v.t.Helper()
	const resetPeak = "5"
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", v.cmd.Process.Pid), []byte(resetPeak), 0o600); err != nil {
		v.t.Fatal(err)
	}
}

// cpu is how long the server has had a processor (proc(5), the 14th and 15th field of stat, in hundredths of a second).
func (v *server) cpu() time.Duration {
	v.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", v.cmd.Process.Pid))
	if err != nil {
		v.t.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var total time.Duration
	for _, field := range fields[11:13] {
		ticks, err := strconv.Atoi(field)
		if err != nil {
			v.t.Fatal(err)
		}
		total += time.Duration(ticks) * tick
	}
	return total
}

// eventually waits until it is so.
func eventually(t *testing.T, within time.Duration, holds func() error) {
	t.Helper()
	end := time.Now().Add(within)
	for {
		err := holds()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Errorf("after %v: %v", within, err)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
