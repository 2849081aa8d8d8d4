package kms

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

func (r *AccountRow) octets() []byte {
	b := appendStrings(tableOctets("accounts"), string(r.ID), string(r.State), r.Name)
	return appendInts(b, r.Rev, int64(r.CreatedAt), int64(r.DeletedAt))
}

func (r *PrincipalRow) octets() []byte {
	b := appendStrings(tableOctets("principals"), string(r.ID), string(r.Account), string(r.Kind), r.Path, r.Name,
		string(r.State), r.Description, r.Tags, r.TrustPolicy, string(r.TrustBound), string(r.PoliciesDigest))
	return appendInts(b, r.Rev, int64(r.MaxSessionSeconds), int64(r.SessionsNotBefore), int64(r.CreatedAt))
}

func (r *PrincipalPolicyRow) octets() []byte {
	return appendInts(appendStrings(tableOctets("principal_policies"), string(r.Principal), r.Name, r.Document), r.Rev)
}

func (r *AccessKeyRow) octets() []byte {
	b := appendStrings(tableOctets("access_keys"), string(r.ID), string(r.Principal), string(r.Account), string(r.State), string(r.Sealed))
	return appendInts(b, r.Rev, int64(r.CreatedAt))
}

func (r *SessionKeyRow) octets() []byte {
	return appendInts(appendStrings(tableOctets("session_keys"), r.ID, string(r.Sealed)), r.Rev, int64(r.CreatedAt))
}

func (r *GrantRow) octets() []byte {
	b := appendStrings(tableOctets("grants"), string(r.KeyID), string(r.ID), r.Name, r.Grantee, r.GranteeARN, r.Retiring,
		r.RetiringARN, string(r.Issuer), r.Operations, string(r.Constraint), r.Context)
	return appendInts(b, r.Rev, int64(r.CreatedAt))
}

// policiesLabel begins the octets of a PoliciesDigest.
const policiesLabel = "keyhold identity policies v1"

// DigestPolicies is what a principal's row says of its identity policies, in whatever order they are given: SHA-256 of an
// injective encoding of their names, revisions and documents. docs/format.md has the definition.
func DigestPolicies(policies []PrincipalPolicyRow) PoliciesDigest {
	b := binary.BigEndian.AppendUint32(append([]byte(policiesLabel), 0), uint32(len(policies)))
	ordered := slices.SortedFunc(slices.Values(policies), func(a, b PrincipalPolicyRow) int { return strings.Compare(a.Name, b.Name) })
	for _, r := range ordered {
		b = appendString(appendInt(appendString(b, r.Name), r.Rev), r.Document)
	}
	sum := sha256.Sum256(b)
	return PoliciesDigest(hex.EncodeToString(sum[:]))
}

func (r *AccountRow) mac() *[]byte         { return &r.MAC }
func (r *PrincipalRow) mac() *[]byte       { return &r.MAC }
func (r *PrincipalPolicyRow) mac() *[]byte { return &r.MAC }
func (r *AccessKeyRow) mac() *[]byte       { return &r.MAC }
func (r *SessionKeyRow) mac() *[]byte      { return &r.MAC }
func (r *GrantRow) mac() *[]byte           { return &r.MAC }

func (r *AccountRow) what() string   { return fmt.Sprintf("table accounts, id %q", r.ID) }
func (r *PrincipalRow) what() string { return fmt.Sprintf("table principals, id %q", r.ID) }
func (r *PrincipalPolicyRow) what() string {
	return fmt.Sprintf("table principal_policies, principal %q, name %q", r.Principal, r.Name)
}
func (r *AccessKeyRow) what() string  { return fmt.Sprintf("table access_keys, id %q", r.ID) }
func (r *SessionKeyRow) what() string { return fmt.Sprintf("table session_keys, id %q", r.ID) }
func (r *GrantRow) what() string      { return fmt.Sprintf("table grants, key %q, id %q", r.KeyID, r.ID) }

func appendStrings(b []byte, list ...string) []byte {
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

func appendInts(b []byte, list ...int64) []byte {
	for _, n := range list {
		b = appendInt(b, n)
	}
	return b
}
