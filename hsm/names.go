package hsm

import (
	"fmt"

	"github.com/miekg/pkcs11"
)

// flagName is one bit of a flags word.
type flagName struct {
	bit  uint
	name string
}

var tokenFlagNames = []flagName{
	{pkcs11.CKF_RNG, "RNG"},
	{pkcs11.CKF_WRITE_PROTECTED, "WRITE_PROTECTED"},
	{pkcs11.CKF_LOGIN_REQUIRED, "LOGIN_REQUIRED"},
	{pkcs11.CKF_USER_PIN_INITIALIZED, "USER_PIN_INITIALIZED"},
	{pkcs11.CKF_RESTORE_KEY_NOT_NEEDED, "RESTORE_KEY_NOT_NEEDED"},
	{pkcs11.CKF_CLOCK_ON_TOKEN, "CLOCK_ON_TOKEN"},
	{pkcs11.CKF_PROTECTED_AUTHENTICATION_PATH, "PROTECTED_AUTHENTICATION_PATH"},
	{pkcs11.CKF_DUAL_CRYPTO_OPERATIONS, "DUAL_CRYPTO_OPERATIONS"},
	{pkcs11.CKF_TOKEN_INITIALIZED, "TOKEN_INITIALIZED"},
	{pkcs11.CKF_USER_PIN_COUNT_LOW, "USER_PIN_COUNT_LOW"},
	{pkcs11.CKF_USER_PIN_FINAL_TRY, "USER_PIN_FINAL_TRY"},
	{pkcs11.CKF_USER_PIN_LOCKED, "USER_PIN_LOCKED"},
	{pkcs11.CKF_USER_PIN_TO_BE_CHANGED, "USER_PIN_TO_BE_CHANGED"},
	{pkcs11.CKF_ERROR_STATE, "ERROR_STATE"},
}

var mechanismFlagNames = []flagName{
	{pkcs11.CKF_HW, "hardware"},
	{pkcs11.CKF_ENCRYPT, "encrypt"},
	{pkcs11.CKF_DECRYPT, "decrypt"},
	{pkcs11.CKF_DIGEST, "digest"},
	{pkcs11.CKF_SIGN, "sign"},
	{pkcs11.CKF_VERIFY, "verify"},
	{pkcs11.CKF_GENERATE, "generate"},
	{pkcs11.CKF_GENERATE_KEY_PAIR, "generate-pair"},
	{pkcs11.CKF_WRAP, "wrap"},
	{pkcs11.CKF_UNWRAP, "unwrap"},
	{pkcs11.CKF_DERIVE, "derive"},
}

// flagNames names the bits that are set and known.
func flagNames(flags uint, names []flagName) []string {
	set := []string{}
	for _, f := range names {
		if flags&f.bit != 0 {
			set = append(set, f.name)
		}
	}
	return set
}

// mechanismNames holds the mechanisms that matter here; others show as numbers.
var mechanismNames = map[uint]string{
	pkcs11.CKM_AES_KEY_GEN:            "AES_KEY_GEN",
	pkcs11.CKM_AES_ECB:                "AES_ECB",
	pkcs11.CKM_AES_CBC:                "AES_CBC",
	pkcs11.CKM_AES_CBC_PAD:            "AES_CBC_PAD",
	pkcs11.CKM_AES_CTR:                "AES_CTR",
	pkcs11.CKM_AES_GCM:                "AES_GCM",
	pkcs11.CKM_AES_CMAC:               "AES_CMAC",
	ckmAESKeyWrap:                     "AES_KEY_WRAP",
	ckmAESKeyWrapPad:                  "AES_KEY_WRAP_PAD",
	ckmAESKeyWrapKWP:                  "AES_KEY_WRAP_KWP",
	ckmCloudHSMGCM:                    "CLOUDHSM_AES_GCM",
	ckmCloudHSMWrapNoPad:              "CLOUDHSM_AES_KEY_WRAP_NO_PAD",
	ckmCloudHSMWrapPKCS5Pad:           "CLOUDHSM_AES_KEY_WRAP_PKCS5_PAD",
	ckmCloudHSMWrapZeroPad:            "CLOUDHSM_AES_KEY_WRAP_ZERO_PAD",
	ckmLunaKW:                         "LUNA_AES_KW",
	ckmLunaKWP:                        "LUNA_AES_KWP",
	pkcs11.CKM_GENERIC_SECRET_KEY_GEN: "GENERIC_SECRET_KEY_GEN",
	pkcs11.CKM_SHA256:                 "SHA256",
	pkcs11.CKM_SHA256_HMAC:            "SHA256_HMAC",
	pkcs11.CKM_SHA384_HMAC:            "SHA384_HMAC",
	pkcs11.CKM_SHA512_HMAC:            "SHA512_HMAC",
	pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN:  "RSA_PKCS_KEY_PAIR_GEN",
	pkcs11.CKM_RSA_PKCS:               "RSA_PKCS",
	pkcs11.CKM_RSA_X_509:              "RSA_X_509",
	pkcs11.CKM_RSA_PKCS_OAEP:          "RSA_PKCS_OAEP",
	pkcs11.CKM_RSA_PKCS_PSS:           "RSA_PKCS_PSS",
	pkcs11.CKM_SHA256_RSA_PKCS:        "SHA256_RSA_PKCS",
	pkcs11.CKM_SHA256_RSA_PKCS_PSS:    "SHA256_RSA_PKCS_PSS",
	pkcs11.CKM_EC_KEY_PAIR_GEN:        "EC_KEY_PAIR_GEN",
	pkcs11.CKM_ECDSA:                  "ECDSA",
	pkcs11.CKM_ECDSA_SHA256:           "ECDSA_SHA256",
	pkcs11.CKM_ECDH1_DERIVE:           "ECDH1_DERIVE",
}

func mechanismName(m uint) string {
	if name, ok := mechanismNames[m]; ok {
		return fmt.Sprintf("%s (0x%X)", name, m)
	}
	return fmt.Sprintf("0x%X", m)
}
