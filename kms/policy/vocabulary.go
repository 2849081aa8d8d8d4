package policy

import "strings"

// action is a row of the table of actions that policies may name.
type action struct {
	name string
	// keyless: the action has no key as its resource, so that a statement of a key policy about it has no effect (AWS KMS
	// Developer Guide, "KMS permissions reference"; kms:RetireGrant is governed by the grant itself).
	keyless bool
}

// actions are those of AWS KMS (Service Authorization Reference, "Actions, resources, and condition keys for AWS Key
// Management Service") and the two of AWS STS that Keyhold has.
var actions = []action{
	{"kms:CancelKeyDeletion", false}, {"kms:ConnectCustomKeyStore", true}, {"kms:CreateAlias", false},
	{"kms:CreateCustomKeyStore", true}, {"kms:CreateGrant", false}, {"kms:CreateKey", true}, {"kms:Decapsulate", false},
	{"kms:Decrypt", false}, {"kms:DeleteAlias", false}, {"kms:DeleteCustomKeyStore", true},
	{"kms:DeleteImportedKeyMaterial", false}, {"kms:DeriveSharedSecret", false}, {"kms:DescribeCustomKeyStores", true},
	{"kms:DescribeKey", false}, {"kms:DisableKey", false}, {"kms:DisableKeyRotation", false},
	{"kms:DisconnectCustomKeyStore", true}, {"kms:EnableKey", false}, {"kms:EnableKeyRotation", false},
	{"kms:Encapsulate", false}, {"kms:Encrypt", false}, {"kms:GenerateDataKey", false}, {"kms:GenerateDataKeyPair", false},
	{"kms:GenerateDataKeyPairWithoutPlaintext", false}, {"kms:GenerateDataKeyWithoutPlaintext", false},
	{"kms:GenerateMac", false}, {"kms:GenerateRandom", true}, {"kms:GetKeyLastUsage", false}, {"kms:GetKeyPolicy", false},
	{"kms:GetKeyRotationStatus", false}, {"kms:GetParametersForImport", false}, {"kms:GetPublicKey", false},
	{"kms:ImportKeyMaterial", false}, {"kms:ListAliases", true}, {"kms:ListGrants", false}, {"kms:ListKeyPolicies", false},
	{"kms:ListKeyRotations", false}, {"kms:ListKeys", true}, {"kms:ListResourceTags", false},
	{"kms:ListRetirableGrants", true}, {"kms:PutKeyPolicy", false}, {"kms:ReEncryptFrom", false}, {"kms:ReEncryptTo", false},
	{"kms:ReplicateKey", false}, {"kms:RetireGrant", true}, {"kms:RevokeGrant", false}, {"kms:RotateKeyOnDemand", false},
	{"kms:ScheduleKeyDeletion", false}, {"kms:Sign", false}, {"kms:TagResource", false}, {"kms:UntagResource", false},
	{"kms:UpdateAlias", false}, {"kms:UpdateCustomKeyStore", true}, {"kms:UpdateKeyDescription", false},
	{"kms:UpdatePrimaryRegion", false}, {"kms:Verify", false}, {"kms:VerifyMac", false},
	{"sts:AssumeRole", true}, {"sts:GetCallerIdentity", true},
}

// keyUse is what is known of a condition key.
type keyUse int

const (
	single keyUse = iota + 1 // a request has at most one value
	multi                    // a request may have several
	absent                   // AWS has the key; here no request ever does
)

