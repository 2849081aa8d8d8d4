package faultp11

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed module/*.c module/*.h
var sources embed.FS

// CompilerEnv names the C compiler; without it, it is cc. FlagsEnv adds flags, say for a sanitizer.
const (
	CompilerEnv = "CC"
	FlagsEnv    = "FAULTP11_CFLAGS"
)

var flags = []string{
	"-std=gnu11", "-shared", "-fPIC", "-O2", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror", "-pthread",
}

// Build compiles the module into dir, or into the user's cache directory if dir is empty, and returns its path. A module
// that was made of the same sources with the same compiler and flags is used again.
func Build(dir string) (string, error) {
	dir, err := buildDir(dir)
	if err != nil {
		return "", err
	}
	command := compileCommand()
	hash, err := hashOf(command)
	if err != nil {
		return "", err
	}
	module := filepath.Join(dir, "faultp11-"+hash+".so")
	if _, err := os.Stat(module); err == nil {
		return module, nil
	}
	return module, compile(command, module)
}

func compileCommand() []string {
	compiler := strings.Fields(os.Getenv(CompilerEnv))
	if len(compiler) == 0 {
		compiler = []string{"cc"}
	}
	return slices.Concat(compiler, flags, strings.Fields(os.Getenv(FlagsEnv)))
}

func buildDir(dir string) (string, error) {
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find a directory for the compiled module: %w", err)
		}
		dir = filepath.Join(cache, "keyhold", "faultp11")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("resolve the directory for the compiled module: %w", err)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return "", fmt.Errorf("make the directory for the compiled module: %w", err)
	}
	return abs, nil
}

// hashOf is over everything that the compiled module depends on, but for the compiler's version.
func hashOf(command []string) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", command)
	err := eachSource(func(name string, text []byte) error {
		_, err := fmt.Fprintf(h, "%s %d\n%s", name, len(text), text)
		return err
	})
	return hex.EncodeToString(h.Sum(nil))[:16], err
}

func eachSource(do func(name string, text []byte) error) error {
	return fs.WalkDir(sources, "module", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := sources.ReadFile(name)
		if err != nil {
			return err
		}
		return do(filepath.Base(name), text)
	})
}

// compile works in a directory of its own and moves the result, so that nobody loads half a module.
func compile(command []string, module string) (err error) {
	dir, err := os.MkdirTemp(filepath.Dir(module), "build-")
	if err != nil {
		return fmt.Errorf("make a directory to compile in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	args := slices.Concat(command[1:], []string{"-o", "faultp11.so"})
	err = eachSource(func(name string, text []byte) error {
		if filepath.Ext(name) == ".c" {
			args = append(args, name)
		}
		return os.WriteFile(filepath.Join(dir, name), text, 0o600)
	})
	if err != nil {
		return fmt.Errorf("write the module's sources: %w", err)
	}
	cmd := exec.Command(command[0], append(args, "-ldl")...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("compile the fault-injecting module with %s (install a C compiler, or name one in %s): %w\n%s",
			command[0], CompilerEnv, err, out.Bytes())
	}
	if err := os.Rename(filepath.Join(dir, "faultp11.so"), module); err != nil {
		return fmt.Errorf("keep the compiled module: %w", err)
	}
	return nil
}
