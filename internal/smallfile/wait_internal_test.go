package smallfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAPipeThatDoesNotEndIsGivenUp(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = writer.WriteString("and then nothing")
	defer func() { _ = writer.Close() }()
	got, late := reader{fit: regularOrPipe, wait: time.Millisecond}.read(pipe, 1000)
	if err := errors.Join(err, late); err == nil || !strings.Contains(err.Error(), "has not ended within 1ms") || got != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
