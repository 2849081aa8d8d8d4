package configs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// instruction is one of a Containerfile, as Containerfile(5) reads it: continued lines are one, comments are none.
type instruction struct{ name, rest string }

func containerfile(t *testing.T) []instruction {
	t.Helper()
	text, err := os.ReadFile("Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	var list []instruction
	pending := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		pending += line
		if strings.HasSuffix(pending, `\`) {
			pending = strings.TrimSuffix(pending, `\`)
			continue
		}
		name, rest, _ := strings.Cut(pending, " ")
		list, pending = append(list, instruction{name, strings.TrimSpace(rest)}), ""
	}
	if pending != "" {
		t.Errorf("the last instruction does not end: %q", pending)
	}
	return list
}

func TestTheImagesThatTheContainerStartsFromArePinned(t *testing.T) {
	pinned := regexp.MustCompile(`^[a-z0-9.]+(/[a-z0-9-]+)+(:[a-z0-9.]*[0-9a-z][a-z0-9.-]*|@sha256:[0-9a-f]{64})( AS [a-z]+)?$`)
	images := 0
	for _, in := range containerfile(t) {
		if in.name == "FROM" {
			images++
			if !pinned.MatchString(in.rest) || strings.Contains(in.rest, ":latest") {
				t.Errorf("FROM %s names no registry, or no release", in.rest)
			}
		}
	}
	if images != 2 {
		t.Errorf("there are %d images to start from, want one to build in and one to run in", images)
	}
}

// What is copied is there: in the repository, and not kept out of the build; or made by the stage before.
func TestWhatTheContainerfileCopiesIsThere(t *testing.T) {
	ignored, err := os.ReadFile("../.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	built, stage := "", ""
	for _, in := range containerfile(t) {
		words := strings.Fields(in.rest)
		switch in.name {
		case "FROM":
			stage = words[len(words)-1]
		case "RUN":
			if _, out, ok := strings.Cut(in.rest, " -o "); ok && strings.HasPrefix(in.rest, "go build ") {
				built = stage + " " + strings.Fields(out)[0]
			}
		case "COPY":
			if from, ok := strings.CutPrefix(words[0], "--from="); ok {
				if from+" "+words[1] != built {
					t.Errorf("COPY %s: the build makes %q", in.rest, built)
				}
				continue
			}
			for _, source := range words[:len(words)-1] {
				if _, err := os.Stat(filepath.Join("..", source)); err != nil || slices.Contains(strings.Fields(string(ignored)), source) {
					t.Errorf("COPY %s: %s is not there, or in .dockerignore: %v", in.rest, source, err)
				}
			}
		}
	}
	if built == "" {
		t.Error("no program is built")
	}
}

func TestTheContainerRunsTheServerWithoutRoot(t *testing.T) {
	last, users := map[string]string{}, 0
	for _, in := range containerfile(t) {
		if in.name == "FROM" {
			clear(last)
		}
		if in.name == "USER" {
			users++
		}
		last[in.name] = in.rest
	}
	if user := last["USER"]; users != 1 || !regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`).MatchString(user) {
		t.Errorf("it runs as %q: Kubernetes' runAsNonRoot wants a number", user)
	}
	for name, want := range map[string]string{"ENTRYPOINT": "keyhold", "CMD": "serve"} {
		var words []string
		if err := json.Unmarshal([]byte(last[name]), &words); err != nil || !slices.Equal(words, []string{want}) {
			t.Errorf("%s is %s, want %q without a shell, which would keep signals to itself", name, last[name], want)
		}
	}
	if last["HEALTHCHECK"] != "" || last["STOPSIGNAL"] != "SIGTERM" {
		t.Errorf("it is asked for its health by %q and ended by %q", last["HEALTHCHECK"], last["STOPSIGNAL"])
	}
}
