package load

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// findings are what a measure by the clock found to be amiss.
type findings []string

func (f *findings) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// tries is how often something is measured before what is amiss is believed to be the server's fault, and not that of a
// machine that was busy with something else.
const tries = 3

// measured fails the test when something is amiss each time.
func measured(t *testing.T, measure func(f *findings)) {
	t.Helper()
	for try := 1; ; try++ {
		var f findings
		busy, began := processors(t), time.Now()
		measure(&f)
		used := (processors(t) - busy).Seconds() / time.Since(began).Seconds()
		switch {
		case len(f) == 0 || t.Failed():
			return
		case try == tries:
			t.Errorf("measured %d times; at last, with %.1f processors used by all programs together:\n%s", tries, used, strings.Join(f, "\n"))
			return
		}
		t.Logf("measured anew: with %.1f processors used by all programs together\n%s", used, strings.Join(f, "\n"))
	}
}

// processors is for how long the machine's processors have worked, together (proc(5), stat, in hundredths of a second).
func processors(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	var user, nice, system time.Duration
	if _, err := fmt.Sscanf(string(text), "cpu %d %d %d", &user, &nice, &system); err != nil {
		t.Fatal(err)
	}
	return (user + nice + system) * 10 * time.Millisecond
}
