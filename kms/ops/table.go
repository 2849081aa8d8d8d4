// Package ops is the table of operations, one file each. An operation reaches the world only through the *kms.Call
// that it is handed; whatever is common to all of them is the pipeline's, in package kms.
package ops

import (
	"github.com/keyhold/keyhold/kms"
)

// Table lists every operation that is served.
func Table() []kms.Row {
	return []kms.Row{
		cancelKeyDeletion,
		createAlias,
		createKey,
		decrypt,
		deleteAlias,
		describeKey,
		disableKey,
		disableKeyRotation,
		enableKey,
		enableKeyRotation,
		encrypt,
		generateDataKey,
		generateDataKeyWithoutPlaintext,
		generateRandom,
		getKeyRotationStatus,
		listAliases,
		listKeyRotations,
		listKeys,
		listResourceTags,
		reEncrypt,
		rotateKeyOnDemand,
		scheduleKeyDeletion,
		tagResource,
		untagResource,
		updateAlias,
		updateKeyDescription,
	}
}