// conditionKeys are the keys of AWS KMS and the global ones (Service Authorization Reference, as above; IAM User Guide,
// "AWS global condition context keys"), by their names in lower case.
var conditionKeys = map[string]keyUse{
	"kms:bypasspolicylockoutsafetycheck": single, "kms:calleraccount": single, "kms:customermasterkeyspec": single,
	"kms:customermasterkeyusage": single, "kms:datakeypairspec": single, "kms:encryptionalgorithm": single,
	"kms:encryptioncontext": single, "kms:encryptioncontextkeys": multi, "kms:expirationmodel": single,
	"kms:grantconstraintsourcearn": absent, "kms:grantconstrainttype": single, "kms:grantisforawsresource": single,
	"kms:grantoperations": multi, "kms:granteeprincipal": single, "kms:granteeserviceprincipal": absent,
	"kms:keyagreementalgorithm": single, "kms:keyorigin": single, "kms:keyspec": single, "kms:keyusage": single,
	"kms:macalgorithm": single, "kms:messagetype": single, "kms:multiregion": single, "kms:multiregionkeytype": absent,
	"kms:primaryregion": absent, "kms:reencryptonsamekey": single, "kms:replicaregion": absent, "kms:requestalias": single,
	"kms:resourcealiases": multi, "kms:retiringprincipal": single, "kms:retiringserviceprincipal": absent,
	"kms:rotationperiodindays": single, "kms:schedulekeydeletionpendingwindowindays": single, "kms:signingalgorithm": single,
	"kms:trailingdayswithoutkeyusage": single, "kms:validto": single, "kms:viaservice": absent,
	"kms:wrappingalgorithm": single, "kms:wrappingkeyspec": single,

	"aws:currenttime": single, "aws:epochtime": single, "aws:multifactorauthage": absent, "aws:multifactorauthpresent": absent,
	"aws:principalaccount": single, "aws:principalarn": single, "aws:principaltag": single, "aws:principaltype": single,
	"aws:requestedregion": single, "aws:requesttag": single, "aws:resourceaccount": single, "aws:resourcetag": single,
	"aws:securetransport": single, "aws:sourceip": single, "aws:tagkeys": multi, "aws:tokenissuetime": single,
	"aws:useragent": single, "aws:userid": single, "aws:username": single, "sts:externalid": single,
	"sts:rolesessionname": single,

	"aws:calledvia": absent, "aws:calledviafirst": absent, "aws:calledvialast": absent, "aws:ec2instancesourceprivateipv4": absent,
	"aws:ec2instancesourcevpc": absent, "aws:federatedprovider": absent, "aws:principalisawsservice": single,
	"aws:principalorgid": absent, "aws:principalorgpaths": absent, "aws:principalservicename": absent,
	"aws:principalservicenameslist": absent, "aws:referer": absent, "aws:resourceorgid": absent, "aws:resourceorgpaths": absent,
	"aws:sourceaccount": absent, "aws:sourcearn": absent, "aws:sourceidentity": absent, "aws:sourceorgid": absent,
	"aws:sourceorgpaths": absent, "aws:sourcevpc": absent, "aws:sourcevpcarn": absent, "aws:sourcevpce": absent,
	"aws:viaawsservice": single, "aws:vpceaccount": absent, "aws:vpceorgid": absent, "aws:vpceorgpaths": absent,
	"aws:vpcsourceip": absent,
}

// attestation begins the keys about enclaves, of which there are too many to list, and no enclaves.
const attestation = "kms:recipientattestation:"

// useOf is what is known of a key; 0 if nothing is.
func useOf(k ConditionKey) keyUse {
	if strings.HasPrefix(k.Name, attestation) {
		return absent
	}
	return conditionKeys[k.Name]
}

// narrowing are the keys that tell one caller from another: a condition on them makes "everybody" somebody.
var narrowing = map[string]bool{
	"kms:calleraccount": true, "aws:principalaccount": true, "aws:principalarn": true, "aws:principaltag": true,
	"aws:userid": true, "aws:username": true, "aws:sourceip": true, "aws:principalorgid": true, "aws:principalorgpaths": true,
	"aws:sourceaccount": true, "aws:sourcearn": true, "aws:sourcevpc": true, "aws:sourcevpce": true, "kms:viaservice": true,
	"sts:externalid": true,
}
