package sqlite

import (
	"path/filepath"
	"slices"
	"testing"
)

// A data directory several levels below what there is hangs by all of their entries.
func TestEveryDirectoryThatGetsAnEntryIsMadeDurable(t *testing.T) {
	root := t.TempDir()
	below := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
	for path, want := range map[string][]string{
		root:                    nil,
		below("a"):              {root},
		below("a", "b", "data"): {below("a", "b"), below("a"), root},
	} {
		if got := toBeEntered(path); !slices.Equal(got, want) {
			t.Errorf("to make %s durable, %q are synced; want %q", path, got, want)
		}
	}
}
