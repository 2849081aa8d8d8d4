package kmstest

import (
	"fmt"
	"slices"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/keyspec"
)

const (
	storeAccount      kms.AccountID = "111122223333"
	storeOtherAccount kms.AccountID = "444455556666"
)

func storeKeyID(n int) kms.KeyID {
	return kms.KeyID(fmt.Sprintf("%08x-1111-4222-8333-444455556666", n))
}

func storeAlias(n int) string { return fmt.Sprintf("alias/%03d", n) }

// storeObject is the object of a key's generation; each has another.
func storeObject(n int, number uint32) (id device.ObjectID) {
	copy(id[:], fmt.Sprintf("%08x%08x", n, number))
	return id
}

func storeMAC(what string) []byte { return []byte(fmt.Sprintf("%-32.32s", what)) }

func storeKey(n int, rev int64) kms.KeyRow {
	return kms.KeyRow{
		ID: storeKeyID(n), Account: storeAccount, Rev: rev, State: keyspec.StateEnabled, Spec: keyspec.SymmetricDefault,
		Usage: keyspec.EncryptDecrypt, Origin: keyspec.OriginKMS, Manager: keyspec.ManagerCustomer, Current: 1,
		Description: fmt.Sprintf("key %d at %d", n, rev), CreatedAt: 1_700_000_000_000_000, PolicyRev: rev, MAC: storeMAC("key"),
	}
}

func storeGeneration(n int, number uint32, rev int64) kms.GenerationRow {
	return kms.GenerationRow{
		KeyID: storeKeyID(n), Number: number, Rev: rev, State: kms.GenerationReady, Object: storeObject(n, number),
		Token: "token", Cipher: device.Cipher{Mechanism: 0x1087, IV: device.IVHostRandom}, MaterialID: "material",
		RotationType: keyspec.RotationOnDemand, CreatedAt: kms.Micros(number),
		Canary: device.Sealed{IV: []byte("twelve bytes"), Ciphertext: fmt.Appendf(nil, "canary at %d", rev)},
		MAC:    storeMAC("generation"),
	}
}

func storeUses(n int, number uint32, rev int64) kms.UsesRow {
	return kms.UsesRow{KeyID: storeKeyID(n), Number: number, Rev: rev, Reserved: uint64(64 * rev), MAC: storeMAC("uses")}
}

func storePolicy(n int, rev int64) kms.PolicyRow {
	return kms.PolicyRow{KeyID: storeKeyID(n), Rev: rev, Document: fmt.Sprintf(`{"Id":"%d at %d"}`, n, rev), Bound: storeBound(n), MAC: storeMAC("policy")}
}

func storeTag(n int, key string, position, rev int64) kms.TagRow {
	return kms.TagRow{KeyID: storeKeyID(n), Key: key, Rev: rev, Value: fmt.Sprint("at ", rev), Position: position, MAC: storeMAC(key)}
}

func storeAliasOf(n int, name string, rev int64) kms.AliasRow {
	return kms.AliasRow{
		Account: storeAccount, Name: name, Rev: rev, KeyID: storeKeyID(n), CreatedAt: 5, UpdatedAt: kms.Micros(rev),
		MAC: storeMAC(name),
	}
}

func storeBirth(n int, number uint32) kms.BirthRow {
	return kms.BirthRow{
		Object: storeObject(n, number), KeyID: storeKeyID(n), Number: number, Token: "token",
		StartedAt: kms.Micros(n), MAC: storeMAC("birth"),
	}
}

func storeEvent(id string) kms.EventRow {
	return kms.EventRow{ID: id, Record: fmt.Appendf(nil, `{"eventID":%q}`, id)}
}

// storeFamily is the change that makes key n with everything that a key may have.
func storeFamily(n int) kms.Change {
	key := storeKey(n, 1)
	key.Current = 2
	return kms.Change{
		Keys:        []kms.KeyRow{key},
		Generations: []kms.GenerationRow{storeGeneration(n, 1, 1), storeGeneration(n, 2, 1)},
		Uses:        []kms.UsesRow{storeUses(n, 1, 1), storeUses(n, 2, 1)},
		Policies:    []kms.PolicyRow{storePolicy(n, 1)},
		Tags:        []kms.TagRow{storeTag(n, "z", 1, 1), storeTag(n, "a", 2, 1)},
		Aliases:     []kms.AliasRow{storeAliasOf(n, storeAlias(n), 1), storeAliasOf(n, storeAlias(n)+"b", 1)},
		Grants:      []kms.GrantRow{storeGrant(n, 1, 1), storeGrant(n, 2, 1)},
		Events:      []kms.EventRow{storeEvent(fmt.Sprint("made ", n))},
	}
}

// storeRecord is what Key answers after a change made a family.
func storeRecord(c kms.Change) kms.KeyRecord {
	return kms.KeyRecord{
		Key: c.Keys[0], Generations: slices.Clone(c.Generations), Uses: slices.Clone(c.Uses), Policy: c.Policies[0],
		Tags: slices.Clone(c.Tags),
	}
}
