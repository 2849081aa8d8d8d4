package load

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/pulse"
)

// findings are what a measure by the clock found to be amiss.
type findings struct {
	amiss []string
	pulse *pulse.Pulse
}

func (f *findings) add(format string, args ...any) {
	f.amiss = append(f.amiss, fmt.Sprintf(format, args...))
}

// still is for how long a machine stands still when it is not just busy.
const still = 200 * time.Millisecond

// wrong is for what no measure excuses, except on a machine that stood still meanwhile.
func (f *findings) wrong(t *testing.T, format string, args ...any) {
	t.Helper()
	if longest := f.pulse.Longest(); longest > still {
		f.add("while the machine stood still for "+longest.String()+": "+format, args...)
		return
	}
	t.Errorf(format, args...)
}

// tries is how often something is measured before what is amiss is believed to be the server's fault, and not that of a
// machine that was busy with something else. Measures beside which other programs had more than muchElse of the
// processors, or the machine itself did not get them, do not count; but there are mostTries at the most.
const (
	tries     = 3
	mostTries = 10
	muchElse  = 0.15
)

// measured fails the test when something is amiss each time.
func measured(t *testing.T, measure func(f *findings)) {
	t.Helper()
	for try, counted := 1, 0; ; try++ {
		f := findings{pulse: pulse.Begin()}
		before, began := processors(t), time.Now()
		measure(&f)
		f.pulse.End()
		if len(f.amiss) == 0 || t.Failed() {
			return
		}
		of := time.Since(began).Seconds() * float64(runtime.NumCPU())
		after := processors(t)
		own, others := (after.own-before.own).Seconds()/of, (after.others-before.others).Seconds()/of
		if others < muchElse {
			counted++
		}
		said := fmt.Sprintf("with %.0f %% of the processors, and %.0f %% for others:\n%s", 100*own, 100*others, strings.Join(f.amiss, "\n"))
		if counted == tries || try == mostTries {
			t.Errorf("measured %d times; at last %s", try, said)
			return
		}
		t.Logf("measured anew: %s", said)
	}
}

// usage is for how long processors have worked: for this process and those that it has started, and for others, which
// includes what a host of this machine did not give it.
type usage struct{ own, others time.Duration }

const tick = 10 * time.Millisecond // the unit of proc(5)

// processors tells the usage since the machine has run (proc(5), stat and pid/stat).
func processors(t *testing.T) (u usage) {
	t.Helper()
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	var user, nice, system, idle, waits, hard, soft, stolen time.Duration
	if _, err := fmt.Sscanf(string(text), "cpu %d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &waits, &hard, &soft, &stolen); err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	me := strconv.Itoa(os.Getpid())
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if parent := fields[1]; parent != me && file != "/proc/"+me+"/stat" {
			continue
		}
		for _, field := range fields[11:15] { // its own, and those of its children that have ended
			ticks, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			u.own += time.Duration(ticks) * tick
		}
	}
	u.others = (user+nice+system+hard+soft+stolen)*tick - u.own
	return u
}
