package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/softhsm/faultp11"
)

func faultctl(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, talk bytes.Buffer
	if got := run(args, &out, &talk); got != want {
		t.Fatalf("faultctl %s: exit %d, want %d\n%s", strings.Join(args, " "), got, want, talk.Bytes())
	}
	return out.String(), talk.String()
}

func TestAPageIsMadeAndCommanded(t *testing.T) {
	dir := t.TempDir()
	out, _ := faultctl(t, 0, "create", dir, "/usr/lib/real.so", "luna")
	page := filepath.Join(dir, "faultp11.page")
	for _, line := range []string{"export FAULTP11_MODULE='/usr/lib/real.so'", "export FAULTP11_CONTROL='" + page + "'"} {
		if !strings.Contains(out, line+"\n") {
			t.Errorf("create does not print %s:\n%s", line, out)
		}
	}
	for _, line := range []string{
		"fail C_Encrypt 0x30 2", "fail any 0x30", "lost-reply C_GenerateKey 0x30 1", "delay C_Decrypt 50ms", "hang C_FindObjects", "hang C_Sign 1",
		"release C_FindObjects", "kill 0x30", "kill-until-initialized 5", "revive", "reboot", "log-out", "lose-link", "restore-link",
		"refuse-login 0xA0 1", "remove-token 7", "return-token 7", "clear", "trace",
	} {
		faultctl(t, 0, append([]string{page}, strings.Fields(line)...)...)
	}
	if _, talk := faultctl(t, 1, page, "status"); !strings.Contains(talk, faultp11.ErrNotAttached.Error()) {
		t.Errorf("status of a page without a module says %q", talk)
	}
	for _, line := range []string{"fail C_Nothing 0x30", "fail C_Encrypt many", "delay C_Encrypt soon"} {
		faultctl(t, 1, append([]string{page}, strings.Fields(line)...)...)
	}
	faultctl(t, 1, filepath.Join(dir, "nothing"), "clear")
	faultctl(t, 1, "create", dir, "/usr/lib/real.so", "quantum")
	for _, args := range [][]string{nil, {"create", dir}, {page}, {page, "dance"}, {page, "fail", "C_Encrypt"}, {page, "clear", "all"}} {
		if _, talk := faultctl(t, 2, args...); !strings.Contains(talk, "refuse-login RV [COUNT]") {
			t.Errorf("the usage is %q", talk)
		}
	}
}
