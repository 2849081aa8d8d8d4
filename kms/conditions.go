package kms

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/keyhold/keyhold/kms/policy"
)

// conditions answers the condition keys of one target of a request (AWS KMS Developer Guide, "AWS KMS condition keys";
// IAM User Guide, "AWS global condition context keys"). A key that cannot be known here is absent.
type conditions struct {
	ctx context.Context //nolint:containedctx // lives as long as one decision, behind an interface that is pure
	c   *Call
	t   *resolved
	err error // the store's, when a key needs a look-up
	// context are the values of the encryption context by their names without case; nil until it is asked for.
	context map[string][]string
}

var absent policy.Values

func one(s string) policy.Values { return policy.Values{List: []string{s}, Present: true} }

func oneUnless(empty bool, s string) policy.Values {
	if empty {
		return absent
	}
	return one(s)
}

func yes(b bool) policy.Values { return one(strconv.FormatBool(b)) }

// Lookup implements policy.Context.
func (q *conditions) Lookup(key policy.ConditionKey) policy.Values {
	if v, ok := q.c.supposed.lookup(key); ok {
		return v
	}
	if v, ok := mirrored(q.t.asked, key); ok {
		return v
	}
	if q.c.asked != nil {
		if v, ok := mirrored(q.c.asked(), key); ok {
			return q.principals(key, v)
		}
	}
	switch {
	case strings.HasPrefix(key.Name, "kms:"):
		return q.kms(key)
	case strings.HasPrefix(key.Name, "aws:principal"), key.Name == "aws:userid", key.Name == "aws:username", key.Name == "aws:tokenissuetime":
		return q.principal(key)
	case strings.HasPrefix(key.Name, "aws:"):
		return q.global(key)
	}
	return absent
}

// mirrored is the value of a condition key that mirrors members of the request. Those under a name and a slash are a map.
func mirrored(asked map[string][]string, key policy.ConditionKey) (policy.Values, bool) {
	if key.Sub == "" {
		v, ok := asked[key.Name]
		return policy.Values{List: v, Present: true}, ok
	}
	parts := map[string]string{}
	for name, values := range asked {
		if part, ok := strings.CutPrefix(name, key.Name+"/"); ok && len(values) == 1 {
			parts[part] = values[0]
		}
	}
	return member(parts, key.Sub), len(parts) > 0
}

// principals are the grantee and the retiring principal of a request by their ARNs, however it names them: a policy would
// else be about one of the names that somebody has.
func (q *conditions) principals(key policy.ConditionKey, v policy.Values) policy.Values {
	if key.Name != "kms:granteeprincipal" && key.Name != "kms:retiringprincipal" {
		return v
	}
	arns := make([]string, len(v.List))
	for i, name := range v.List {
		arn, _, err := q.c.granteeARN(q.ctx, name)
		if err != nil {
			q.err = err
			return policy.Values{Present: true, Ambiguous: true} // the request fails
		}
		arns[i] = arn
	}
	return policy.Values{List: arns, Present: true}
}

func (q *conditions) kms(key policy.ConditionKey) policy.Values {
	switch key.Name {
	case "kms:calleraccount":
		return one(string(q.c.caller.Account))
	case "kms:encryptioncontext":
		return q.contextMember(key.Sub)
	case "kms:encryptioncontextkeys":
		return keysOf(q.t.context)
	case "kms:requestalias":
		return q.requestAlias()
	case "kms:reencryptonsamekey":
		return q.sameKey()
	case "kms:grantconstrainttype":
		return q.constraintType()
	}
	if q.t.asksKey() {
		return q.key(key)
	}
	return absent
}

// key are the properties of the key that is asked.
func (q *conditions) key(key policy.ConditionKey) policy.Values {
	row := q.t.key.record.Key
	switch key.Name {
	case "kms:keyorigin":
		return one(string(row.Origin))
	case "kms:keyspec", "kms:customermasterkeyspec":
		return one(string(row.Spec))
	case "kms:keyusage", "kms:customermasterkeyusage":
		return one(string(row.Usage))
	case "kms:multiregion", "kms:grantisforawsresource":
		return yes(false)
	case "kms:resourcealiases":
		return q.aliases()
	}
	return absent
}

func (q *conditions) aliases() policy.Values {
	names, err := q.names()
	if err != nil {
		q.err = err
		return policy.Values{Present: true, Ambiguous: true} // the request fails
	}
	if len(names.list) == 0 {
		return absent
	}
	return policy.Values{List: names.list, Present: true}
}

func (q *conditions) names() (*keyNames, error) {
	if q.t.unborn {
		return q.t.ownName(), nil
	}
	names, err := q.c.service.names(q.ctx, q.t.key)
	if err == nil {
		q.c.rely(names, Expectation{})
	}
	return names, err
}

