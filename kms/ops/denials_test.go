package ops_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// authorization is what the last record says about who decided.
func (b *bench) authorization() map[string]any {
	b.t.Helper()
	records := b.log.all()
	data, _ := records[len(records)-1]["additionalEventData"].(map[string]any)
	found, _ := data["authorization"].(map[string]any)
	return found
}

// The answer to a caller says little; the log, which is the operator's, says what decided.
func TestTheLogSaysWhatDeniedARequest(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	nobody, barred, enemy := b.user("nobody"), b.user("barred", allow("kms:*"), deny("kms:Encrypt")), b.user("enemy", allow("kms:*"))
	stranger, off := b.userOf(otherAccount, "stranger"), b.user("off", allow("kms:*"))
	guest := b.session(b.role("guest", ""), "monday")
	key := b.keyWith(delegating(account), letting("Deny", "enemies", enemy.ARN, "kms:*"))
	blob := b.encrypt(key, "x", nil)
	must[any](b, "DisablePrincipal", &api.DisablePrincipalInput{Principal: &off.ARN})
	expired := guest
	expired.Session = &kms.Session{Role: guest.Session.Role, Name: "monday", IssuedAt: guest.Session.IssuedAt, ExpiresAt: guest.Session.IssuedAt}
	encrypting := &api.EncryptInput{KeyID: new(keyARN(key)), Plaintext: []byte("x")}
	const unknown = "00000000-0000-4000-8000-000000000000"
	for _, c := range []struct {
		title     string
		caller    kms.Caller
		operation string
		in        kms.Input
		want      map[string]any
		reason    string
	}{
		{"no identity policy", nobody, "Encrypt", encrypting, map[string]any{"decision": "lacks-identity-policy", "action": "kms:Encrypt"},
			"no identity policy of " + nobody.ARN + " allows kms:Encrypt"},
		{"an identity policy", barred, "Encrypt", encrypting, map[string]any{"decision": "denied-by-identity-policy", "action": "kms:Encrypt",
			"policy": "p2", "statement": 1.0}, "denies " + barred.ARN},
		{"the key policy", enemy, "Encrypt", encrypting, map[string]any{"decision": "denied-by-key-policy", "action": "kms:Encrypt",
			"sid": "enemies", "statement": 2.0}, "denies " + enemy.ARN},
		{"a session", guest, "Encrypt", encrypting, map[string]any{"decision": "lacks-identity-policy", "action": "kms:Encrypt"}, "no identity policy"},
		{"a hidden denial", stranger, "Encrypt", encrypting, map[string]any{"decision": "nothing-allows-it", "action": "kms:Encrypt"}, "no statement of the key policy"},
		{"a hidden denial by ciphertext", stranger, "Decrypt", &api.DecryptInput{CiphertextBlob: blob},
			map[string]any{"decision": "nothing-allows-it", "action": "kms:Decrypt"}, "no statement of the key policy"},
		{"a key that is not there", stranger, "Encrypt", &api.EncryptInput{KeyID: new(keyARN(unknown)), Plaintext: []byte("x")},
			map[string]any{"decision": "not-found", "action": "kms:Encrypt"}, "there is no such key"},
		{"a disabled user", off, "Encrypt", encrypting, map[string]any{"decision": "caller-not-recognized"}, off.ARN + " is disabled"},
		{"an expired session", expired, "Encrypt", encrypting, map[string]any{"decision": "caller-not-recognized"}, "the session has expired"},
		{"a change", nobody, "DisableKey", &api.DisableKeyInput{KeyID: &key}, map[string]any{"decision": "lacks-identity-policy", "action": "kms:DisableKey"}, "no identity policy"},
	} {
		t.Run(c.title, func(t *testing.T) {
			if err := b.recorded(t, kms.Request{Operation: c.operation, Caller: c.caller, Input: c.in}); err == nil {
				t.Fatal("it was allowed")
			}
			got := maps.Clone(b.authorization())
			reason, _ := got["reason"].(string)
			delete(got, "reason")
			if !maps.Equal(got, c.want) || !strings.Contains(reason, c.reason) {
				t.Errorf("the log says %v, %q; want %v, %q", got, reason, c.want, c.reason)
			}
		})
	}
	b.encrypt(key, "x", nil)
	if got := b.authorization(); got != nil {
		t.Errorf("of a request that was allowed by policy the log says %v", got)
	}
}

func TestTheLogSaysWhichGrantLetARequestThrough(t *testing.T) {
	b := newBench(t)
	holder := b.user("holder")
	key, other := b.newKey(), b.newKey()
	grant, next := b.grantTo(key, holder.ARN, "Encrypt", "ReEncryptFrom", "CreateGrant"), b.grantTo(other, holder.ARN, "ReEncryptTo")
	blob := mustAs[*api.EncryptOutput](b, holder, "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")}).CiphertextBlob
	if got := b.authorization(); got["decision"] != "allowed-by-grant" || got["grantId"] != grant || got["action"] != "kms:Encrypt" {
		t.Errorf("of Encrypt the log says %v", got)
	}
	mustAs[any](b, holder, "ReEncrypt", &api.ReEncryptInput{CiphertextBlob: blob, DestinationKeyID: &other})
	if got := b.authorization(); got["grantId"] != grant || fmt.Sprint(got["grantIds"]) != fmt.Sprint([]string{grant, next}) {
		t.Errorf("of ReEncrypt the log says %v", got)
	}
	mustAs[any](b, holder, "CreateGrant", &api.CreateGrantInput{KeyID: &key, GranteePrincipal: &holder.ARN, Operations: []keyspec.GrantOperation{"Encrypt"}})
	if got := b.authorization(); got["grantId"] != grant || got["action"] != "kms:CreateGrant" {
		t.Errorf("of a change the log says %v", got)
	}
}

// What the log says is bounded, however long the names in it are.
func TestTheReasonInTheLogIsBounded(t *testing.T) {
	b := newBench(t)
	long := b.session(b.role(strings.Repeat("r", 64), ""), strings.Repeat("s", 64))
	sid := strings.Repeat("s", 20000)
	key := b.keyWith(delegating(account), letting("Deny", sid, "*", "kms:Encrypt"))
	refused(t, second(tryAs[any](b, long, "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")})), api.AccessDeniedException)
	size := 0
	for _, value := range b.authorization() {
		size += len(fmt.Sprint(value))
	}
	if size == 0 || size > 4096 {
		t.Errorf("the log has %d octets about it", size)
	}
}
