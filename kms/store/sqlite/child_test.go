package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/kmstest"
	"github.com/keyhold/keyhold/kms/store/sqlite"
)

const account kms.AccountID = "111122223333"

func keyID(n int) kms.KeyID { return kms.KeyID(fmt.Sprintf("%08x-1111-4222-8333-444455556666", n)) }

func keyChange(n int, rev int64) kms.Change {
	return kms.Change{
		Keys:   []kms.KeyRow{{ID: keyID(n), Account: account, Rev: rev, Description: strings.Repeat("d", 300)}},
		Events: []kms.EventRow{{ID: fmt.Sprintf("%d at %d", n, rev), Record: []byte(strings.Repeat("e", 400))}},
	}
}

// roleVariable tells the test binary, started again as another process, what to be. Its argument is dirVariable.
const (
	roleVariable = "SQLITE_TEST_ROLE"
	dirVariable  = "SQLITE_TEST_DIR"
)

var roles = map[string]func(dir string) error{
	"hold":     hold,
	"writer":   writeForever,
	"stranger": openAsStranger,
	"full":     fillTheDisk,
	"broken":   breakTheDisk,
}

func TestMain(m *testing.M) {
	role, ok := roles[os.Getenv(roleVariable)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := role(os.Getenv(dirVariable)); err != nil {
		fmt.Println(err)
		os.Exit(3)
	}
	os.Exit(0)
}

func child(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, dirVariable+"="+dir)
	return cmd
}

// lines starts a child and delivers what it prints. The child is killed at the end of the test, if not before.
func lines(t *testing.T, cmd *exec.Cmd) *bufio.Scanner {
	t.Helper()
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may have ended
		cmd.Wait()         //nolint:errcheck // killed
	})
	return bufio.NewScanner(out)
}

// hold owns the directory until its standard input ends.
func hold(dir string) error {
	clock := kmstest.NewClock(time.Date(2026, 10, 1, 12, 30, 0, 0, time.UTC))
	c := config(dir)
	c.Command, c.Now = "keyhold serve", clock.Now
	s, err := sqlite.Open(context.Background(), c)
	if err != nil {
		return err
	}
	fmt.Println("held")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return s.Close()
}
