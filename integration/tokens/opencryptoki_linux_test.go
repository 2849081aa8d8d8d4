package tokens

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/kms/device"
)

// apart gives the child mounts, shared memory and processes of its own: openCryptoki's daemon has fixed
// paths, and must neither meet one of the machine's nor outlive the test. Who is not root becomes it in a namespace.
func apart() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return attr
}

// openCryptoki's software token has no AES-GCM, so nothing of Keyhold can be kept in it. It must be told so before its
// PIN is used: the token locks after three wrong ones.
func TestOpenCryptokiIsRefusedBecauseItHasNoGCM(t *testing.T) {
	if inChild(t, apart()) {
		return
	}
	cfg := newOpenCryptoki(t)
	const verdict = "offers no AES_GCM (0x1087)"
	tok, err := hsm.Open(context.Background(), cfg)
	if err == nil {
		_ = tok.Close()
	}
	if !errors.Is(err, device.ErrUnsupported) || !strings.Contains(err.Error(), verdict) {
		t.Errorf("open: %v", err)
	}
	r := probe(t, cfg)
	if !strings.Contains(r.Token.Manufacturer, "IBM") || !strings.Contains(r.Problem, verdict) || r.Recommended != "" {
		t.Errorf("token %+v, problem %q, recommended %q", r.Token, r.Problem, r.Recommended)
	}
	// It is a real, usable token that is refused: it lists AES, and its flags promise a login.
	var aes bool
	for _, m := range r.Mechanisms {
		aes = aes || strings.HasPrefix(m.Mechanism, "AES_CBC ")
	}
	if flags := strings.Join(r.Token.Flags, " "); !aes || !strings.Contains(flags, "USER_PIN_INITIALIZED") || !strings.Contains(flags, "TOKEN_INITIALIZED") {
		t.Errorf("flags %s, mechanisms %v", flags, r.Mechanisms)
	}
}

const (
	ockConfig = "version opencryptoki-3.1\nslot 3\n{\nstdll = libpkcs11_sw.so\n}\n"
	ockSlot   = "3"
	ockSOPIN  = "87654321" // as delivered
)

// newOpenCryptoki makes a software token in the child's own mounts. PINs have at most 8 characters, and the one that the
// security officer gives the user must be changed by the user.
func newOpenCryptoki(t *testing.T) hsm.Config {
	t.Helper()
	daemon, pkcsconf := tool(t, "pkcsslotd", "opencryptoki"), tool(t, "pkcsconf", "opencryptoki")
	module := library(t, "opencryptoki", "pkcs11/libopencryptoki.so", "opencryptoki/libopencryptoki.so")
	ownMounts(t, "/run", "/dev/shm", "/var/lib/opencryptoki", "/etc/opencryptoki")
	write(t, "/etc/opencryptoki/opencryptoki.conf", ockConfig)
	for _, dir := range []string{"/run/lock/opencryptoki/swtok", "/var/lib/opencryptoki/swtok/TOK_OBJ"} {
		if err := os.MkdirAll(dir, 0o770); err != nil {
			t.Fatal(err)
		}
	}
	ownGroup(t)
	startDaemon(t, daemon, pkcsconf)
	run(t, "keyhold\n", pkcsconf, "-I", "-c", ockSlot, "-S", ockSOPIN)
	run(t, "", pkcsconf, "-P", "-c", ockSlot, "-S", ockSOPIN, "-n", "sopin123")
	run(t, "", pkcsconf, "-u", "-c", ockSlot, "-S", "sopin123", "-n", "tmp12345")
	run(t, "", pkcsconf, "-p", "-c", ockSlot, "-U", "tmp12345", "-n", "userpin1")
	return hsm.Config{Module: module, Label: "keyhold", PIN: pinOf("userpin1")}
}

// ownMounts hides directories of the machine from this process and its children behind empty ones in memory.
func ownMounts(t *testing.T, dirs ...string) {
	t.Helper()
	if os.Getpid() != 1 {
		t.Fatal("this process is not the first of its own namespace, so it mounts nothing")
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatalf("keep mounts to this process: %v", err)
	}
	for _, dir := range dirs {
		if err := syscall.Mount("none", dir, "tmpfs", 0, ""); err != nil {
			t.Fatalf("mount over %s: %v", dir, err)
		}
	}
}

// ownGroup makes the group that everything of openCryptoki belongs to one with root's, the only group that there is in
// the namespace of somebody who was not root.
func ownGroup(t *testing.T) {
	t.Helper()
	write(t, "/run/group", "root:x:0:\npkcs11:x:0:root\n")
	if err := syscall.Mount("/run/group", "/etc/group", "", syscall.MS_BIND, ""); err != nil {
		t.Fatalf("mount over /etc/group: %v", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// startDaemon needs no counterpart: the daemon ends with this process, the first of its namespace. Its socket's file is there
// before it listens, and a connection that asks for nothing ends it; so the library is asked whether it finds it.
func startDaemon(t *testing.T, daemon, pkcsconf string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), daemon).CombinedOutput(); err != nil {
		t.Fatalf("start %s: %v\n%s", daemon, err, out)
	}
	var out []byte
	err := errors.New("it was not asked")
	for end := time.Now().Add(time.Minute); err != nil && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, err = os.Stat("/run/pkcsslotd.socket"); err == nil {
			out, err = exec.CommandContext(t.Context(), pkcsconf, "-i").CombinedOutput()
		}
	}
	if err != nil {
		t.Fatalf("pkcsslotd does not answer in a minute: %v\n%s", err, out)
	}
}
