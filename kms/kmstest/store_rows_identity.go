package kmstest

import (
	"fmt"

	"github.com/keyhold/keyhold/kms"
)

func storeAccountID(n int) kms.AccountID { return kms.AccountID(fmt.Sprintf("%012d", n)) }

func storePrincipalID(n int) kms.PrincipalID { return kms.PrincipalID(fmt.Sprintf("AIDA%017d", n)) }

func storePrincipalName(n int) string { return fmt.Sprintf("User-%03d", n) }

// storeAccessKeyID is the id of a principal's credentials; each has another.
func storeAccessKeyID(n, number int) kms.AccessKeyID {
	return kms.AccessKeyID(fmt.Sprintf("AKIA%08d%08d", n, number))
}

// storeGrantID depends on the number alone, so that two keys may have grants of one id.
func storeGrantID(number int) kms.GrantID { return kms.GrantID(fmt.Sprintf("%064x", number)) }

func storeBound(n int) kms.Bindings {
	return kms.Bindings(fmt.Sprintf(`{"arn:aws:iam::%s:user/%s":%q}`, storeAccount, storePrincipalName(n), storePrincipalID(n)))
}

func storeAccountRow(n int, rev int64) kms.AccountRow {
	return kms.AccountRow{
		ID: storeAccountID(n), Rev: rev, State: kms.Active, Name: fmt.Sprintf("account %d at %d", n, rev), CreatedAt: 3,
		MAC: storeMAC("account"),
	}
}

func storeDeletedAccount(n int, rev int64) kms.AccountRow {
	a := storeAccountRow(n, rev)
	a.State, a.DeletedAt = kms.Deleted, 4
	return a
}

func storePrincipal(n int, rev int64) kms.PrincipalRow {
	return kms.PrincipalRow{
		ID: storePrincipalID(n), Account: storeAccount, Rev: rev, Kind: kms.User, Path: "/team/", Name: storePrincipalName(n),
		State: kms.Active, Description: fmt.Sprintf("principal %d at %d", n, rev), Tags: `{"team":"payments"}`,
		TrustPolicy: `{"Statement":[]}`, TrustBound: storeBound(n), MaxSessionSeconds: 3600, SessionsNotBefore: 4,
		PoliciesDigest: "digest", CreatedAt: 5, MAC: storeMAC("principal"),
	}
}

func storePrincipalPolicy(n int, name string, rev int64) kms.PrincipalPolicyRow {
	return kms.PrincipalPolicyRow{
		Principal: storePrincipalID(n), Name: name, Rev: rev, Document: fmt.Sprintf(`{"Id":"%s at %d"}`, name, rev),
		MAC: storeMAC(name),
	}
}

func storeAccessKey(n, number int, rev int64) kms.AccessKeyRow {
	return kms.AccessKeyRow{
		ID: storeAccessKeyID(n, number), Principal: storePrincipalID(n), Account: storeAccount, Rev: rev, State: kms.Active,
		Sealed: fmt.Appendf(nil, "sealed at %d", rev), CreatedAt: 6, MAC: storeMAC("access key"),
	}
}

// storeSessionKey is the newer, the higher n.
func storeSessionKey(n int, rev int64) kms.SessionKeyRow {
	return kms.SessionKeyRow{
		ID: string(storeKeyID(n)), Rev: rev, Sealed: fmt.Appendf(nil, "sealed at %d", rev), CreatedAt: kms.Micros(n),
		MAC: storeMAC("session key"),
	}
}

// storeGrant is to the principal of the grant's number, who may be another's.
func storeGrant(n, number int, rev int64) kms.GrantRow {
	return kms.GrantRow{
		KeyID: storeKeyID(n), ID: storeGrantID(number), Rev: rev, Name: fmt.Sprint("name ", number),
		Grantee: string(storePrincipalID(number)), GranteeARN: "arn:aws:iam::111122223333:user/grantee",
		Retiring: string(storePrincipalID(number + 1)), RetiringARN: "arn:aws:iam::111122223333:user/retiring",
		Issuer: storeAccount, Operations: "Decrypt,RetireGrant", Constraint: kms.EncryptionContextSubset,
		Context: fmt.Sprintf(`{"rev":"%d"}`, rev), CreatedAt: 7, MAC: storeMAC("grant"),
	}
}

// storeIdentity is the change that makes account, principal and session key n with everything that they may have.
func storeIdentity(n int) kms.Change {
	return kms.Change{
		Accounts:          []kms.AccountRow{storeAccountRow(n, 1)},
		Principals:        []kms.PrincipalRow{storePrincipal(n, 1)},
		PrincipalPolicies: []kms.PrincipalPolicyRow{storePrincipalPolicy(n, "p", 1), storePrincipalPolicy(n, "q", 1)},
		AccessKeys:        []kms.AccessKeyRow{storeAccessKey(n, 1, 1), storeAccessKey(n, 2, 1)},
		SessionKeys:       []kms.SessionKeyRow{storeSessionKey(n, 1)},
	}
}

// storePrincipalRecord is what Principal answers after a change made an identity.
func storePrincipalRecord(c kms.Change) kms.PrincipalRecord {
	return kms.PrincipalRecord{Principal: c.Principals[0], Policies: c.PrincipalPolicies}
}
