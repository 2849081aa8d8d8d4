// Command testsummary turns the output of `go test -json` into what a person wants to see: one line for each package,
// everything that a failed test said, and a closing line that counts. It fails when a test failed or none ran.
//
//	go test -json ./... | testsummary [-no-skips]
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	noSkips := flag.Bool("no-skips", false, "fail when a test was skipped")
	quiet := flag.Bool("quiet", false, "print skipped tests and the closing line only")
	flag.Parse()
	s := newSummary()
	if !*quiet {
		s.out = os.Stdout
	}
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "read the events of go test:", err)
		os.Exit(1)
	}
	for _, name := range s.skipped {
		fmt.Fprintln(os.Stdout, "skipped:", name)
	}
	fmt.Fprintf(os.Stdout, "%d passed, %d failed, %d skipped\n", s.passed, s.failed, len(s.skipped))
	if s.failed > 0 || s.passed == 0 || *noSkips && len(s.skipped) > 0 {
		os.Exit(1)
	}
}

// event is what `go test -json` writes a line of; see `go doc test2json` and `go help buildjson`.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
}

// summary counts tests and holds back what a test says until it is known whether it failed.
type summary struct {
	out            io.Writer
	said           map[string][]string // by package and test
	failedIn       map[string]bool     // packages with a failed test
	passed, failed int
	skipped        []string
}

func newSummary() *summary {
	return &summary{out: io.Discard, said: map[string][]string{}, failedIn: map[string]bool{}}
}

func (s *summary) read(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			s.line(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *summary) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil || e.Action == "" {
		fmt.Fprintf(s.out, "%s", line) // the go command's own words
		return
	}
	name := e.Package + " " + e.Test
	switch {
	case e.Action == "build-output":
		fmt.Fprint(s.out, e.Output)
	case e.Action == "output" && e.Test == "":
		s.packageSaid(e)
	case e.Action == "output":
		s.said[name] = append(s.said[name], e.Output)
	case e.Test == "":
		s.packageEnded(e)
	default:
		s.testEnded(e, name)
	}
}

// packageSaid passes on a package's output, but not the word PASS that stands above every line of success.
func (s *summary) packageSaid(e event) {
	if e.Output != "PASS\n" {
		fmt.Fprint(s.out, e.Output)
	}
}

// packageEnded counts a package that failed without a failed test: it did not build, or its TestMain failed.
func (s *summary) packageEnded(e event) {
	if e.Action == "fail" && !s.failedIn[e.Package] {
		s.failed++
	}
}

func (s *summary) testEnded(e event, name string) {
	switch e.Action {
	case "pass":
		s.passed++
	case "skip":
		s.skipped = append(s.skipped, name)
	case "fail":
		s.failed++
		s.failedIn[e.Package] = true
		for _, text := range s.said[name] {
			fmt.Fprint(s.out, text)
		}
	default:
		return
	}
	delete(s.said, name)
}
