package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keyhold/keyhold/configs"
)

// pipeFile is a named pipe to which nobody writes.
func pipeFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// soon fails a test whose command waits for what does not come, or reads what does not end.
func soon(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatalf("%s: it goes on for a minute", what)
	}
}

// Certificates, keys and credentials are in files that end, and nobody waits for somebody to write to them first.
func TestEmptyPipesAndDevicesAreNoCertificatesKeysOrCredentials(t *testing.T) {
	signer(t)
	secure := listening(t, emptyList, nil)
	_, cert, key := certified(t, time.Now().Add(time.Hour))
	pipe := pipeFile(t)
	large := filepath.Join(t.TempDir(), "large.pem")
	if err := errors.Join(os.WriteFile(large, nil, 0o600), os.Truncate(large, 1<<40)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ variable, command string }{
		{"", "--ca-file %s"}, {"KEYHOLD_CA_FILE", ""},
		{"", "--client-cert %s --client-key " + key}, {"", "--client-key %s --client-cert " + cert},
		{"AWS_CONFIG_FILE", "--aws-profile x"}, {"AWS_SHARED_CREDENTIALS_FILE", "--aws-profile x"},
	} {
		for file, want := range map[string]string{
			pipe: pipe + " is a pipe to which nobody writes", "/dev/zero": "/dev/zero ", large: large + " is larger than ",
		} {
			t.Run(c.variable+strings.ReplaceAll(c.command, "%s", file), func(t *testing.T) {
				if c.variable != "" {
					t.Setenv(c.variable, file)
				}
				soon(t, c.command, func() {
					code, talk := typeIt("--endpoint " + secure.URL + " " + strings.ReplaceAll(c.command, "%s", file) + " key list")
					if code != exitError || !strings.Contains(talk, want) {
						t.Errorf("code %d, said %s", code, talk)
					}
				})
			})
		}
	}
}

// piped is the name of a pipe's descriptor to which text is written, as a shell's <(...) is.
func piped(t *testing.T, text string) string {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = read.Close() })
	go func() {
		_, err := write.WriteString(text)
		if err := errors.Join(err, write.Close()); err != nil {
			t.Error(err)
		}
	}()
	return fmt.Sprintf("/dev/fd/%d", read.Fd())
}

func TestCertificatesAndCredentialsComeThroughPipes(t *testing.T) {
	signer(t)
	pair, certFile, _ := certified(t, time.Now().Add(time.Hour))
	cert, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	secure := listening(t, emptyList, &tls.Config{Certificates: []tls.Certificate{pair}})
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", piped(t, "[x]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = hunter2\n"))
	soon(t, "key list", func() {
		if code, talk := typeIt("--endpoint " + secure.URL + " --aws-profile x --ca-file " + piped(t, string(cert)) + " key list"); code != exitOK {
			t.Errorf("code %d, said %s", code, talk)
		}
	})
}

// AWS's tools are told with /dev/null that there is no file.
func TestNoCredentialsFileIsSpelledDevNull(t *testing.T) {
	signer(t)
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	if code, talk := typeIt("--endpoint " + listening(t, emptyList, nil).URL + " key list"); code != exitOK {
		t.Errorf("code %d, said %s", code, talk)
	}
	if code, talk := typeIt("--endpoint http://127.0.0.1:1 --aws-profile x key list"); code != exitError || !strings.Contains(talk, `there is no profile "x"`) {
		t.Errorf("code %d, said %s", code, talk)
	}
}

func TestAPipeIsNoPINFile(t *testing.T) {
	pipe := pipeFile(t)
	soon(t, "the PIN", func() {
		if _, err := pinSource(configs.PIN{File: pipe})(); err == nil || !strings.Contains(err.Error(), "is not a regular file") {
			t.Error(err)
		}
	})
}

// What a command works on may come through a pipe or descriptor that has a name.
func TestInputComesThroughPipesThatHaveNames(t *testing.T) {
	const document = `{"Version":"2012-10-17"}`
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = read.Close() }()
	pipe := pipeFile(t)
	for name, open := range map[string]func() (*os.File, error){
		pipe:                                 func() (*os.File, error) { return os.OpenFile(pipe, os.O_WRONLY, 0) },
		fmt.Sprintf("/dev/fd/%d", read.Fd()): func() (*os.File, error) { return write, nil },
	} {
		soon(t, name, func() {
			go func() {
				f, err := open()
				if err == nil {
					_, err = f.WriteString(document)
				}
				if err := errors.Join(err, f.Close()); err != nil {
					t.Error(err)
				}
			}()
			if got, err := quietProgram().readInput(t.Context(), name, 1000); err != nil || string(got) != document {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	soon(t, "a pipe to which nobody writes", func() {
		if _, err := quietProgram().readInput(ctx, pipe, 1000); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
