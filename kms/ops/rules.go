package ops

import (
	"slices"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// algorithmFits refuses an algorithm that the key's spec does not have.
func algorithmFits(key *kms.Key, algorithm keyspec.EncryptionAlgorithm) error {
	row := key.Row()
	known, _ := keyspec.Algorithms(row.Spec, row.Usage)
	if !slices.Contains(known.Encryption, algorithm) {
		return api.AlgorithmIncompatible(algorithm, row.Spec)
	}
	return nil
}

// aliasResource is the alias itself, for which only identity policies can allow anything.
func aliasResource(name *string, action string) kms.Target {
	return kms.Resource(action, func(realm kms.Realm, account kms.AccountID) string { return realm.AliasARN(account, text(name)) })
}

func isTrue(p *bool) bool { return p != nil && *p }

// second is the error of a pair.
func second[T any](_ T, err error) error { return err }

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
