package api

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The patterns of identities (IAM API reference, CreateUser, CreateRole and PutUserPolicy).
var (
	accountPattern     = pattern{text: `^\d{12}$`, has: func(r rune) bool { return r >= '0' && r <= '9' }}
	accountNamePattern = pattern{text: `[\u0020-\u007E]+`, has: func(r rune) bool { return r >= 0x20 && r <= 0x7e }}
	namePattern        = pattern{text: `[\w+=,.@-]+`, has: func(r rune) bool { return wordRune(r) || strings.ContainsRune("+=,.@-", r) }}
	pathPattern        = pattern{text: `(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`, has: func(r rune) bool { return r >= 0x21 && r <= 0x7e }}
	describePattern    = pattern{text: `[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*`, empty: true, has: func(r rune) bool {
		return r >= 0x20 && r <= 0x7e || r >= 0xa1 && r <= 0xff || r == '\t' || r == '\n' || r == '\r'
	}}
	principalRefPattern = pattern{text: `[\u0021-\u007E]+`, has: func(r rune) bool { return r >= 0x21 && r <= 0x7e }}
)

// principalKinds are the values of Kind.
var principalKinds = []string{"user", "role"}

func (v *violations) account(required bool, id *string) {
	text(v, "accountId", id, bounds{min: 12, max: 12, pattern: accountPattern, required: required})
}

// principal is a reference: an ARN, a unique id, user/<name> or role/<name>.
func (v *violations) principal(ref *string) {
	text(v, "principal", ref, bounds{min: 1, max: 2048, pattern: principalRefPattern, required: true})
}

func (v *violations) kind(required bool, kind *string) {
	switch {
	case kind == nil && required:
		v.add("null", "kind", notNull)
	case kind != nil && !slices.Contains(principalKinds, *kind):
		v.add(quoted(*kind), "kind", "Member must satisfy enum value set: ["+strings.Join(principalKinds, ", ")+"]")
	}
}

func (v *violations) path(path *string) {
	b := bounds{min: 1, max: 512, pattern: pathPattern}
	text(v, "path", path, b)
	if path == nil || len(b.broken(*path)) > 0 {
		return
	}
	if !strings.HasPrefix(*path, "/") || !strings.HasSuffix(*path, "/") || *path == "//" {
		v.add(quoted(*path), "path", "Member must satisfy regular expression pattern: "+pathPattern.text)
	}
}

func (v *violations) identityPolicyName(name *string) {
	text(v, "policyName", name, bounds{min: 1, max: 128, pattern: namePattern, required: true})
}

func (v *violations) policy(path string, document *string, required bool) {
	text(v, path, document, bounds{min: 1, max: 131072, pattern: policyPattern, required: required})
}

func (v *violations) description(s *string) {
	text(v, "description", s, bounds{max: 1000, pattern: describePattern})
}

// tagMap checks the tags of a principal, in the order of their keys. See CheckTagMap for the rest.
func (v *violations) tagMap(tags map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		value := tags[key]
		text(v, "tags.key", &key, bounds{min: 1, max: 128})
		text(v, fmt.Sprintf("tags.%s.member", key), &value, bounds{max: 256})
	}
}

// CheckTagMap checks the tags of a principal beyond the model, with a TagException: at most 50, no two keys that differ
// in case only (IAM User Guide, "Tags for AWS Identity and Access Management resources"), none reserved.
func CheckTagMap(tags map[string]string) error {
	seen := make(map[string]bool, len(tags))
	reserved := false
	for key := range tags {
		folded := strings.ToLower(key)
		if seen[folded] {
			return TagDuplicate()
		}
		seen[folded] = true
		reserved = reserved || strings.HasPrefix(folded, reservedTagPrefix)
	}
	switch {
	case len(tags) > MaxTags:
		return TagTooMany()
	case reserved:
		return TagReserved()
	}
	return nil
}
