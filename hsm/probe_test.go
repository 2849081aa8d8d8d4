package hsm_test

import (
	"strings"
	"testing"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/hsm/hsmtest"
	"github.com/keyhold/keyhold/kms/device"
)

func probe(t *testing.T, cfg hsm.Config) hsm.Report {
	t.Helper()
	r, err := hsm.Probe(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func outcomes(r hsm.Report) map[string]hsm.Outcome {
	all := map[string]hsm.Outcome{}
	for _, c := range r.Claims {
		all[c.Fact] = c.Outcome
	}
	return all
}

func wantOutcomes(t *testing.T, r hsm.Report, want map[string]hsm.Outcome) {
	t.Helper()
	got := outcomes(r)
	for fact, outcome := range want {
		if got[fact] != outcome {
			t.Errorf("claim %q: %q, want %q", fact, got[fact], outcome)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d claims, want %d: %v", len(got), len(want), got)
	}
}

func text(t *testing.T, r hsm.Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTheProbeChecksEachClaim(t *testing.T) {
	token := hsmtest.New(t)
	r := probe(t, token.Config())
	wantOutcomes(t, r, map[string]hsm.Outcome{"iv": hsm.Held, "flags": hsm.Held, "template": hsm.Held, "kwp": hsm.Held})
	for _, k := range r.KeyWraps {
		if want := strings.Contains(k.Mechanism, "0x210A"); k.KWP != want || k.Offered != want {
			t.Errorf("%+v", k)
		}
	}
	for _, want := range []string{"profile: softhsm2", `label: "` + token.Label + `"`, "SOFTHSM2_CONF: "} {
		if !strings.Contains(r.Recommended, want) {
			t.Errorf("%q is not recommended in\n%s", want, r.Recommended)
		}
	}
	if strings.Contains(r.Recommended, "iv:") || len(r.IVTrials) != 0 {
		t.Errorf("the profile's policy holds, and yet: %v\n%s", r.IVTrials, r.Recommended)
	}
	if objects, err := token.Open(t).Inventory(ctx); err != nil || len(objects) != 0 {
		t.Errorf("the probe left %d objects, %v", len(objects), err)
	}
}

// A Luna that is not in FIPS mode wants the host's IV; SoftHSM by luna's profile looks like one.
func TestTheProbeFindsTheIVPolicyThatHolds(t *testing.T) {
	cfg := hsmtest.New(t).Config()
	cfg.Profile = "luna"
	r := probe(t, cfg)
	if r.Problem == "" || outcomes(r)["iv"] != hsm.Failed {
		t.Errorf("problem %q, claims %v", r.Problem, r.Claims)
	}
	last := r.IVTrials[len(r.IVTrials)-1]
	if last.Policy != "host-random" || !last.Proven || !strings.Contains(r.Recommended, "iv: host-random") {
		t.Errorf("trials %+v\n%s", r.IVTrials, r.Recommended)
	}
	if got := text(t, r); !strings.Contains(got, "NOT USABLE") || !strings.Contains(got, "proven; set token.iv") {
		t.Error(got)
	}
	cfg.IV = device.IVHostRandom
	if r = probe(t, cfg); r.Problem != "" || !strings.Contains(r.Recommended, "iv: host-random") {
		t.Errorf("with token.iv set: %q\n%s", r.Problem, r.Recommended)
	}
}

func TestTheProbeOfATokenThatRefusesThePINTriesItOnce(t *testing.T) {
	cfg := hsmtest.New(t).Config()
	cfg.PIN = hsmtest.PINSource("wrong-pin")
	r := probe(t, cfg)
	if !strings.Contains(r.Problem, "CKR_PIN_INCORRECT") || len(r.IVTrials) != 0 || r.Recommended != "" {
		t.Errorf("problem %q, trials %v, recommended %q", r.Problem, r.IVTrials, r.Recommended)
	}
	for _, c := range r.Claims {
		if c.Outcome != hsm.NotTestable {
			t.Errorf("%+v", c)
		}
	}
}

func TestAPINOfAnotherFormIsNotShownToTheToken(t *testing.T) {
	cfg := hsmtest.New(t).Config()
	cfg.Profile = "cloudhsm"
	_, err := hsm.Open(ctx, cfg)
	if err == nil || !strings.Contains(err.Error(), "user:password") || !strings.Contains(err.Error(), "the token was not asked") || strings.Contains(err.Error(), "CKR_") {
		t.Errorf("got %v", err)
	}
}
