package keyspec

// KeySpec is the wire's KeySpec: the kind of key material. CustomerMasterKeySpec is its deprecated synonym and has the
// same values.
type KeySpec string

// The key specs of the AWS KMS API reference (CreateKey, KeySpec), with the ML-KEM specs of October 2026.
const (
	SymmetricDefault    KeySpec = "SYMMETRIC_DEFAULT"
	HMAC224             KeySpec = "HMAC_224"
	HMAC256             KeySpec = "HMAC_256"
	HMAC384             KeySpec = "HMAC_384"
	HMAC512             KeySpec = "HMAC_512"
	RSA2048             KeySpec = "RSA_2048"
	RSA3072             KeySpec = "RSA_3072"
	RSA4096             KeySpec = "RSA_4096"
	ECCNISTP256         KeySpec = "ECC_NIST_P256"
	ECCNISTP384         KeySpec = "ECC_NIST_P384"
	ECCNISTP521         KeySpec = "ECC_NIST_P521"
	ECCSECGP256K1       KeySpec = "ECC_SECG_P256K1"
	ECCNISTEdwards25519 KeySpec = "ECC_NIST_EDWARDS25519"
	SM2                 KeySpec = "SM2"
	MLDSA44             KeySpec = "ML_DSA_44"
	MLDSA65             KeySpec = "ML_DSA_65"
	MLDSA87             KeySpec = "ML_DSA_87"
	MLKEM512            KeySpec = "ML_KEM_512"
	MLKEM768            KeySpec = "ML_KEM_768"
	MLKEM1024           KeySpec = "ML_KEM_1024"
)

// KeySpecs are all key specs. The first twelve stand as AWS printed them in 2023; the later ones follow in model order.
var KeySpecs = newSet(RSA2048, ECCNISTP384, ECCNISTP256, ECCNISTP521, HMAC384, RSA3072, ECCSECGP256K1, RSA4096,
	SymmetricDefault, HMAC256, HMAC224, HMAC512, SM2, MLDSA44, MLDSA65, MLDSA87, ECCNISTEdwards25519,
	MLKEM512, MLKEM768, MLKEM1024)

// CustomerMasterKeySpecs are the key specs that the deprecated member CustomerMasterKeySpec accepts in a request. In a
// reply the member repeats KeySpec, whatever it is.
var CustomerMasterKeySpecs = newSet(RSA2048, ECCNISTP384, ECCNISTP256, ECCNISTP521, HMAC384, RSA3072, ECCSECGP256K1,
	RSA4096, SymmetricDefault, HMAC256, HMAC224, HMAC512, SM2)

// KeyUsage is the wire's KeyUsage: the cryptographic operations a key is for, fixed for life.
type KeyUsage string

// The key usages of the AWS KMS API reference (CreateKey, KeyUsage).
const (
	EncryptDecrypt         KeyUsage = "ENCRYPT_DECRYPT"
	SignVerify             KeyUsage = "SIGN_VERIFY"
	GenerateVerifyMAC      KeyUsage = "GENERATE_VERIFY_MAC"
	KeyAgreement           KeyUsage = "KEY_AGREEMENT"
	EncapsulateDecapsulate KeyUsage = "ENCAPSULATE_DECAPSULATE"
)

// KeyUsages are all key usages, the first three as AWS printed them in 2023.
var KeyUsages = newSet(EncryptDecrypt, SignVerify, GenerateVerifyMAC, KeyAgreement, EncapsulateDecapsulate)

// Origin is where the key material comes from.
type Origin string

// The origins of the AWS KMS API reference (CreateKey, Origin).
const (
	OriginKMS              Origin = "AWS_KMS"
	OriginExternal         Origin = "EXTERNAL"
	OriginCloudHSM         Origin = "AWS_CLOUDHSM"
	OriginExternalKeyStore Origin = "EXTERNAL_KEY_STORE"
)

// Origins are all origins, in model order.
var Origins = newSet(OriginKMS, OriginExternal, OriginCloudHSM, OriginExternalKeyStore)

// KeyState is the state of a key, which decides with which operations it can be used (AWS KMS developer guide, "Key
// states of AWS KMS keys").
type KeyState string

// The key states of the AWS KMS API reference (KeyMetadata, KeyState).
const (
	StateCreating               KeyState = "Creating"
	StateEnabled                KeyState = "Enabled"
	StateDisabled               KeyState = "Disabled"
	StatePendingDeletion        KeyState = "PendingDeletion"
	StatePendingImport          KeyState = "PendingImport"
	StatePendingReplicaDeletion KeyState = "PendingReplicaDeletion"
	StateUnavailable            KeyState = "Unavailable"
	StateUpdating               KeyState = "Updating"
)

// KeyStates are all key states, in model order.
var KeyStates = newSet(StateCreating, StateEnabled, StateDisabled, StatePendingDeletion, StatePendingImport,
	StatePendingReplicaDeletion, StateUnavailable, StateUpdating)

// KeyManager says who manages a key: AWS managed keys (alias/aws/…) or the customer's own.
type KeyManager string

// The key managers of the AWS KMS API reference (KeyMetadata, KeyManager).
const (
	ManagerAWS      KeyManager = "AWS"
	ManagerCustomer KeyManager = "CUSTOMER"
)

// KeyManagers are both key managers.
var KeyManagers = newSet(ManagerAWS, ManagerCustomer)

// MultiRegionKeyType is the role of a multi-Region key.
type MultiRegionKeyType string

// The multi-Region roles of the AWS KMS API reference (MultiRegionConfiguration).
const (
	MultiRegionPrimary MultiRegionKeyType = "PRIMARY"
	MultiRegionReplica MultiRegionKeyType = "REPLICA"
)

// DryRunModifier changes what a dry run checks (Decrypt, ReEncrypt).
type DryRunModifier string

// IgnoreCiphertext lets a dry run check authorization without a ciphertext.
const IgnoreCiphertext DryRunModifier = "IGNORE_CIPHERTEXT"

// DryRunModifiers is the one dry-run modifier.
var DryRunModifiers = newSet(IgnoreCiphertext)
