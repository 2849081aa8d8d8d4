package clients

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	awspolicy "github.com/hashicorp/awspolicyequivalence"
)

// The AWS provider of Terraform takes half an hour to compile. These tests make the calls that it makes, in its order, and
// judge the answers as it does: a plan right after an apply must have nothing to do, or it would have something to do for ever.

// tfKey is the configuration, and the state, of an aws_kms_key. The period is 0 where rotation is off.
type tfKey struct {
	description string
	policy      string // "" in a configuration that has none
	enabled     bool
	period      int32
	tags        map[string]string
}

// settled is how often the provider wants to read one and the same answer before it goes on.
const settled = 5

// create makes the key and answers its id, by which the provider calls it from then on.
func (k tfKey) create(b *bench) (id string) {
	b.t.Helper()
	in := &kms.CreateKeyInput{KeySpec: types.KeySpecSymmetricDefault, KeyUsage: types.KeyUsageTypeEncryptDecrypt, Tags: tagList(k.tags)}
	if k.description != "" {
		in.Description = &k.description
	}
	if k.policy != "" {
		in.Policy = &k.policy
	}
	id = *must(b.kms.CreateKey(b.ctx, in))(b.t).KeyMetadata.KeyId
	if k.period > 0 {
		must(b.kms.EnableKeyRotation(b.ctx, &kms.EnableKeyRotationInput{KeyId: &id, RotationPeriodInDays: &k.period}))(b.t)
	}
	if !k.enabled {
		must(b.kms.DisableKey(b.ctx, &kms.DisableKeyInput{KeyId: &id}))(b.t)
	}
	k.wantNoDrift(b, id)
	return id
}

// readKey is what a refresh finds; false for what counts as gone.
func readKey(b *bench, id string) (k tfKey, found bool) {
	b.t.Helper()
	described, err := b.kms.DescribeKey(b.ctx, &kms.DescribeKeyInput{KeyId: &id})
	if notFound.is(err) {
		return tfKey{}, false
	}
	m := must(described, err)(b.t).KeyMetadata
	if m.KeyState == types.KeyStatePendingDeletion {
		return tfKey{}, false
	}
	k = tfKey{description: aws.ToString(m.Description), enabled: m.Enabled, tags: map[string]string{}}
	k.policy = *must(b.kms.GetKeyPolicy(b.ctx, &kms.GetKeyPolicyInput{KeyId: &id, PolicyName: aws.String("default")}))(b.t).Policy
	if m.Origin == types.OriginTypeAwsKms {
		status := must(b.kms.GetKeyRotationStatus(b.ctx, &kms.GetKeyRotationStatusInput{KeyId: &id}))(b.t)
		if k.period = aws.ToInt32(status.RotationPeriodInDays); status.KeyRotationEnabled != (k.period > 0) {
			b.t.Errorf("rotation is %v, with a period of %d", status.KeyRotationEnabled, k.period)
		}
	}
	tags, _ := listAll(b, kms.NewListResourceTagsPaginator(b.kms, &kms.ListResourceTagsInput{KeyId: &id}), tagsOf)
	for _, tag := range tags {
		name, value, _ := strings.Cut(tag, "=")
		k.tags[name] = value
	}
	return k, true
}

// wantNoDrift is a plan that must have nothing to do, as often as the provider waits for a change to settle.
func (k tfKey) wantNoDrift(b *bench, id string) {
	b.t.Helper()
	for range settled {
		got, found := readKey(b, id)
		same, err := true, error(nil)
		if k.policy != "" {
			same, err = awspolicy.PoliciesAreEquivalent(got.policy, k.policy)
		}
		if !found || err != nil || !same || got.description != k.description || got.enabled != k.enabled || got.period != k.period || !maps.Equal(got.tags, k.tags) {
			b.t.Fatalf("a plan would change %+v\ninto %+v (found %v, policies alike %v, %v)", got, k, found, same, err)
		}
	}
}

