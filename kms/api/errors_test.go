package api_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

const (
	keyARN   = "arn:aws:kms:eu-central-1:210987654321:key/" + someKey
	aliasARN = "arn:aws:kms:eu-central-1:210987654321:alias/a"
	userARN  = "arn:aws:iam::210987654321:user/u"
)

func TestErrorsHaveTheTextsOfAWS(t *testing.T) {
	for _, c := range []struct {
		err  *api.Error
		want string
	}{
		{api.NotFoundKey(keyARN), "NotFoundException: Key '" + keyARN + "' does not exist"},
		{api.InvalidKeyID("mrk-1234"), "NotFoundException: Invalid keyId 'mrk-1234'"},
		{api.InvalidKeyIDInARN("mrk-1234"), "NotFoundException: Invalid keyId mrk-1234"},
		{api.InvalidARNRegion("us-east-1"), "NotFoundException: Invalid arn us-east-1"},
		{api.AliasNotFound(aliasARN), "NotFoundException: Alias " + aliasARN + " is not found."},
		{api.AliasesNotSupported(), "InvalidArnException: Key Aliases are not supported for this operation."},
		{api.AlreadyExistsAlias(aliasARN), "AlreadyExistsException: An alias with the name " + aliasARN + " already exists"},
		{api.AliasPrefix(), `ValidationException: Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`},
		{api.AliasReserved(), "NotAuthorizedException"},
		{api.AliasTargetIsAlias(), "ValidationException: Aliases must refer to keys. Not aliases"},
		{api.BothKeySpecs(), "ValidationException: You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated."},
		{api.KeyUsageMissing(), "ValidationException: You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."},
		{api.KeyUsageIncompatible(keyspec.SignVerify, keyspec.HMAC256), "ValidationException: KeyUsage SIGN_VERIFY is not compatible with KeySpec HMAC_256"},
		{api.TagDuplicate(), "TagException: Duplicate tag keys"},
		{api.TagTooMany(), "TagException: Too many tags"},
		{api.TagReserved(), "TagException: Tags beginning with aws: are reserved"},
		{api.Disabled(keyARN), "DisabledException: " + keyARN + " is disabled."},
		{api.PendingDeletion(keyARN), "KMSInvalidStateException: " + keyARN + " is pending deletion."},
		{api.NotPendingDeletion(keyARN), "KMSInvalidStateException: " + keyARN + " is not pending deletion."},
		{api.PendingImport(keyARN), "KMSInvalidStateException: " + keyARN + " is pending import."},
		{api.Unavailable(keyARN), "KMSInvalidStateException: " + keyARN + " is unavailable."},
		{api.Creating(keyARN), "KMSInvalidStateException: " + keyARN + " is creating."},
		{api.Updating(keyARN), "KMSInvalidStateException: " + keyARN + " is updating."},
		{api.OriginInvalid(keyARN, keyspec.OriginExternal), "UnsupportedOperationException: " + keyARN + " origin is EXTERNAL which is not valid for this operation."},
		{api.UnsupportedNoMessage(), "UnsupportedOperationException"},
		{api.KeyUsageInvalid(keyARN, keyspec.SignVerify, "GenerateDataKey"), "InvalidKeyUsageException: " + keyARN + " key usage is SIGN_VERIFY which is not valid for GenerateDataKey."},
		{api.AlgorithmIncompatible(keyspec.EncryptionSymmetricDefault, keyspec.RSA2048), "InvalidKeyUsageException: Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048."},
		{api.DataKeyAsymmetric(), "InvalidKeyUsageException: You cannot generate a data key with an asymmetric CMK"},
		{api.DataKeySizeChoice(), "ValidationException: Please specify either number of bytes or key spec."},
		{api.NumberOfBytesRequired(), "ValidationException: NumberOfBytes is required."},
		{api.PlaintextTooLarge(keyspec.EncryptionRSAOAEPSHA1, keyspec.RSA2048, 214), "ValidationException: Algorithm RSAES_OAEP_SHA_1 and key spec RSA_2048 cannot encrypt data larger than 214 bytes."},
		{api.EncryptionContextUnsupported(), "ValidationException: EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs."},
		{api.KeyIDRequired(), "ValidationException: KeyId must not be null"},
		{api.IncorrectKey(), "IncorrectKeyException: The key ID in the request does not identify a CMK that can perform this operation."},
		{api.CiphertextRefersTo(), "AccessDeniedException: The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access."},
		{api.InvalidCiphertext(), "InvalidCiphertextException"},
		{api.DryRun(), "DryRunOperationException: The request would have succeeded, but the DryRun option is set."},
		{api.OnDemandLimit(keyARN), "LimitExceededException: The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: " + keyARN},
		{api.PolicyLockout(), "MalformedPolicyDocumentException: The new key policy will not allow you to update the key policy in the future."},
		{api.PolicyPrincipals(), "MalformedPolicyDocumentException: Policy contains a statement with one or more invalid principals."},
		{api.PolicyARN(), "InvalidArnException: An ARN in the specified key policy is invalid."},
		{api.Throttling(), "ThrottlingException: You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."},
		{api.AccessDenied(userARN, "kms:Encrypt", keyARN, api.NoIdentityPolicy), "AccessDeniedException: User: " + userARN + " is not authorized to perform: kms:Encrypt on resource: " + keyARN + " because no identity-based policy allows the kms:Encrypt action"},
		{api.AccessDenied(userARN, "kms:Encrypt", keyARN, api.NoResourcePolicy), "AccessDeniedException: User: " + userARN + " is not authorized to perform: kms:Encrypt on resource: " + keyARN + " because no resource-based policy allows the kms:Encrypt action"},
		{api.AccessDenied(userARN, "kms:Encrypt", keyARN, api.DeniedByResource), "AccessDeniedException: User: " + userARN + " is not authorized to perform: kms:Encrypt on resource: " + keyARN + " with an explicit deny in a resource-based policy"},
		{api.AccessDenied(userARN, "kms:Encrypt", keyARN, api.DeniedByIdentity), "AccessDeniedException: User: " + userARN + " is not authorized to perform: kms:Encrypt on resource: " + keyARN + " with an explicit deny in an identity-based policy"},
		{api.AccessDenied(userARN, "kms:Encrypt", keyARN, api.DeniedByControl), "AccessDeniedException: User: " + userARN + " is not authorized to perform: kms:Encrypt on resource: " + keyARN + " with an explicit deny in a service control policy"},
		{api.AccessDenied(userARN, "kms:Encrypt", keyARN, api.NoCrossAccountAccess), "AccessDeniedException: User: " + userARN + " is not authorized to perform: kms:Encrypt on resource: " + keyARN + " because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"},
		{api.UnknownOperation(), "UnknownOperationException"},
		{api.UnrecognizedClient(), "UnrecognizedClientException: The security token included in the request is invalid."},
		{api.ExpiredToken(), "ExpiredTokenException: The security token included in the request is expired"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestOnlyThreeModelledErrorsAreTheServers(t *testing.T) {
	for _, c := range []struct {
		err       *api.Error
		status    int
		fault     api.Fault
		retryable bool
	}{
		{api.Internal(), 500, api.FaultServer, true},
		{api.DependencyTimeout(), 500, api.FaultServer, true},
		{&api.Error{Name: api.KeyUnavailableException}, 500, api.FaultServer, true},
		{api.NotFoundKey(keyARN), 400, api.FaultClient, false},
		{api.AlreadyExistsAlias(aliasARN), 400, api.FaultClient, false},
		{api.DryRun(), 400, api.FaultClient, false},
		{api.Throttling(), 400, api.FaultClient, true},
		{api.CiphertextRefersTo(), 400, api.FaultClient, false},
		{api.RequestTooLarge(), 413, api.FaultClient, false},
		{&api.Error{Name: "InventedException"}, 500, api.FaultServer, true},
	} {
		if c.err.Status() != c.status || c.err.Fault() != c.fault || c.err.Retryable() != c.retryable {
			t.Errorf("%s: %d %s %v", c.err.Name, c.err.Status(), c.err.Fault(), c.err.Retryable())
		}
	}
}

func TestConstructorsWithOwnTextsUseNamesOfTheTable(t *testing.T) {
	for _, err := range []*api.Error{api.InvalidARN("arn:x"), api.AliasNameInvalid("alias/"), api.AliasTargetMismatch(),
		api.AliasLimit(keyARN), api.InvalidMarker(), api.InvalidGrantToken(), api.PolicyTooLarge(),
		api.Unsupported("x"), api.MalformedPolicy("x"),
		api.LimitExceeded("x"), api.AliasReserved(), api.Validation("x"), api.UnknownOperation()} {
		if err.Status() != 400 {
			t.Errorf("%v has status %d", err, err.Status())
		}
	}
}

func TestErrorBodyLeavesOutAnEmptyMessage(t *testing.T) {
	if got := string(api.InvalidCiphertext().Body()); got != `{"__type":"InvalidCiphertextException"}` {
		t.Error(got)
	}
	want := `{"__type":"ValidationException","message":"a \"<b>\"\n"}`
	if got := string(api.Validation("a \"<b>\"\n").Body()); got != want {
		t.Error(got)
	}
}

func TestErrorsAreFoundThroughWrapping(t *testing.T) {
	err := fmt.Errorf("load the key: %w", api.Disabled(keyARN))
	var e *api.Error
	if !errors.As(err, &e) || e.Name != api.DisabledException {
		t.Errorf("errors.As found %v", e)
	}
	if !errors.Is(err, &api.Error{Name: api.DisabledException}) || !errors.Is(err, api.Disabled(keyARN)) {
		t.Error("errors.Is does not match")
	}
	if errors.Is(err, api.Disabled("another")) || errors.Is(err, &api.Error{Name: api.NotFoundException}) {
		t.Error("errors.Is matches another error")
	}
}
