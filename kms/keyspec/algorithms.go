package keyspec

// EncryptionAlgorithm is the wire's EncryptionAlgorithmSpec.
type EncryptionAlgorithm string

// The encryption algorithms of the AWS KMS API reference (Encrypt, EncryptionAlgorithm).
const (
	EncryptionSymmetricDefault EncryptionAlgorithm = "SYMMETRIC_DEFAULT"
	EncryptionRSAOAEPSHA1      EncryptionAlgorithm = "RSAES_OAEP_SHA_1"
	EncryptionRSAOAEPSHA256    EncryptionAlgorithm = "RSAES_OAEP_SHA_256"
	EncryptionSM2PKE           EncryptionAlgorithm = "SM2PKE"
)

// EncryptionAlgorithms are all encryption algorithms, as AWS prints them.
var EncryptionAlgorithms = newSet(EncryptionRSAOAEPSHA1, EncryptionRSAOAEPSHA256, EncryptionSM2PKE,
	EncryptionSymmetricDefault)

// SigningAlgorithm is the wire's SigningAlgorithmSpec.
type SigningAlgorithm string

// The signing algorithms of the AWS KMS API reference (Sign, SigningAlgorithm).
const (
	SigningRSAPSSSHA256   SigningAlgorithm = "RSASSA_PSS_SHA_256"
	SigningRSAPSSSHA384   SigningAlgorithm = "RSASSA_PSS_SHA_384"
	SigningRSAPSSSHA512   SigningAlgorithm = "RSASSA_PSS_SHA_512"
	SigningRSAPKCS1SHA256 SigningAlgorithm = "RSASSA_PKCS1_V1_5_SHA_256"
	SigningRSAPKCS1SHA384 SigningAlgorithm = "RSASSA_PKCS1_V1_5_SHA_384"
	SigningRSAPKCS1SHA512 SigningAlgorithm = "RSASSA_PKCS1_V1_5_SHA_512"
	SigningECDSASHA256    SigningAlgorithm = "ECDSA_SHA_256"
	SigningECDSASHA384    SigningAlgorithm = "ECDSA_SHA_384"
	SigningECDSASHA512    SigningAlgorithm = "ECDSA_SHA_512"
	SigningEd25519SHA512  SigningAlgorithm = "ED25519_SHA_512"
	SigningEd25519PH      SigningAlgorithm = "ED25519_PH_SHA_512"
	SigningSM2DSA         SigningAlgorithm = "SM2DSA"
	SigningMLDSASHAKE256  SigningAlgorithm = "ML_DSA_SHAKE_256"
)

// SigningAlgorithms are all signing algorithms, as AWS prints them.
var SigningAlgorithms = newSet(SigningRSAPSSSHA256, SigningRSAPSSSHA384, SigningRSAPSSSHA512, SigningRSAPKCS1SHA256,
	SigningRSAPKCS1SHA384, SigningRSAPKCS1SHA512, SigningECDSASHA256, SigningECDSASHA384, SigningECDSASHA512,
	SigningEd25519SHA512, SigningEd25519PH, SigningSM2DSA, SigningMLDSASHAKE256)

// MacAlgorithm is the wire's MacAlgorithmSpec.
type MacAlgorithm string

// The MAC algorithms of the AWS KMS API reference (GenerateMac, MacAlgorithm).
const (
	MacHMACSHA224 MacAlgorithm = "HMAC_SHA_224"
	MacHMACSHA256 MacAlgorithm = "HMAC_SHA_256"
	MacHMACSHA384 MacAlgorithm = "HMAC_SHA_384"
	MacHMACSHA512 MacAlgorithm = "HMAC_SHA_512"
)

// MacAlgorithms are all MAC algorithms, as AWS prints them.
var MacAlgorithms = newSet(MacHMACSHA384, MacHMACSHA256, MacHMACSHA224, MacHMACSHA512)

// KeyAgreementAlgorithm is the wire's KeyAgreementAlgorithmSpec.
type KeyAgreementAlgorithm string

// AgreementECDH is the one key agreement algorithm.
const AgreementECDH KeyAgreementAlgorithm = "ECDH"

// KeyAgreementAlgorithms is the set of it.
var KeyAgreementAlgorithms = newSet(AgreementECDH)

// EncapsulationAlgorithm is the wire's EncapsulationAlgorithmSpec.
type EncapsulationAlgorithm string

// EncapsulationMLKEM is the one encapsulation algorithm (FIPS 203).
const EncapsulationMLKEM EncapsulationAlgorithm = "ML_KEM"

// EncapsulationAlgorithms is the set of it.
var EncapsulationAlgorithms = newSet(EncapsulationMLKEM)

// KeyEncryptionMechanism is how a reply is encrypted for an attested recipient (RecipientInfo).
type KeyEncryptionMechanism string

// RecipientRSAOAEPSHA256 is the one mechanism.
const RecipientRSAOAEPSHA256 KeyEncryptionMechanism = "RSAES_OAEP_SHA_256"

// KeyEncryptionMechanisms is the set of it.
var KeyEncryptionMechanisms = newSet(RecipientRSAOAEPSHA256)
