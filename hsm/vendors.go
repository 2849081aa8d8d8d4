package hsm

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// Key wrapping mechanisms: PKCS #11 2.40 and 3.0 number RFC 5649 differently, and tokens differ about 0x210A
// (measured: RFC 5649 on SoftHSM 2.6.1, padding of PKCS #7 on NSS 3.87).
const (
	ckmAESKeyWrap    = 0x2109
	ckmAESKeyWrapPad = 0x210A
	ckmAESKeyWrapKWP = 0x210B
)

// Numbers of vendors: AWS in cloudhsm_pkcs11_vendor_defs.h of Client SDK 5, Thales in cryptoki_v2.h of the Luna SDK.
const (
	ckmCloudHSMGCM          = 0x80001087
	ckmCloudHSMWrapNoPad    = 0x80002109
	ckmCloudHSMWrapPKCS5Pad = 0x8000210A
	ckmCloudHSMWrapZeroPad  = 0x8000216F
	ckmLunaKW               = 0x80000170
	ckmLunaKWP              = 0x80000171
)

var standardWraps = []uint{ckmAESKeyWrap, ckmAESKeyWrapPad, ckmAESKeyWrapKWP, pkcs11.CKM_AES_CBC_PAD, pkcs11.CKM_AES_CBC}

var (
	hostGCM = device.Cipher{Mechanism: pkcs11.CKM_AES_GCM, IV: device.IVHostRandom}
	// everything is asked of a token that is not known to refuse it.
	everything = TemplateOptions{Frozen: true, AllowedMechanisms: true, MACUsages: true}
)

// The documents that are cited more than once.
const (
	awsGuide   = "AWS CloudHSM User Guide"
	awsSDK     = "Client SDK 5"
	lunaGuide  = "Thales Luna Network HSM 7 SDK Reference Guide"
	lunaSDK    = "firmware 7.x"
	entrust    = "Entrust nShield PKCS #11 API guide"
	measured   = "measured by Keyhold's tests"
	softhsmPkg = "SoftHSM 2.6.1, Debian 12 package 2.6.1-2.1, file backend"
	oasis      = "OASIS PKCS #11 Cryptographic Token Interface"
)

