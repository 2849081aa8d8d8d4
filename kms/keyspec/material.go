package keyspec

// RotationType says what made a rotation happen.
type RotationType string

// The rotation types of the AWS KMS API reference (RotationsListEntry).
const (
	RotationAutomatic RotationType = "AUTOMATIC"
	RotationOnDemand  RotationType = "ON_DEMAND"
)

// RotationTypes are both rotation types.
var RotationTypes = newSet(RotationAutomatic, RotationOnDemand)

// IncludeKeyMaterial selects what ListKeyRotations lists.
type IncludeKeyMaterial string

// The selections of the AWS KMS API reference (ListKeyRotations).
const (
	AllKeyMaterial IncludeKeyMaterial = "ALL_KEY_MATERIAL"
	RotationsOnly  IncludeKeyMaterial = "ROTATIONS_ONLY"
)

// IncludeKeyMaterials are both selections.
var IncludeKeyMaterials = newSet(AllKeyMaterial, RotationsOnly)

// KeyMaterialState is the state of one generation of a key's material.
type KeyMaterialState string

// The material states of the AWS KMS API reference (RotationsListEntry).
const (
	MaterialNonCurrent               KeyMaterialState = "NON_CURRENT"
	MaterialCurrent                  KeyMaterialState = "CURRENT"
	MaterialPendingRotation          KeyMaterialState = "PENDING_ROTATION"
	MaterialPendingMultiRegionImport KeyMaterialState = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
)

// ImportState says whether imported material is present.
type ImportState string

// The import states of the AWS KMS API reference (RotationsListEntry).
const (
	Imported           ImportState = "IMPORTED"
	ImportStillPending ImportState = "PENDING_IMPORT"
)

// ExpirationModel says whether imported material expires.
type ExpirationModel string

// The expiration models of the AWS KMS API reference (ImportKeyMaterial).
const (
	MaterialExpires       ExpirationModel = "KEY_MATERIAL_EXPIRES"
	MaterialDoesNotExpire ExpirationModel = "KEY_MATERIAL_DOES_NOT_EXPIRE"
)

// DataKeySpec is the length of a symmetric data key.
type DataKeySpec string

// The data key specs of the AWS KMS API reference (GenerateDataKey, KeySpec).
const (
	AES128 DataKeySpec = "AES_128"
	AES256 DataKeySpec = "AES_256"
)

// DataKeySpecs are both data key specs. AWS prints the list of key specs instead of them, even though none of those is
// accepted; the recorded text runs from RSA_2048 to ML_DSA_87 in model order.
var DataKeySpecs = Set[DataKeySpec]{
	values: []DataKeySpec{AES256, AES128},
	printed: list([]KeySpec{RSA2048, RSA3072, RSA4096, ECCNISTP256, ECCNISTP384, ECCNISTP521, ECCSECGP256K1,
		SymmetricDefault, HMAC224, HMAC256, HMAC384, HMAC512, SM2, MLDSA44, MLDSA65, MLDSA87}),
}

// Size is the length of the data key in bytes, or zero for a spec outside the table.
func (s DataKeySpec) Size() int {
	switch s {
	case AES128:
		return 16
	case AES256:
		return 32
	}
	return 0
}
