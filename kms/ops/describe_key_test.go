package ops_test

import (
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms/api"
)

// The life of a key as DescribeKey tells it, on the wire.
func TestDescribeKeyTellsTheLifeOfAKeyOnTheWire(t *testing.T) {
	b := newBench(t)
	var text strings.Builder
	tell := func(what string, metadata any) {
		text.WriteString(what + "\n" + mustEncode(t, metadata) + "\n\n")
	}
	made := must[*api.CreateKeyOutput](b, "CreateKey", &api.CreateKeyInput{
		Description: new("payroll, \"production\" <ä>"), Tags: []api.Tag{api.NewTag("team", "blue")}})
	id := made.KeyMetadata.KeyID
	tell("the answer of CreateKey", made)
	step := func(what, operation string, in subject) {
		b.clock.Advance(time.Hour + 1500*time.Microsecond)
		if operation != "" {
			must[any](b, operation, sample(t, operation, in))
		}
		tell(what, must[*api.DescribeKeyOutput](b, "DescribeKey", &api.DescribeKeyInput{KeyID: &id}))
	}
	key := subject{key: id}
	step("an hour later", "", key)
	step("disabled", "DisableKey", key)
	step("enabled", "EnableKey", key)
	step("rotated", "RotateKeyOnDemand", key)
	step("described anew", "UpdateKeyDescription", key)
	step("to be deleted", "ScheduleKeyDeletion", key)
	step("rescued", "CancelKeyDeletion", key)
	golden(t, "testdata/describe_key.txt", normal(text.String()))
	if !strings.HasPrefix(text.String(), "the answer of CreateKey\n{\"KeyMetadata\":{\"AWSAccountId\":\"111122223333\",\"KeyId\":\""+id) {
		t.Error("the answer does not begin with the account and the bare id")
	}
}

func TestCreateKeyAnswersWhatDescribeKeyWill(t *testing.T) {
	b := newBench(t)
	made := must[*api.CreateKeyOutput](b, "CreateKey", &api.CreateKeyInput{Description: new("x")})
	told := must[*api.DescribeKeyOutput](b, "DescribeKey", &api.DescribeKeyInput{KeyID: &made.KeyMetadata.Arn})
	if a, d := mustEncode(t, made), mustEncode(t, told); a != d {
		t.Errorf("CreateKey answers %s\nDescribeKey answers %s", a, d)
	}
	b.reopen()
	again := must[*api.DescribeKeyOutput](b, "DescribeKey", &api.DescribeKeyInput{KeyID: &made.KeyMetadata.Arn})
	if a, d := mustEncode(t, made), mustEncode(t, again); a != d {
		t.Errorf("after a restart it is %s", d)
	}
}