// profiles are tried in this order when a token is to be recognised.
var profiles = []profile{
	{
		name:    "softhsm2",
		product: "SoftHSM 2",
		sources: []source{
			{factIV, measured, "AES-GCM, IVs and tags", softhsmPkg},
			{factTemplate, measured, "key attributes", softhsmPkg},
			{factKWP, "SoftHSMv2 issue 726", "0x210A is RFC 5649", "SoftHSM 2.6.1"},
		},
		signs:          []sign{{traitLibrary, "SoftHSM"}, {traitManufacturer, "SoftHSM"}},
		cipher:         hostGCM,
		sessions:       4, // throughput is flat from 1 on; a small pool cuts the tail (measured)
		exclusive:      true,
		options:        everything,
		wrapMechanisms: standardWraps,
		kwp:            ckmAESKeyWrapPad,
		valueLast:      true,
	},
	{
		name:    "cloudhsm",
		product: "AWS CloudHSM",
		sources: []source{
			{factIV, awsGuide, "Supported mechanisms for the PKCS #11 library, annotation 1", awsSDK},
			{factMessage, awsGuide, "Supported mechanisms for the PKCS #11 library, maximum data size", awsSDK},
			{factMAC, awsGuide, "Supported mechanisms for the PKCS #11 library, maximum data size", awsSDK},
			{factKWP, awsGuide, "Supported mechanisms, annotation 3, and cloudhsm_pkcs11_vendor_defs.h", awsSDK},
			{factSessions, awsGuide, "Known issues: read only session is not supported; quotas: 1,024 PKCS #11 sessions per application", awsSDK},
			{factCapacity, awsGuide, "AWS CloudHSM quotas, system quotas: 16,666 keys", "hsm2m.medium"},
			{factPIN, awsGuide, "Authenticate to the PKCS #11 library, and system quotas", awsSDK},
			{factTemplate, awsGuide, "Key attributes in the PKCS #11 library, attributes table", awsSDK},
		},
		unverified: []string{
			"The manufacturer that the library shows is not documented; the token is recognised by the library's file name.",
			"Which error a missed key availability quorum gives is not documented; only the SDK's log names it.",
			"Keys of other crypto users count towards the cluster's quota and cannot be seen, so the count is a lower bound.",
		},
		signs:         []sign{{traitFile, "libcloudhsm_pkcs11"}, {traitLibrary, "CloudHSM"}},
		cipher:        device.Cipher{Mechanism: pkcs11.CKM_AES_GCM, IV: device.IVWrittenBack},
		vendorGCM:     map[device.IVPolicy]uint64{device.IVPrepended: ckmCloudHSMGCM}, // annotation 3
		sessions:      32,                                                             // a network HSM is bound by its round trips
		maxSessions:   1024,
		readWriteOnly: true,
		maxMessage:    16224,
		maxMAC:        16288,
		maxObjects:    16666,
		// The attributes table has neither COPYABLE nor ALLOWED_MECHANISMS, and what could be forbidden by COPYABLE and
		// MODIFIABLE, C_CopyObject and C_SetAttributeValue, is not among the API operations. Nor has it ENCRYPT and its
		// like for generic secrets; whether they may be named is asked of the token.
		options: TemplateOptions{MACUsages: true},
		// The standard's key wrap mechanisms are gone in Client SDK 5; AES-GCM wraps as well.
		wrapMechanisms: []uint{ckmCloudHSMWrapNoPad, ckmCloudHSMWrapPKCS5Pad, ckmCloudHSMWrapZeroPad, pkcs11.CKM_AES_GCM, ckmCloudHSMGCM},
		kwp:            ckmCloudHSMWrapZeroPad,
		pin:            userAndPassword,
		birthHint: "on CloudHSM this may be the key availability quorum: a key must reach two HSMs before it is used. Add an HSM, or for a " +
			"test cluster of one run configure-pkcs11 --disable-key-availability-check; /opt/cloudhsm/run/cloudhsm-pkcs11.log says " +
			"whether it was. A full cluster and one in migration (limited-write mode) fail alike",
	},
	{
		name:    "luna",
		product: "Thales Luna 7 in FIPS mode",
		sources: []source{
			{factIV, lunaGuide, "CKM_AES_GCM, Initialization Vector", lunaSDK},
			{factKWP, lunaGuide, "CKM_AES_KWP; its number from cryptoki_v2.h of the Luna SDK", lunaSDK},
			{factTemplate, lunaGuide, "Key Attribute Defaults", "firmware 7.7.0"},
		},
		unverified: []string{
			"Whether COPYABLE and ALLOWED_MECHANISMS are taken is not documented; they are dropped when the token refuses them.",
			"Manufacturer and model strings are not documented; the token is recognised by the library's file name or by a model that begins with Luna.",
			"How many objects a partition holds depends on its licence; set token.max_objects.",
		},
		signs:    []sign{{traitFile, "libCryptoki2"}, {traitModel, "Luna"}},
		cipher:   device.Cipher{Mechanism: pkcs11.CKM_AES_GCM, IV: device.IVAppended},
		sessions: 32,
		options:  everything,
		// 0x210A is left out: Luna's tools keep away from it, and KW and KWP have Luna's own numbers beside 0x2109 and 0x210B.
		wrapMechanisms: []uint{ckmLunaKW, ckmLunaKWP, ckmAESKeyWrap, ckmAESKeyWrapKWP, pkcs11.CKM_AES_CBC_PAD, pkcs11.CKM_AES_CBC, pkcs11.CKM_AES_GCM},
		kwp:            ckmLunaKWP,
	},
	{
		name:    "nshield",
		product: "Entrust nShield",
		sources: []source{
			{factIV, entrust, "Mechanisms: CKM_AES_GCM encrypts and decrypts", "Security World v13.6.3"},
			{factKWP, entrust, "Mechanisms: CKM_AES_KEY_WRAP_KWP", "Security World v13.6.3"},
			{factTemplate, entrust, "PKCS #11 security assurance mechanism", "Security World v12.80"},
		},
		unverified: []string{
			"What a FIPS 140 Level 3 world wants of the IV was not found in a document; if the self-test fails, `keyhold hsm probe` tries the other IV policies.",
			"The manufacturer's name is from a log that a user published (pkcs11-provider issue 768), not from a document.",
			"Whether a generic secret serves CKM_SHA256_HMAC was not found in a document; making the first MAC key shows it.",
		},
		signs:          []sign{{traitFile, "libcknfast"}, {traitLibrary, "nCipher"}, {traitManufacturer, "nCipher"}},
		cipher:         hostGCM,
		sessions:       16,
		options:        everything,
		wrapMechanisms: standardWraps,
		kwp:            ckmAESKeyWrapKWP,
	},
	{
		name:    genericProfile,
		product: "any PKCS #11 token",
		sources: []source{
			{factIV, oasis, "AES-GCM: the caller gives the IV", "version 2.40"},
			{factTemplate, oasis, "secret key objects", "version 2.40"},
			{factKWP, oasis, "AES Key Wrap: CKM_AES_KEY_WRAP_KWP", "version 3.0"},
		},
		cipher:         hostGCM,
		sessions:       16,
		options:        everything,
		wrapMechanisms: standardWraps,
		kwp:            ckmAESKeyWrapKWP,
	},
}

// Lengths in characters of a CloudHSM crypto user's name and password (AWS CloudHSM quotas, system quotas). Clusters of
// older times have passwords of 7.
const (
	maxUser                  = 31
	minPassword, maxPassword = 7, 32
)

// userAndPassword is the form of a CloudHSM PIN. A wrong PIN counts towards the lock of the user; one without a user in
// front is always wrong.
func userAndPassword(pin []byte) error {
	user, password, ok := bytes.Cut(pin, []byte(":"))
	switch {
	case !ok:
		return errors.New("a CloudHSM PIN is the crypto user's name and password with a colon between, user:password; this one has no colon, so the token was not asked")
	case len(user) == 0 || len(user) > maxUser:
		return fmt.Errorf("the user in front of the colon of the CloudHSM PIN has %d characters where 1 to %d are possible, so the token was not asked", len(user), maxUser)
	case len(password) < minPassword || len(password) > maxPassword:
		return fmt.Errorf("the password behind the colon of the CloudHSM PIN has %d characters where %d to %d are possible, so the token was not asked",
			len(password), minPassword, maxPassword)
	}
	return nil
}
