package tokens

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/kmstest"
	"github.com/keyhold/keyhold/softhsm"
	"github.com/keyhold/keyhold/softhsm/faultp11"
)

const (
	soPIN    = "security-officer"
	password = "user-password"
)

// actor is a vendor's token, acted out in front of SoftHSM2.
type actor struct {
	mode faultp11.Mode
	file string // what the vendor calls its library
	pin  string
}

var (
	cloudHSM = actor{faultp11.CloudHSM, "libcloudhsm_pkcs11.so", "crypto_user:" + password}
	luna     = actor{faultp11.Luna, "libCryptoki2_64.so", password}
)

// play makes a token behind the actor. Its profile is left to be recognised.
func (a actor) play(t *testing.T) hsm.Config {
	t.Helper()
	dir := newDir(t)
	home, err := softhsm.Prepare(dir)
	if err != nil {
		t.Fatal(err)
	}
	control, err := faultp11.New(dir, home.Module, a.mode)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = control.Close() })
	module := filepath.Join(dir, a.file)
	if err := os.Symlink(control.Module, module); err != nil {
		t.Fatal(err)
	}
	env := home.Env()
	maps.Copy(env, control.Env())
	err = hsm.InitToken(context.Background(), hsm.NewToken{
		Module: module, Env: env, Label: "actor", SOPIN: secret.New([]byte(soPIN)), PIN: secret.New([]byte(password)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return hsm.Config{Module: module, Env: env, Label: "actor", PIN: pinOf(a.pin)}
}

func open(t *testing.T, cfg hsm.Config) *hsm.Token {
	t.Helper()
	tok, err := hsm.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tok.Close(); err != nil {
			t.Error(err)
		}
	})
	return tok
}

func conforms(t *testing.T, cfg hsm.Config) {
	t.Helper()
	kmstest.TestDevice(t, func(t *testing.T) kms.Device { return open(t, cfg) })
}

func TestCloudHSMConforms(t *testing.T) {
	if !inChild(t, nil) {
		conforms(t, cloudHSM.play(t))
	}
}

func TestCloudHSMConformsWithPrependedIVs(t *testing.T) {
	if !inChild(t, nil) {
		cfg := cloudHSM.play(t)
		cfg.IV = device.IVPrepended
		conforms(t, cfg)
	}
}

func TestLunaConforms(t *testing.T) {
	if !inChild(t, nil) {
		conforms(t, luna.play(t))
	}
}

func TestSoftHSMConforms(t *testing.T) {
	if inChild(t, nil) {
		return
	}
	a := actor{mode: faultp11.Transparent, file: "p11.so", pin: password}
	conforms(t, a.play(t))
}

// wantHeld wants every claim that can be tested to hold.
func wantHeld(t *testing.T, r hsm.Report, untestable ...string) {
	t.Helper()
	for _, c := range r.Claims {
		want := hsm.Held
		for _, fact := range untestable {
			if c.Fact == fact {
				want = hsm.NotTestable
			}
		}
		if c.Outcome != want {
			t.Errorf("%s: %s, %s; want %s", c.Says, c.Outcome, c.Detail, want)
		}
	}
	if r.Problem != "" {
		t.Error(r.Problem)
	}
}

func kwp(r hsm.Report) (found []string) {
	for _, k := range r.KeyWraps {
		if k.KWP {
			found = append(found, k.Mechanism)
		}
	}
	return found
}

func TestEveryClaimAboutCloudHSMHoldsBehindItsActor(t *testing.T) {
	if inChild(t, nil) {
		return
	}
	r := probe(t, cloudHSM.play(t))
	wantHeld(t, r, "capacity")
	if r.Profile.Name != "cloudhsm" || len(r.Claims) != 9 || r.Choices.IVPolicy != "written-back" || r.Choices.MaxObjects != 16666 {
		t.Errorf("%+v, %+v, %d claims", r.Profile, r.Choices, len(r.Claims))
	}
	if got := kwp(r); len(got) != 1 || !strings.Contains(got[0], "0x8000216F") {
		t.Errorf("key wrap with padding: %q", got)
	}
	wantLoads(t, r, "cloudhsm", 0)
}

func TestEveryClaimAboutLunaHoldsBehindItsActor(t *testing.T) {
	if inChild(t, nil) {
		return
	}
	r := probe(t, luna.play(t))
	wantHeld(t, r)
	if r.Profile.Name != "luna" || r.Choices.IVPolicy != "appended" {
		t.Errorf("%+v, %+v", r.Profile, r.Choices)
	}
	if got := kwp(r); len(got) != 1 || !strings.Contains(got[0], "0x80000171") {
		t.Errorf("key wrap with padding: %q", got)
	}
	wantLoads(t, r, "luna", 0)
}

// A token that makes its IVs, taken for one that takes the host's: refused, and the probe finds the way.
func TestTheProbeFindsTheIVPolicyOfAVendor(t *testing.T) {
	if inChild(t, nil) {
		return
	}
	for want, a := range map[device.IVPolicy]actor{device.IVWrittenBack: cloudHSM, device.IVAppended: luna} {
		cfg := a.play(t)
		cfg.Profile, cfg.Label = "generic", "actor"
		if _, err := hsm.Open(context.Background(), cfg); err == nil {
			t.Errorf("%s: a host's IV was accepted", a.file)
		}
		wantLoads(t, probe(t, cfg), "generic", want)
	}
}

// wantLoads reads the recommended configuration as a file.
func wantLoads(t *testing.T, r hsm.Report, profile string, iv device.IVPolicy) {
	t.Helper()
	c, err := configs.Parse([]byte("version: 1\naccount: \"111122223333\"\n"+r.Recommended), "recommended")
	if err != nil {
		t.Errorf("%v\n%s", err, r.Recommended)
		return
	}
	if c.Module.Profile != profile || c.Token.IV != iv || c.Token.Label != "actor" || len(c.Module.Env) == 0 {
		t.Errorf("%+v", c)
	}
}

func TestTheManualTellsOfEveryProfileAndItsLimits(t *testing.T) {
	if inChild(t, nil) {
		return
	}
	manual, err := os.ReadFile(filepath.Join("..", "..", "docs", "hsm.md"))
	if err != nil {
		t.Fatal(err)
	}
	c := probe(t, cloudHSM.play(t)).Choices
	said := hsm.ProfileNames()
	for _, n := range []int{c.MaxMessage, c.MaxMAC, c.MaxObjects} {
		said = append(said, fmt.Sprintf("| %d", n))
	}
	for _, want := range said {
		if !strings.Contains(string(manual), want) {
			t.Errorf("docs/hsm.md does not tell of %q", want)
		}
	}
}

func TestTheConfigurationKnowsEveryProfile(t *testing.T) {
	if got, want := strings.Join(configs.Profiles, " "), strings.Join(hsm.ProfileNames(), " "); got != want {
		t.Errorf("configs knows %s, hsm has %s", got, want)
	}
}
