package integration

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptFill makes a file of that many octets, all of them different from their neighbours.
func scriptFill(ts *testscript.TestScript, args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	octets := make([]byte, n)
	for i := range octets {
		octets[i] = byte(i%251 + i/251)
	}
	return os.WriteFile(ts.MkAbs(args[0]), octets, 0o600)
}

// scriptFlip inverts one octet of a file; an offset below 0 counts from the end.
func scriptFlip(ts *testscript.TestScript, args []string) error {
	at, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	return rewrite(ts.MkAbs(args[0]), func(octets []byte) ([]byte, error) {
		if at < 0 {
			at += len(octets)
		}
		if at < 0 || at >= len(octets) {
			return nil, fmt.Errorf("%s has %d octets", args[0], len(octets))
		}
		octets[at] ^= 0xff
		return octets, nil
	})
}

// scriptCut shortens a file to that many octets.
func scriptCut(ts *testscript.TestScript, args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	return rewrite(ts.MkAbs(args[0]), func(octets []byte) ([]byte, error) {
		if n < 0 || n >= len(octets) {
			return nil, fmt.Errorf("%s has only %d octets", args[0], len(octets))
		}
		return octets[:n], nil
	})
}

// scriptEdit replaces the one place of a file that holds a text.
func scriptEdit(ts *testscript.TestScript, args []string) error {
	return rewrite(ts.MkAbs(args[0]), func(octets []byte) ([]byte, error) {
		if n := bytes.Count(octets, []byte(args[1])); n != 1 {
			return nil, fmt.Errorf("%s holds %q %d times, not once", args[0], args[1], n)
		}
		return bytes.Replace(octets, []byte(args[1]), []byte(args[2]), 1), nil
	})
}

func rewrite(path string, change func([]byte) ([]byte, error)) error {
	octets, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if octets, err = change(octets); err != nil {
		return err
	}
	return os.WriteFile(path, octets, 0o600)
}

// scriptSize tells whether a file, or stdout, has that many octets.
func scriptSize(ts *testscript.TestScript, args []string) error {
	if n := len(ts.ReadFile(args[0])); strconv.Itoa(n) != args[1] {
		return fmt.Errorf("%s has %d octets, want %s", args[0], n, args[1])
	}
	return nil
}

// scriptMode tells whether a file has these permissions, written like 0600.
func scriptMode(ts *testscript.TestScript, args []string) error {
	info, err := os.Stat(ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	if mode := fmt.Sprintf("%04o", info.Mode().Perm()); mode != args[1] {
		return fmt.Errorf("%s has mode %s, want %s", args[0], mode, args[1])
	}
	return nil
}

// scriptAwait waits until a file, which a background process writes, holds a text.
func scriptAwait(ts *testscript.TestScript, args []string) error {
	for end := time.Now().Add(soon); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if octets, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && bytes.Contains(octets, []byte(args[1])) {
			return nil
		}
	}
	return fmt.Errorf("%s does not come to hold %q", args[0], args[1])
}
