package kms

import "testing"

func TestABatchOfEventsIsBoundedButNeverEmpty(t *testing.T) {
	event := func(size int) EventRow { return EventRow{Record: make([]byte, size)} }
	cases := []struct {
		name   string
		events []EventRow
		want   int
	}{
		{"nothing", nil, 0},
		{"one larger than the bound", []EventRow{event(11), event(1)}, 1},
		{"as many as fit exactly", []EventRow{event(5), event(5), event(1)}, 2},
		{"all", []EventRow{event(1), event(2), event(3)}, 3},
		{"a large one after a small one waits", []EventRow{event(1), event(20)}, 1},
	}
	for _, tc := range cases {
		if got := len(firstOctets(tc.events, 10)); got != tc.want {
			t.Errorf("%s: %d events, want %d", tc.name, got, tc.want)
		}
	}
}
