package api

import "maps"

// Why operations of the AWS KMS API are not served, and what to do instead.
const (
	noStores    = "This server keeps all keys in its own HSM and has no custom key stores. Leave CustomKeyStoreId out of CreateKey."
	noPairs     = "This server does not serve asymmetric keys yet. Use symmetric encryption keys."
	noDataPairs = "This server does not generate key pairs yet. Generate a data key, or a key pair of your own to encrypt with one."
	noMACs      = "This server does not serve HMAC keys yet. Use symmetric encryption keys."
	noImport    = "This server does not import key material yet: it is made in its own HSM. Create a key here."
	noRegions   = "This server does not serve multi-Region keys yet. Create one key per Region."
	noLastUsage = "This server does not track yet when a key was last used. The audit log has every use."
)

// unservedOperations are the operations of the AWS KMS API reference that Keyhold does not serve, each with the reason.
// With the table of operations they are the whole API.
var unservedOperations = map[string]string{
	"ConnectCustomKeyStore":               noStores,
	"CreateCustomKeyStore":                noStores,
	"Decapsulate":                         noPairs,
	"DeleteCustomKeyStore":                noStores,
	"DeleteImportedKeyMaterial":           noImport,
	"DeriveSharedSecret":                  noPairs,
	"DescribeCustomKeyStores":             noStores,
	"DisconnectCustomKeyStore":            noStores,
	"Encapsulate":                         noPairs,
	"GenerateDataKeyPair":                 noDataPairs,
	"GenerateDataKeyPairWithoutPlaintext": noDataPairs,
	"GenerateMac":                         noMACs,
	"GetKeyLastUsage":                     noLastUsage,
	"GetParametersForImport":              noImport,
	"GetPublicKey":                        noPairs,
	"ImportKeyMaterial":                   noImport,
	"ReplicateKey":                        noRegions,
	"Sign":                                noPairs,
	"UpdateCustomKeyStore":                noStores,
	"UpdatePrimaryRegion":                 noRegions,
	"Verify":                              noPairs,
	"VerifyMac":                           noMACs,
}

// UnservedOperations are the operations of the AWS KMS API that are answered by their name alone, each with a sentence or
// two that say why and what to do instead. The map is the caller's.
func UnservedOperations() map[string]string { return maps.Clone(unservedOperations) }

// NoOperation answers an operation of the AWS KMS API that is not served: UnsupportedOperationException with its name for
// one that AWS has, so that a client can tell it from a mistyped one, which is an UnknownOperationException. Nothing else
// of the request is looked at, and so the answer tells nothing of keys.
func NoOperation(name string) *Error {
	if why, ok := unservedOperations[name]; ok {
		return Unsupported("Operation " + name + " is not supported. " + why)
	}
	return UnknownOperation()
}
