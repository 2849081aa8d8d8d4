package audit_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/keyhold/keyhold/kms/audit"
)

func TestAReadOnlyDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	asNobody(t, dir, func() {
		if l, err := audit.Open(t.Context(), audit.Config{Dir: dir}); !errors.Is(err, os.ErrPermission) {
			t.Errorf("Open gives %v, %v", l, err)
		}
	})
	if n := len(segments(t, dir)); n != 0 {
		t.Errorf("%d segments were made", n)
	}
}

// asNobody runs fn on a thread that the permissions of dir, a test's own, hold for; for root they do not. The thread
// ends with its goroutine.
func asNobody(t *testing.T, dir string, fn func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		fn()
		return
	}
	const nobody = 65534
	if err := errors.Join(os.Chown(dir, nobody, nobody), os.Chown(filepath.Dir(dir), nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		runtime.LockOSThread()
		// The kernel takes the file capabilities from a thread whose file user is not root.
		if err := syscall.Setfsuid(nobody); err != nil {
			t.Error(err)
			return
		}
		fn()
	})
	wg.Wait()
}
