package clients

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	account = "111122223333"
	region  = "eu-central-1"
	// soon is how long is waited for what takes a moment: machines that test are slow.
	soon = 60 * time.Second
)

var program = flag.String("keyhold", "../../bin/keyhold", "the `file` that is tested")

// shared is the server that the tests use together.
var shared *server

// TestMain lets every client find the server by the variables that AWS documents for it, and nothing else on this machine.
func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(withServer(m.Run))
}

func withServer(run func() int) int {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			_ = os.Unsetenv(name) // it is a name
		}
	}
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		_ = os.Setenv(name, value) // these are names
	}
	dir, err := newDir()
	if err == nil {
		defer os.RemoveAll(dir) //nolint:errcheck // what is left is the system's to remove
		shared, err = startServer(dir)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%v\nrun make clients, which builds what is tested\n", err)
		return 1
	}
	for name, value := range shared.env {
		_ = os.Setenv(name, value)
	}
	code := run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// newDir is a directory in memory, where the machine has that: what is stored is thrown away.
func newDir() (string, error) {
	parent := "/dev/shm"
	if info, err := os.Stat(parent); err != nil || !info.IsDir() {
		parent = os.TempDir()
	}
	return os.MkdirTemp(parent, "keyhold-clients-")
}

// server is a running keyhold dev.
type server struct {
	data  string
	env   map[string]string // what it tells shells
	cmd   *exec.Cmd
	ended chan error
	said  bytes.Buffer // read it when the process has ended
}

// startServer starts one on a data directory below dir, which may have been served before.
func startServer(dir string) (*server, error) {
	s := &server{data: filepath.Join(dir, "data"), ended: make(chan error, 1)}
	file := filepath.Join(dir, "shell.env")
	s.cmd = exec.Command(*program, "dev", "--data", s.data, "--region", region, "--listen", "127.0.0.1:0", "--env-file", file)
	s.cmd.Stderr = &s.said
	_ = os.Remove(file) // that of an earlier one would be taken for its own
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.ended <- s.cmd.Wait() }()
	for end := time.Now().Add(soon); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			return s, s.readEnv(file)
		}
		select {
		case err := <-s.ended:
			return nil, fmt.Errorf("keyhold dev does not serve: %w: %s", err, s.said.String())
		default:
		}
	}
	_ = s.cmd.Process.Kill() // it is given up
	<-s.ended
	return nil, fmt.Errorf("keyhold dev does not serve: %s", s.said.String())
}

// readEnv reads the file as a shell does.
func (s *server) readEnv(file string) error {
	cmd := exec.Command("sh", "-c", `. "$1" && env -0`, "sh", file)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.Output()
	s.env = map[string]string{}
	for variable := range strings.SplitSeq(string(out), "\x00") {
		if name, value, ok := strings.Cut(variable, "="); ok && strings.HasPrefix(name, "AWS_") {
			s.env[name] = value
		}
	}
	return err
}

// stop ends it as an interrupt does; it must come to a good end.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	if err := <-s.ended; err != nil {
		return fmt.Errorf("keyhold dev ended badly: %w: %s", err, s.said.String())
	}
	return nil
}

// keyhold runs a command on the data directory of the shared server, and answers its output.
func keyhold(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(*program, append([]string{"--data", shared.data}, args...)...)
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("keyhold %v: %v: %s", args, err, talk.String())
	}
	return out
}

// file writes a file that the test has to itself, and answers its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
