package tokens

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/kms/device"
)

// NSS encrypts as it should and hands out keys that must not leave it: a token that passes every test but the one that
// matters most.
func TestNSSIsRefusedBecauseItWrapsNonExtractableKeys(t *testing.T) {
	if inChild(t, nil) {
		return
	}
	cfg := newNSS(t)
	r := probe(t, cfg)
	if !strings.Contains(r.Library.Description, "NSS") || r.Profile.Name != "generic" {
		t.Errorf("library %q, profile %q", r.Library.Description, r.Profile.Name)
	}
	for _, passes := range []string{"fresh IV", "opens again", "other additional data is refused", "agrees with another implementation", "cannot be read"} {
		if c := checked(t, r, passes); !c.OK {
			t.Errorf("%s: %s", c.Name, c.Detail)
		}
	}
	const verdict = "the token wrapped a key with CKA_EXTRACTABLE false"
	if c := checked(t, r, "cannot be wrapped"); c.OK || !strings.Contains(c.Detail, verdict) {
		t.Errorf("%s: %t, %s", c.Name, c.OK, c.Detail)
	}
	if _, err := hsm.Open(context.Background(), cfg); !errors.Is(err, device.ErrUntrusted) || !strings.Contains(err.Error(), verdict) {
		t.Errorf("open: %v", err)
	}
	if r.Recommended != "" {
		t.Errorf("it is recommended:\n%s", r.Recommended)
	}
	// One number, two formats: here 0x210A is not what it is on SoftHSM.
	for number, want := range map[string]string{"0x210B": "RFC 5649 (KWP)", "0x210A": "RFC 3394 (KW) of PKCS #7 padding"} {
		for _, k := range r.KeyWraps {
			if strings.Contains(k.Mechanism, number) && k.Format != want {
				t.Errorf("%s is %q, want %q", k.Mechanism, k.Format, want)
			}
		}
	}
}

// newNSS makes a certificate database with a password. Its token's label is fixed; the library is told where it is in
// pReserved, where it reads LibraryParameters.
func newNSS(t *testing.T) hsm.Config {
	t.Helper()
	certutil := tool(t, "certutil", "libnss3-tools")
	module := library(t, "libnss3", "libsoftokn3.so", "nss/libsoftokn3.so")
	const password = "nss-password"
	dir := newDir(t)
	file := filepath.Join(dir, "password")
	if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "", certutil, "-N", "-d", "sql:"+dir, "-f", file)
	return hsm.Config{
		Module: module, Label: "NSS Certificate DB", PIN: pinOf(password),
		InitArgs: fmt.Sprintf("configdir='sql:%s' certPrefix='' keyPrefix='' secmod='secmod.db' flags=''", dir),
	}
}
