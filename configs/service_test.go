package configs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// unitOptions are the options that the unit may use, by section: systemd.unit(5), systemd.service(5), systemd.exec(5) and
// systemd.kill(5), version 250. systemd passes over what it does not know with a warning in its log, so that a misspelt
// restriction would restrict nothing.
var unitOptions = map[string][]string{
	"Unit": {"Description", "Documentation", "Wants", "After", "StartLimitIntervalSec"},
	"Service": {
		"Type", "User", "Group", "ExecStart", "StateDirectory", "StateDirectoryMode", "LoadCredential", "Restart", "RestartSec", "TimeoutStopSec",
		"LimitNOFILE", "LimitCORE", "UMask", "NoNewPrivileges", "CapabilityBoundingSet", "AmbientCapabilities", "LockPersonality",
		"MemoryDenyWriteExecute", "PrivateDevices", "PrivateTmp", "ProtectClock", "ProtectControlGroups", "ProtectHome", "ProtectHostname",
		"ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "ProtectProc", "ProtectSystem", "ReadWritePaths", "RemoveIPC",
		"RestrictAddressFamilies", "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "SystemCallArchitectures", "SystemCallFilter",
		"SystemCallErrorNumber",
	},
	"Install": {"WantedBy"},
}

// unit reads the values of a unit's options, by section and name.
func unit(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("keyhold.service")
	if err != nil {
		t.Fatal(err)
	}
	values, section := map[string][]string{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		name, value, isOption := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
		case !isOption || !slices.Contains(unitOptions[section], name):
			t.Errorf("section %s has %q, which systemd does not know there", section, line)
		default:
			values[section+"."+name] = append(values[section+"."+name], value)
		}
	}
	return values
}

func TestTheServiceUnitUsesWhatSystemdKnows(t *testing.T) {
	values := unit(t)
	for option, want := range map[string]string{
		"Service.ExecStart": "/usr/local/bin/keyhold serve --data /var/lib/keyhold", "Service.Type": "exec",
		"Service.LoadCredential": "keyhold-pin:/etc/keyhold/pin", "Service.Restart": "on-failure", "Service.LimitCORE": "0",
		"Service.ProtectSystem": "strict", "Service.StateDirectory": "keyhold",
	} {
		if !slices.Equal(values[option], []string{want}) {
			t.Errorf("%s is %q, want %q", option, values[option], want)
		}
	}
}

// Where systemd is, it is asked itself.
func TestSystemdFindsNoFaultWithTheUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		unit(t) // which needs no systemd
		return
	}
	text, err := os.ReadFile("keyhold.service")
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable() // a program that is there
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "keyhold.service")
	copied := strings.Replace(string(text), "ExecStart=/usr/local/bin/keyhold", "ExecStart="+exe, 1)
	if err := os.WriteFile(path, []byte(copied), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", path).CombinedOutput()
	if err != nil || strings.Contains(string(out), "Unknown key") {
		t.Errorf("%v: %s", err, out)
	}
}

// The image is built as make build does, with the Go that go.mod asks for.
func TestTheContainerfileKeepsUpWithTheBuild(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	container, makefile, module := read("Containerfile"), read("../Makefile"), read("../go.mod")
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(module)
	if version == nil || !strings.Contains(container, "golang:"+version[1]+"-") {
		t.Errorf("the Containerfile does not build with Go %v", version)
	}
	for _, flag := range []string{"-trimpath", "-buildvcs=false", "sqlite_omit_load_extension", "github.com/keyhold/keyhold/cli.version"} {
		if !strings.Contains(container, flag) || !strings.Contains(makefile, flag) {
			t.Errorf("%s is not in both builds", flag)
		}
	}
	instruction := regexp.MustCompile(`^(#.*|FROM|WORKDIR|COPY|RUN|ARG|USER|VOLUME|ENV|EXPOSE|STOPSIGNAL|ENTRYPOINT|CMD|[&-].*|)$`)
	for line := range strings.Lines(container) {
		first, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !instruction.MatchString(first) {
			t.Errorf("%q is no instruction", line)
		}
	}
}
