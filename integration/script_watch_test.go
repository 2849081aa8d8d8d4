package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// watcher collects what other users of the machine can see of keyhold's processes: their command lines, and for the
// sake of the same user's other programs their environments.
type watcher struct {
	stop chan struct{}
	done sync.WaitGroup
	seen map[string]bool // owned by the goroutine until done
}

type watcherKey struct{}

// scriptWatch looks at the processes from now on, until unseen.
func scriptWatch(ts *testscript.TestScript, _ []string) error {
	w, _ := ts.Value(watcherKey{}).(*watcher)
	w.stop, w.seen = make(chan struct{}), map[string]bool{}
	w.done.Go(func() {
		for {
			w.look()
			select {
			case <-w.stop:
				return
			case <-time.After(200 * time.Microsecond):
			}
		}
	})
	ts.Defer(w.end)
	return nil
}

func (w *watcher) end() {
	if w.stop != nil {
		close(w.stop)
		w.done.Wait()
		w.stop = nil
	}
}

func (w *watcher) look() {
	for _, pid := range descendants(strconv.Itoa(os.Getpid())) {
		line, err := os.ReadFile("/proc/" + pid + "/cmdline")
		if program, _, _ := strings.Cut(string(line), "\x00"); err != nil || filepath.Base(program) != "keyhold" {
			continue
		}
		environment, _ := os.ReadFile("/proc/" + pid + "/environ")
		w.seen[string(line)+"\x00"+string(environment)] = true
	}
}

// descendants are the processes that a process has started, and theirs (proc(5), /proc/pid/task/tid/children).
func descendants(pid string) []string {
	lists, _ := filepath.Glob("/proc/" + pid + "/task/*/children")
	var all []string
	for _, list := range lists {
		children, _ := os.ReadFile(list)
		for _, child := range strings.Fields(string(children)) {
			all = append(append(all, child), descendants(child)...)
		}
	}
	return all
}

// scriptUnseen ends the watch. It wants the witness to have been seen, and the content of FILE nowhere.
func scriptUnseen(ts *testscript.TestScript, args []string) error {
	w, _ := ts.Value(watcherKey{}).(*watcher)
	w.end()
	word, err := os.ReadFile(ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	word = bytes.TrimSpace(word)
	witness := false
	for line := range w.seen {
		witness = witness || strings.Contains(line, "\x00__witness\x00")
		if strings.Contains(line, string(word)) {
			return fmt.Errorf("the content of %s is in a command line or an environment", args[0])
		}
	}
	if len(word) == 0 || !witness {
		return fmt.Errorf("nothing was watched: %d command lines, witness %v, a secret of %d octets", len(w.seen), witness, len(word))
	}
	return nil
}
