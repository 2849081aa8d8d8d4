package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyhold/keyhold/cli"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/ops"
	"github.com/keyhold/keyhold/softhsm"
)

// commands are the programs that scripts can run: keyhold, and softtoken, which makes a token.
func commands() map[string]func() {
	return map[string]func(){
		"keyhold": func() { os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) },
		"softtoken": func() {
			if err := makeToken(os.Args[1:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		},
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
		Setup:               scriptSetup,
		Cmds:                scriptCommands(),
	})
}

var wordStart = regexp.MustCompile(`([a-z])([A-Z])`)

// operationScripts are the files of the scripts that bear the names of operations of the given families.
func operationScripts(families ...kms.API) []string {
	var files []string
	for _, row := range ops.Table() {
		if d := row.Describe(); slices.Contains(families, d.Service) {
			files = append(files, operationScript(d.Name))
		}
	}
	return files
}

// someScripts is a part of the scripts, one in share of them, or all when KEYHOLD_SCRIPTS is "all" (make scripts). Which
// part it is differs with turn, so that a few turns have all of them.
func someScripts(files []string, share, turn int) []string {
	if os.Getenv("KEYHOLD_SCRIPTS") == "all" {
		return files
	}
	var some []string
	for i, file := range files {
		if i%share == turn%share {
			some = append(some, file)
		}
	}
	return some
}

func operationScript(name string) string {
	file := strings.ToLower(wordStart.ReplaceAllString(name, "$1-$2")) + ".txtar"
	return filepath.Join("testdata", "script", file)
}

// Each operation has a script of its own name, which sends it by that name.
func TestEveryOperationHasAScript(t *testing.T) {
	for _, row := range ops.Table() {
		name := row.Describe().Name
		file := operationScript(name)
		script, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		} else if !strings.Contains(string(script), "exec keyhold call "+name+" ") {
			t.Errorf("%s does not call %s", file, name)
		}
	}
}
