// Package softhsm finds the SoftHSM2 library and prepares disposable token directories for tests, for continuous
// integration and for `keyhold dev`. It loads nothing and initialises nothing: hsm.InitToken makes the token, in the
// process that uses it, so that no PIN passes through the arguments of softhsm2-util.
package softhsm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ModuleEnv names the environment variable that overrides the search of Find.
const ModuleEnv = "KEYHOLD_SOFTHSM2_MODULE"

// confEnv is read by SoftHSM at every C_Initialize (softhsm2.conf(5)).
const confEnv = "SOFTHSM2_CONF"

// ErrNotInstalled is what Find answers where there is no SoftHSM2; its text says how to install it.
var ErrNotInstalled = errors.New("SoftHSM2 is not installed")

// modulePaths is where distributions put the library, most common first.
var modulePaths = []string{
	"/usr/lib/softhsm/libsofthsm2.so",                       // Debian, Ubuntu, Alpine
	"/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",      // Debian, Ubuntu multiarch, amd64
	"/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",     // Debian, Ubuntu multiarch, arm64
	"/usr/lib64/pkcs11/libsofthsm2.so",                      // Fedora, RHEL
	"/usr/lib64/softhsm/libsofthsm2.so",                     // older RHEL, openSUSE
	"/usr/lib64/libsofthsm2.so",                             // RHEL, by symbolic link
	"/usr/lib/pkcs11/libsofthsm2.so",                        // Arch, Fedora 32-bit
	"/usr/lib/libsofthsm2.so",                               // Arch
	"/usr/local/lib/softhsm/libsofthsm2.so",                 // built from source
	"/opt/homebrew/lib/softhsm/libsofthsm2.so",              // macOS Homebrew, Apple silicon
	"/usr/local/opt/softhsm/lib/softhsm/libsofthsm2.so",     // macOS Homebrew, Intel
	"/opt/homebrew/opt/softhsm/lib/softhsm/libsofthsm2.so",  // macOS Homebrew, not linked
	"/home/linuxbrew/.linuxbrew/lib/softhsm/libsofthsm2.so", // Homebrew on Linux
}

// installHints is one command for each family of systems.
var installHints = []string{
	"Debian, Ubuntu: apt-get install softhsm2",
	"Fedora, RHEL:   dnf install softhsm",
	"Alpine:         apk add softhsm",
	"Arch:           pacman -S softhsm",
	"macOS:          brew install softhsm",
}

// Find returns the path of the SoftHSM2 library: the value of KEYHOLD_SOFTHSM2_MODULE when that is set, else the
// first usual place that has it. The error wraps ErrNotInstalled and names the install command of each distribution.
func Find() (string, error) {
	if path := os.Getenv(ModuleEnv); path != "" {
		if !isFile(path) {
			return "", fmt.Errorf("%s=%s: %w: there is no such file; correct or unset the variable", ModuleEnv, path, ErrNotInstalled)
		}
		return path, nil
	}
	for _, path := range modulePaths {
		if isFile(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w; install it, or name the library in %s:\n  %s", ErrNotInstalled, ModuleEnv, strings.Join(installHints, "\n  "))
}

// Home is a directory that holds the configuration and the tokens of one SoftHSM2.
type Home struct {
	Module string // the library's path
	Dir    string // absolute
	Conf   string // the softhsm2.conf inside Dir
}

// Env is what the process that loads Module must have in its environment before C_Initialize.
func (h Home) Env() map[string]string { return map[string]string{confEnv: h.Conf} }

// Prepare finds the library and makes dir, when missing, a home for tokens: softhsm2.conf (mode 0600) and an empty
// directory tokens (mode 0700). A home that exists is left as it is, so that its tokens survive. Anybody who can
// write to dir can replace the keys: dir should be private.
func Prepare(dir string) (Home, error) {
	module, err := Find()
	if err != nil {
		return Home{}, err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Home{}, fmt.Errorf("resolve the SoftHSM2 directory: %w", err)
	}
	if strings.ContainsAny(abs, "\n\r#") {
		return Home{}, fmt.Errorf("the SoftHSM2 directory %q has a character that softhsm2.conf cannot hold", abs)
	}
	h := Home{Module: module, Dir: abs, Conf: filepath.Join(abs, "softhsm2.conf")}
	tokens := filepath.Join(abs, "tokens")
	if err := os.MkdirAll(tokens, 0o700); err != nil {
		return Home{}, fmt.Errorf("make the token directory: %w", err)
	}
	return h, writeConf(h.Conf, tokens)
}

// conf asks for the file backend: the database backend answers a find with "0 objects, OK" under concurrency
// (measured on SoftHSM 2.6.1).
const conf = `# Disposable SoftHSM2 tokens. Not for production: the keys are files in the directory below.
directories.tokendir = %s
objectstore.backend = file
log.level = ERROR
slots.removable = false
`

func writeConf(path, tokens string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write softhsm2.conf: %w", err)
	}
	_, err = fmt.Fprintf(f, conf, tokens)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write softhsm2.conf: %w", err)
	}
	return nil
}

// FastDir is the directory under which disposable tokens are quickest: the RAM-backed /dev/shm where there is one
// (SoftHSM rewrites an object's file some 36 times while it makes a key), else the system's temporary directory.
func FastDir() string {
	const shm = "/dev/shm"
	probe, err := os.MkdirTemp(shm, "keyhold-probe-")
	if err != nil {
		return os.TempDir()
	}
	if err := os.Remove(probe); err != nil {
		return os.TempDir()
	}
	return shm
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
