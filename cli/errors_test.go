package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
)

const keyARN = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-4cde-8f01-1234567890ab"

func TestErrorsSayWhatToDoNext(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		code int
		want string
	}{
		"success":           {nil, exitOK, ""},
		"a dry run":         {api.DryRun(), exitOK, "keyhold: the request would have succeeded; nothing was done\n"},
		"an error":          {errors.New("it broke"), exitError, "keyhold: it broke.\n"},
		"a full stop stays": {errors.New("it broke."), exitError, "keyhold: it broke.\n"},
		"a blank goes":      {errors.New("it broke. "), exitError, "keyhold: it broke.\n"},
		"two lines":         {errors.Join(errors.New("a"), errors.New("b")), exitError, "keyhold: a\nkeyhold: b\n"},
		"advice":            {fmt.Errorf("do it: %w", advise(errors.New("it broke"), "mend %s", "it")), exitError, "keyhold: do it: it broke.\nkeyhold: mend it\n"},
		"said already":      {errReported, exitError, ""},
		"a disabled key": {api.Disabled(keyARN), exitError,
			"keyhold: DisabledException: " + keyARN + " is disabled.\nkeyhold: enable the key with: keyhold key enable " + keyARN + "\n"},
		"a key that waits for deletion": {api.PendingDeletion(keyARN), exitError,
			"keyhold: KMSInvalidStateException: " + keyARN + " is pending deletion.\nkeyhold: keep the key with: keyhold key cancel-delete " + keyARN + "\n"},
		"a key that does not": {api.NotPendingDeletion(keyARN), exitError,
			"keyhold: KMSInvalidStateException: " + keyARN + " is not pending deletion.\n" +
				"keyhold: its deletion was cancelled or never scheduled; see its state with: keyhold key describe " + keyARN + "\n"},
		"a policy that locks out": {api.PolicyLockout(), exitError,
			"keyhold: " + api.PolicyLockout().Error() + "\nkeyhold: let the policy allow kms:PutKeyPolicy to the account's root, or say that " +
				"you mean it with --bypass-lockout-check of keyhold policy put, or BypassPolicyLockoutSafetyCheck in: keyhold call\n"},
		"no more rotations": {api.OnDemandLimit(keyARN), exitError,
			"keyhold: " + api.OnDemandLimit(keyARN).Error() + ".\nkeyhold: raise keys.on_demand_rotations in the configuration, or move the alias " +
				"to a new key with: keyhold alias update NAME NEW-KEY\n"},
		"another limit":            {api.LimitExceeded("Too much."), exitError, "keyhold: LimitExceededException: Too much.\n"},
		"an address can be copied": {errors.New("see https://example.com/a"), exitError, "keyhold: see https://example.com/a\n"},
		"an alias where there may be none": {api.AliasesNotSupported(), exitError,
			"keyhold: InvalidArnException: Key Aliases are not supported for this operation.\n" +
				"keyhold: this command wants a key id or key ARN; keyhold key describe alias/NAME shows both\n"},
		"a ciphertext that does not open": {fmt.Errorf("x: %w", api.InvalidCiphertext()), exitError,
			"keyhold: x: InvalidCiphertextException.\nkeyhold: the ciphertext does not open. Check that the file is complete and unchanged, " +
				"and give the same --context as when it was made\n"},
		"a ciphertext of another directory": {api.CiphertextRefersTo(), exitError,
			"keyhold: " + api.CiphertextRefersTo().Error() + "\nkeyhold: a key of another data directory made it, or the key policy keeps it " +
				"from you. The keys here: keyhold key list\n"},
		"a refusal of the API that says enough": {api.Validation("No."), exitError, "keyhold: ValidationException: No.\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var talk bytes.Buffer
			p := &program{err: &talk}
			if code := p.report(tc.err); code != tc.code || talk.String() != tc.want {
				t.Errorf("code %d, said %q\nwant %d, %q", code, talk.String(), tc.code, tc.want)
			}
		})
	}
}

func TestASignalIsCalledByItsName(t *testing.T) {
	var talk bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	t.Setenv("KEYHOLD_CONFIG", "")
	p := &program{in: neverReader{}, out: &talk, err: &talk}
	if code := p.run(ctx, []string{"keyhold", "decrypt"}); code != exitError || talk.String() != "keyhold: interrupted.\n" {
		t.Errorf("code %d, said %q", code, talk.String())
	}
}

// neverReader is a terminal at which nobody types.
type neverReader struct{}

func (neverReader) Read([]byte) (int, error) { select {} }

func TestEveryAdviceIsOneLine(t *testing.T) {
	for name, advice := range nextSteps {
		if advice == "" || strings.ContainsAny(advice, "\n") || strings.HasSuffix(advice, ".") {
			t.Errorf("%s: %q: want one line without a full stop, so that commands can be copied", name, advice)
		}
	}
}
