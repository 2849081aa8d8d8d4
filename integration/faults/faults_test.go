// Package faults has the fault matrix: a whole Keyhold on a token that fails on command, each PKCS #11 function in each
// way and the whole token in each way, under concurrent callers. Its outcome is docs/faults.md.
package faults

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/internal/pulse"
)

var update = flag.Bool("update", false, "rewrite expected output")

const (
	// allEnv set to "all" runs the whole matrix, and to a part of cells' names those; else the short form runs.
	allEnv = "KEYHOLD_FAULTS"
	// childEnv holds, in a child process, the names of its cells as JSON, or the name of another story.
	childEnv = "KEYHOLD_FAULTS_CHILD"
	// resultMark begins the lines of a child that are results.
	resultMark = "result "
	// together is how many child processes run at a time: most of a cell is waiting.
	together = 3
)

func TestMain(m *testing.M) {
	text := os.Getenv(childEnv)
	if text == "" {
		os.Exit(m.Run())
	}
	beats := pulse.Begin()
	if err := child(context.Background(), text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		if onlyHeldUp(err, beats.End()) {
			os.Exit(exitHeldUp)
		}
		os.Exit(1)
	}
}

// child runs cells in this process, which has one module.
func child(ctx context.Context, text string) (err error) {
	d, err := newDevice()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if story, ok := stories[text]; ok {
		return story(ctx, d)
	}
	var names []string
	if err := json.Unmarshal([]byte(text), &names); err != nil {
		return err
	}
	s, err := newSite(ctx, d, "matrix")
	if err != nil {
		return err
	}
	for _, c := range matrix() {
		if !slices.Contains(names, c.name()) {
			continue
		}
		line, err := json.Marshal(c.run(ctx, s))
		if err != nil {
			return err
		}
		fmt.Printf("%s%s\n", resultMark, line)
	}
	s.patient = true
	return s.with(ctx, func() error { return s.inspect(ctx) })
}

// spawn runs a child and answers its results. One that crashes is an error.
func spawn(ctx context.Context, text string, each func(result)) error {
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childEnv+"="+text)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line, ok := strings.CutPrefix(lines.Text(), resultMark)
		if !ok {
			continue
		}
		var r result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return errors.Join(err, cmd.Wait())
		}
		each(r)
	}
	if err := errors.Join(lines.Err(), cmd.Wait()); err != nil {
		return fmt.Errorf("%w\n%s", err, complaints.String()[:min(complaints.Len(), 4000)])
	}
	return nil
}

// chosen are the cells of this run, and whether they are all.
func chosen() (cells []cell, all bool) {
	what := os.Getenv(allEnv)
	for _, c := range matrix() {
		switch {
		case what == "" && !c.short, what != "" && what != "all" && !strings.Contains(c.name(), what):
		default:
			cells = append(cells, c)
		}
	}
	return cells, what == "all"
}

// groups are the cells of each child. In the short form a few children share them.
func groups(cells []cell, all bool) [][]string {
	var order []string
	names := map[string][]string{}
	for i, c := range cells {
		group := c.group
		if !all {
			group = fmt.Sprint(i % together)
		}
		if names[group] == nil {
			order = append(order, group)
		}
		names[group] = append(names[group], c.name())
	}
	var parts [][]string
	for _, group := range order {
		parts = append(parts, names[group])
	}
	return parts
}

// TestTheFaultMatrix runs the cells, each against the outcome that is stated for it, and compares them with the document.
func TestTheFaultMatrix(t *testing.T) {
	cells, all := chosen()
	results := runAll(t, groups(cells, all))
	for _, c := range cells {
		r, ok := results[c.name()]
		switch gap := knownGaps[c.name()]; {
		case !ok:
			t.Errorf("%s: no result", c.name())
		case len(r.Problems) > 0 && gap == "":
			t.Error(r)
		case len(r.Problems) > 0:
			t.Logf("known gap (%s): %v", gap, r)
		default:
			t.Log(r)
		}
	}
	t.Log(spread(results))
	compareDocument(t, cells, results, all)
}

// runAll runs the children, some at a time.
func runAll(t *testing.T, parts [][]string) map[string]result {
	t.Helper()
	results := map[string]result{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	places := make(chan struct{}, together)
	for _, names := range parts {
		text, err := json.Marshal(names)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			err := spawn(t.Context(), string(text), func(r result) {
				mu.Lock()
				defer mu.Unlock()
				results[r.Cell] = r
			})
			if err != nil {
				t.Errorf("%s: %v", names, err)
			}
		})
	}
	wg.Wait()
	return results
}
