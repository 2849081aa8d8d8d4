package integration

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyhold/keyhold/cli"
	"github.com/keyhold/keyhold/softhsm"
)

// commands are what scripts can run: the program itself.
func commands() map[string]func() {
	return map[string]func(){
		"keyhold": func() { os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) },
	}
}

// TestScripts runs testdata/script/*.txtar. Each script has a fresh data directory with a SoftHSM token, made by
// `keyhold dev`; $KEYHOLD_DATA names it. Run one with -run TestScripts/name; -update rewrites expected output.
func TestScripts(t *testing.T) {
	root, err := os.MkdirTemp(softhsm.FastDir(), "keyhold-scripts-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		WorkdirRoot:         root,
		UpdateScripts:       *update,
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("KEYHOLD_DATA", filepath.Join(env.WorkDir, "data"))
			return nil
		},
	})
}
