package ops_test

import (
	"context"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/kmstest"
)

// A mutation waits for others of the same key. Who may not make it must not wait: it would find out that the key is there,
// and, when it takes its turn, hold up who may.
func TestWhoMayNotChangeAKeyDoesNotQueueForIt(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	key, owner := b.newKey(), b.service.Root("local", "test")
	gate := b.device.Block(kmstest.MethodGenerateKey, kmstest.BeforeCall)
	rotated := make(chan error, 1)
	go func() {
		_, err := b.service.Do(t.Context(), kms.Request{Operation: "RotateKeyOnDemand", Caller: owner, Input: &api.RotateKeyOnDemandInput{KeyID: &key}})
		rotated <- err
	}()
	gate.Await(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	id := "0000000000000000000000000000000000000000000000000000000000000000"
	for _, caller := range []kms.Caller{b.userOf(otherAccount, "stranger", allow("kms:*")), b.user("clerk")} {
		_, err := b.service.Do(ctx, kms.Request{Operation: "RevokeGrant", Caller: caller, Input: &api.RevokeGrantInput{KeyID: new(keyARN(key)), GrantID: &id}})
		refused(t, err, denied)
	}
	gate.Release()
	if err := <-rotated; err != nil {
		t.Error(err)
	}
}
