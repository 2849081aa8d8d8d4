package pulse_test

import (
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/pulse"
)

func TestAPulseTellsOfNoMoreThanItsTime(t *testing.T) {
	began := time.Now()
	p := pulse.Begin()
	for p.Longest() == 0 && time.Since(began) < time.Minute { // a beat is seldom exactly in time
		time.Sleep(time.Millisecond)
	}
	if longest, all := p.End(), time.Since(began); longest <= 0 || longest > all || longest != p.Longest() {
		t.Errorf("%v of %v", longest, all)
	}
}
