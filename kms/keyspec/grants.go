package keyspec

import "slices"

// GrantOperation is the wire's GrantOperation: what a grant lets its grantee do. ReEncrypt is two of them.
type GrantOperation string

// The grant operations of the AWS KMS API reference (CreateGrant, Operations), with those of ML-KEM of October 2026.
const (
	GrantDecrypt                             GrantOperation = "Decrypt"
	GrantEncrypt                             GrantOperation = "Encrypt"
	GrantGenerateDataKey                     GrantOperation = "GenerateDataKey"
	GrantGenerateDataKeyWithoutPlaintext     GrantOperation = "GenerateDataKeyWithoutPlaintext"
	GrantReEncryptFrom                       GrantOperation = "ReEncryptFrom"
	GrantReEncryptTo                         GrantOperation = "ReEncryptTo"
	GrantSign                                GrantOperation = "Sign"
	GrantVerify                              GrantOperation = "Verify"
	GrantGetPublicKey                        GrantOperation = "GetPublicKey"
	GrantCreateGrant                         GrantOperation = "CreateGrant"
	GrantRetireGrant                         GrantOperation = "RetireGrant"
	GrantDescribeKey                         GrantOperation = "DescribeKey"
	GrantGenerateDataKeyPair                 GrantOperation = "GenerateDataKeyPair"
	GrantGenerateDataKeyPairWithoutPlaintext GrantOperation = "GenerateDataKeyPairWithoutPlaintext"
	GrantGenerateMac                         GrantOperation = "GenerateMac"
	GrantVerifyMac                           GrantOperation = "VerifyMac"
	GrantDeriveSharedSecret                  GrantOperation = "DeriveSharedSecret"
	GrantEncapsulate                         GrantOperation = "Encapsulate"
	GrantDecapsulate                         GrantOperation = "Decapsulate"
)

// GrantOperations are all grant operations, in model order.
var GrantOperations = newSet(GrantDecrypt, GrantEncrypt, GrantGenerateDataKey, GrantGenerateDataKeyWithoutPlaintext,
	GrantReEncryptFrom, GrantReEncryptTo, GrantSign, GrantVerify, GrantGetPublicKey, GrantCreateGrant, GrantRetireGrant,
	GrantDescribeKey, GrantGenerateDataKeyPair, GrantGenerateDataKeyPairWithoutPlaintext, GrantGenerateMac, GrantVerifyMac,
	GrantDeriveSharedSecret, GrantEncapsulate, GrantDecapsulate)

// kind is what the operations of a key depend on.
type kind struct {
	family Family
	usage  KeyUsage
}

var encryptions = []GrantOperation{GrantEncrypt, GrantDecrypt, GrantReEncryptFrom, GrantReEncryptTo}

// grantable is the table of the AWS KMS developer guide, "Grant operations", without the operations of every key.
var grantable = map[kind][]GrantOperation{
	{FamilySymmetric, EncryptDecrypt}: append(slices.Clip(encryptions), GrantGenerateDataKey,
		GrantGenerateDataKeyWithoutPlaintext, GrantGenerateDataKeyPair, GrantGenerateDataKeyPairWithoutPlaintext),
	{FamilyHMAC, GenerateVerifyMAC}:            {GrantGenerateMac, GrantVerifyMac},
	{FamilyAsymmetric, EncryptDecrypt}:         append(slices.Clip(encryptions), GrantGetPublicKey),
	{FamilyAsymmetric, SignVerify}:             {GrantSign, GrantVerify, GrantGetPublicKey},
	{FamilyAsymmetric, KeyAgreement}:           {GrantDeriveSharedSecret, GrantGetPublicKey},
	{FamilyAsymmetric, EncapsulateDecapsulate}: {GrantEncapsulate, GrantDecapsulate, GrantGetPublicKey},
}

// ofEveryKey are the operations that do not use the key's material.
var ofEveryKey = []GrantOperation{GrantDescribeKey, GrantCreateGrant, GrantRetireGrant}

// Grantable tells whether a grant on a key of this spec and usage may have the operation.
func Grantable(spec KeySpec, usage KeyUsage, operation GrantOperation) bool {
	return slices.Contains(ofEveryKey, operation) || slices.Contains(grantable[kind{FamilyOf(spec), usage}], operation)
}
