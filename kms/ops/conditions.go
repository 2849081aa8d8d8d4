package ops

import (
	"strconv"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// What follows are the condition keys that mirror members of requests, with the members' defaults (AWS KMS Developer
// Guide, "AWS KMS condition keys"; IAM User Guide, "AWS global condition context keys").

func is(b *bool) []string { return []string{strconv.FormatBool(isTrue(b))} }

const encryptionAlgorithm = "kms:encryptionalgorithm"

func askedAlgorithm(a keyspec.EncryptionAlgorithm) map[string][]string {
	return map[string][]string{encryptionAlgorithm: {string(a)}}
}

// ofDataKey is the algorithm under which data keys are encrypted.
func ofDataKey() map[string][]string { return askedAlgorithm(keyspec.EncryptionSymmetricDefault) }

// askedTags are the keys of tags, and the tags themselves unless there are only keys.
func askedTags(keys []string, tags []api.Tag) map[string][]string {
	asked := map[string][]string{}
	for _, t := range tags {
		keys = append(keys, t.Key())
		asked["aws:requesttag/"+t.Key()] = []string{t.Value()}
	}
	if len(keys) > 0 {
		asked["aws:tagkeys"] = keys
	}
	return asked
}

// askedKey are the properties of the key that is to be.
func askedKey(in *api.CreateKeyInput) map[string][]string {
	asked := askedTags(nil, in.Tags)
	if spec, usage, err := in.SpecAndUsage(); err == nil {
		asked["kms:keyspec"], asked["kms:customermasterkeyspec"] = []string{string(spec)}, []string{string(spec)}
		asked["kms:keyusage"], asked["kms:customermasterkeyusage"] = []string{string(usage)}, []string{string(usage)}
	}
	asked["kms:keyorigin"] = []string{string(in.OriginOrDefault())}
	asked["kms:multiregion"] = is(in.MultiRegion)
	asked["kms:bypasspolicylockoutsafetycheck"] = is(in.BypassPolicyLockoutSafetyCheck)
	return asked
}

// askedGrant are the members of a grant that is to be.
func askedGrant(in *api.CreateGrantInput) map[string][]string {
	asked := map[string][]string{"kms:grantoperations": grantOperations(in)}
	if constraint, _, err := in.Constraints.Choice(); err == nil && constraint != "" {
		asked["kms:grantconstrainttype"] = []string{constraint}
	}
	if in.GranteePrincipal != nil {
		asked["kms:granteeprincipal"] = []string{*in.GranteePrincipal}
	}
	if in.RetiringPrincipal != nil {
		asked["kms:retiringprincipal"] = []string{*in.RetiringPrincipal}
	}
	return asked
}