// requestAlias is the name, also when the request gave the ARN.
func (q *conditions) requestAlias() policy.Values {
	if q.t.alias == nil || q.t.kind == aliasOnly {
		return absent
	}
	return one(q.t.alias.row.Name)
}

// constraintType is of the grant that is to be retired; CreateGrant says its own.
func (q *conditions) constraintType() policy.Values {
	if g := q.t.grant; g != nil {
		return oneUnless(g.shape.Constraint == Unconstrained, string(g.shape.Constraint))
	}
	return absent
}

func (q *conditions) sameKey() policy.Values {
	if q.c.operation != "ReEncrypt" || len(q.c.targets) != 2 {
		return absent
	}
	return yes(q.c.targets[0].key == q.c.targets[1].key)
}

func (q *conditions) principal(key policy.ConditionKey) policy.Values {
	who, caller := q.c.who, &q.c.caller
	switch key.Name {
	case "aws:principalarn":
		if who != nil {
			return one(who.arn) // of a session, the role's
		}
		return one(caller.ARN)
	case "aws:principalaccount":
		return one(string(caller.Account))
	case "aws:principaltype":
		return one(q.principalType())
	case "aws:principalisawsservice":
		return yes(false)
	case "aws:userid":
		return one(caller.PrincipalID)
	}
	switch {
	case who == nil:
		return absent
	case key.Name == "aws:principaltag":
		return member(who.tags, key.Sub)
	case key.Name == "aws:username":
		return oneUnless(who.row.Kind != User, who.row.Name)
	case key.Name == "aws:tokenissuetime" && caller.Session != nil:
		return one(caller.Session.IssuedAt.Time().Format(time.RFC3339))
	}
	return absent
}

func (q *conditions) principalType() string {
	switch {
	case q.c.caller.Root:
		return "Account"
	case q.c.caller.Session != nil:
		return "AssumedRole"
	default:
		return "User"
	}
}

func (q *conditions) global(key policy.ConditionKey) policy.Values {
	caller := &q.c.caller
	switch key.Name {
	case "aws:currenttime":
		return one(q.c.now.UTC().Format(time.RFC3339))
	case "aws:epochtime":
		return one(strconv.FormatInt(q.c.now.Unix(), 10))
	case "aws:securetransport":
		return yes(caller.Secure)
	case "aws:sourceip":
		_, err := netip.ParseAddr(caller.Source)
		return oneUnless(err != nil, caller.Source)
	case "aws:useragent":
		return oneUnless(caller.Agent == "", caller.Agent)
	case "aws:requestedregion":
		return one(q.c.service.realm.Region)
	case "aws:viaawsservice":
		return yes(false)
	case "aws:resourceaccount":
		return q.resourceAccount()
	case "aws:resourcetag":
		return q.resourceTag(key.Sub)
	}
	return absent
}

func (q *conditions) resourceAccount() policy.Values {
	switch {
	case q.t.asksKey():
		return one(string(q.t.key.record.Key.Account))
	case q.t.principal != nil:
		return one(string(q.t.principal.row.Account))
	}
	return one(string(q.c.caller.Account))
}

func (q *conditions) resourceTag(name string) policy.Values {
	switch {
	case q.t.asksKey():
		tags := make(map[string]string, len(q.t.key.record.Tags))
		for _, t := range q.t.key.record.Tags {
			tags[t.Key] = t.Value
		}
		return member(tags, name)
	case q.t.principal != nil:
		return member(q.t.principal.tags, name)
	}
	return absent
}

// member is the value under a name: the one that is spelled so, else the only one that differs in case at most. Several
// of those are ambiguous: a caller could else add one to please a policy, and mean the other.
func member(m map[string]string, name string) policy.Values {
	if v, ok := m[name]; ok {
		return one(v)
	}
	var values []string
	for k, v := range m {
		if strings.EqualFold(k, name) {
			values = append(values, v)
		}
	}
	return policy.Values{List: values, Present: len(values) > 0, Ambiguous: len(values) > 1}
}

// contextMember is member of the encryption context, which can have thousands of names, as can a policy.
func (q *conditions) contextMember(name string) policy.Values {
	if v, ok := q.t.context[name]; ok {
		return one(v)
	}
	if q.context == nil {
		q.context = make(map[string][]string, len(q.t.context))
		for k, v := range q.t.context {
			k = folded(k)
			q.context[k] = append(q.context[k], v)
		}
	}
	values := q.context[folded(name)]
	return policy.Values{List: values, Present: len(values) > 0, Ambiguous: len(values) > 1}
}

// folded is the same of two texts if, and only if, strings.EqualFold says that they are.
func folded(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return least
	}, s)
}

func keysOf(m map[string]string) policy.Values {
	if len(m) == 0 {
		return absent
	}
	v := policy.Values{Present: true}
	for k := range m {
		v.List = append(v.List, k)
	}
	slices.Sort(v.List)
	return v
}