// update brings a key from one configuration to another: enabled first and disabled last, because a disabled key takes no
// change of its rotation.
func (k tfKey) update(b *bench, id string, to tfKey) {
	b.t.Helper()
	if to.enabled && !k.enabled {
		must(b.kms.EnableKey(b.ctx, &kms.EnableKeyInput{KeyId: &id}))(b.t)
	}
	switch {
	case to.period > 0 && to.period != k.period:
		must(b.kms.EnableKeyRotation(b.ctx, &kms.EnableKeyRotationInput{KeyId: &id, RotationPeriodInDays: &to.period}))(b.t)
	case to.period == 0 && k.period > 0:
		must(b.kms.DisableKeyRotation(b.ctx, &kms.DisableKeyRotationInput{KeyId: &id}))(b.t)
	}
	if to.description != k.description {
		must(b.kms.UpdateKeyDescription(b.ctx, &kms.UpdateKeyDescriptionInput{KeyId: &id, Description: &to.description}))(b.t)
	}
	if to.policy != k.policy {
		must(b.kms.PutKeyPolicy(b.ctx, &kms.PutKeyPolicyInput{KeyId: &id, PolicyName: aws.String("default"), Policy: &to.policy}))(b.t)
	}
	if gone := slices.Collect(maps.Keys(k.tags)); len(gone) > 0 {
		gone = slices.DeleteFunc(gone, func(name string) bool { _, stays := to.tags[name]; return stays })
		if len(gone) > 0 {
			must(b.kms.UntagResource(b.ctx, &kms.UntagResourceInput{KeyId: &id, TagKeys: gone}))(b.t)
		}
	}
	if len(to.tags) > 0 {
		must(b.kms.TagResource(b.ctx, &kms.TagResourceInput{KeyId: &id, Tags: tagList(to.tags)}))(b.t)
	}
	if k.enabled && !to.enabled {
		must(b.kms.DisableKey(b.ctx, &kms.DisableKeyInput{KeyId: &id}))(b.t)
	}
	to.wantNoDrift(b, id)
}

// destroyKey may come again, when a first destruction broke off.
func destroyKey(b *bench, id string) {
	b.t.Helper()
	_, err := b.kms.ScheduleKeyDeletion(b.ctx, &kms.ScheduleKeyDeletionInput{KeyId: &id, PendingWindowInDays: aws.Int32(7)})
	var state *types.KMSInvalidStateException
	if err != nil && !notFound.is(err) && !(errors.As(err, &state) && strings.Contains(state.ErrorMessage(), "is pending deletion")) {
		b.t.Fatal(err)
	}
	if k, found := readKey(b, id); found {
		b.t.Fatalf("it is still there: %+v", k)
	}
}

func tagList(tags map[string]string) (list []types.Tag) {
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{TagKey: aws.String(name), TagValue: aws.String(tags[name])})
	}
	return list
}

func TestTerraformsKeyHasNoDrift(t *testing.T) {
	b := newBench(t)
	user, _ := b.user(allow("*", "kms:ListKeys"))
	policy := func(principals, actions string) string {
		return `{"Version":"2012-10-17","Statement":[{"Sid":"all","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"},
			{"Sid":"use","Effect":"Allow","Principal":{"AWS":` + principals + `},"Action":` + actions + `,"Resource":["*"]}]}`
	}
	plain := tfKey{enabled: true, tags: map[string]string{}}
	for name, c := range map[string]struct{ from, to tfKey }{
		"a key with nothing, which gets everything": {plain,
			tfKey{"orders", policy(`"`+*user+`"`, `["kms:Encrypt","kms:Decrypt"]`), false, 180, map[string]string{"team": "billing", "stage": ""}}},
		"a key with everything, which loses it": {
			tfKey{"orders", policy(`["`+*user+`"]`, `["kms:Encrypt","kms:Decrypt"]`), false, 90, map[string]string{"team": "billing", "stage": "test"}},
			tfKey{"", policy(`["`+*user+`","`+account+`"]`, `"kms:Encrypt"`), true, 0, map[string]string{"stage": "production"}}},
		"another period, and another order in the policy": {
			tfKey{"", policy(`["`+account+`","`+*user+`"]`, `["kms:Encrypt","kms:Decrypt"]`), true, 365, map[string]string{}},
			tfKey{"", policy(`["`+*user+`","`+account+`"]`, `["kms:Decrypt","kms:Encrypt"]`), true, 2560, map[string]string{}}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			id := c.from.create(b)
			c.from.update(b, id, c.to)
			destroyKey(b, id)
			destroyKey(b, id)
		})
	}
}
