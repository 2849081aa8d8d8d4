package api

import "github.com/keyhold/keyhold/kms/keyspec"

// KeyMetadata describes a key (AWS KMS API reference, KeyMetadata). The members without omitzero are in every reply,
// also when empty or false; the others are present as their comments say.
type KeyMetadata struct {
	AWSAccountID string           `json:"AWSAccountId" audit:"record"`
	KeyID        string           `json:"KeyId" audit:"record"` // the bare id, not the ARN
	Arn          string           `json:"Arn" audit:"record"`
	CreationDate Time             `json:"CreationDate" audit:"record"`
	Enabled      bool             `json:"Enabled" audit:"record"` // exactly when KeyState is Enabled
	Description  string           `json:"Description" audit:"record"`
	KeyUsage     keyspec.KeyUsage `json:"KeyUsage" audit:"record"`
	KeyState     keyspec.KeyState `json:"KeyState" audit:"record"`
	// DeletionDate is present in PendingDeletion.
	DeletionDate Time `json:"DeletionDate,omitzero" audit:"record"`
	// ValidTo is present when ExpirationModel is KEY_MATERIAL_EXPIRES.
	ValidTo Time           `json:"ValidTo,omitzero" audit:"record"`
	Origin  keyspec.Origin `json:"Origin" audit:"record"`
	// CustomKeyStoreID is present for a key in a custom key store, CloudHsmClusterID if that is of CloudHSM.
	CustomKeyStoreID  string `json:"CustomKeyStoreId,omitzero" audit:"record"`
	CloudHsmClusterID string `json:"CloudHsmClusterId,omitzero" audit:"record"`
	// ExpirationModel is present for an EXTERNAL key that holds material.
	ExpirationModel keyspec.ExpirationModel `json:"ExpirationModel,omitzero" audit:"record"`
	KeyManager      keyspec.KeyManager      `json:"KeyManager" audit:"record"`
	// CustomerMasterKeySpec repeats KeySpec, for clients that know only the deprecated name.
	CustomerMasterKeySpec keyspec.KeySpec `json:"CustomerMasterKeySpec" audit:"record"`
	KeySpec               keyspec.KeySpec `json:"KeySpec" audit:"record"`
	// Exactly one list of algorithms is present, according to KeyUsage; see SetAlgorithms.
	EncryptionAlgorithms   []keyspec.EncryptionAlgorithm   `json:"EncryptionAlgorithms,omitzero" audit:"record"`
	SigningAlgorithms      []keyspec.SigningAlgorithm      `json:"SigningAlgorithms,omitzero" audit:"record"`
	KeyAgreementAlgorithms []keyspec.KeyAgreementAlgorithm `json:"KeyAgreementAlgorithms,omitzero" audit:"record"`
	MultiRegion            bool                            `json:"MultiRegion" audit:"record"`
	// MultiRegionConfiguration is present when MultiRegion is true.
	MultiRegionConfiguration *MultiRegionConfiguration `json:"MultiRegionConfiguration,omitzero" audit:"record"`
	// PendingDeletionWindowInDays is present in PendingReplicaDeletion.
	PendingDeletionWindowInDays int32                  `json:"PendingDeletionWindowInDays,omitzero" audit:"record"`
	MacAlgorithms               []keyspec.MacAlgorithm `json:"MacAlgorithms,omitzero" audit:"record"`
	// XksKeyConfiguration is present for a key in an external key store.
	XksKeyConfiguration *XksKeyConfiguration `json:"XksKeyConfiguration,omitzero" audit:"record"`
	// CurrentKeyMaterialID is present for symmetric keys that hold or held material: 64 lower-case hexadecimal digits.
	CurrentKeyMaterialID    string                           `json:"CurrentKeyMaterialId,omitzero" audit:"record"`
	EncapsulationAlgorithms []keyspec.EncapsulationAlgorithm `json:"EncapsulationAlgorithms,omitzero" audit:"record"`
}

// SetAlgorithms fills the list of algorithms that belongs to KeySpec and KeyUsage, and empties the others.
func (m *KeyMetadata) SetAlgorithms() {
	algorithms, _ := keyspec.Algorithms(m.KeySpec, m.KeyUsage)
	m.EncryptionAlgorithms = algorithms.Encryption
	m.SigningAlgorithms = algorithms.Signing
	m.MacAlgorithms = algorithms.MAC
	m.KeyAgreementAlgorithms = algorithms.KeyAgreement
	m.EncapsulationAlgorithms = algorithms.Encapsulation
}

// MultiRegionConfiguration lists the primary and the replicas of a multi-Region key; ReplicaKeys is [] for a lone one.
type MultiRegionConfiguration struct {
	MultiRegionKeyType keyspec.MultiRegionKeyType `json:"MultiRegionKeyType,omitzero" audit:"record"`
	PrimaryKey         *MultiRegionKey            `json:"PrimaryKey,omitzero" audit:"record"`
	ReplicaKeys        []MultiRegionKey           `json:"ReplicaKeys" audit:"record"`
}

// MultiRegionKey is one key of a multi-Region set.
type MultiRegionKey struct {
	Arn    string `json:"Arn,omitzero" audit:"record"`
	Region string `json:"Region,omitzero" audit:"record"`
}

// XksKeyConfiguration names the external key behind a key (AWS KMS API reference, XksKeyConfigurationType).
type XksKeyConfiguration struct {
	ID string `json:"Id,omitzero" audit:"record"`
}
