package api

import "regexp"

// The patterns of the members of grants and policies.
var (
	grantPrincipalPattern = pattern{text: `^[\w+=,.@:/-]+$`, has: func(r rune) bool {
		return wordRune(r) || r == '+' || r == '=' || r == ',' || r == '.' || r == '@' || r == ':' || r == '/' || r == '-'
	}}
	keyPolicyNamePattern    = pattern{text: `[\w]+`, has: wordRune}
	servicePrincipalPattern = regexpPattern(`^([A-Za-z0-9\-]+)\.([A-Za-z0-9\-]+)(\.[A-Za-z0-9\-]+)+$`)
	sourceARNPattern        = regexpPattern(`^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$`)
)

func regexpPattern(text string) pattern {
	return pattern{text: text, whole: regexp.MustCompile(text).MatchString}
}

// MaxConstraintPairs and MaxConstraintValue bound the constraint of a grant: its pairs, and the length of each value
// (AWS KMS API reference, CreateGrant, Constraints).
const (
	MaxConstraintPairs = 8
	MaxConstraintValue = 384
)

func (v *violations) keyPolicyName(name *string) {
	text(v, "policyName", name, bounds{min: 1, max: 128, pattern: keyPolicyNamePattern})
}

func (v *violations) grantPrincipal(path string, name *string) {
	text(v, path, name, bounds{min: 1, max: 256, pattern: grantPrincipalPattern})
}

func (v *violations) servicePrincipal(path string, name *string) {
	text(v, path, name, bounds{min: 1, max: 128, pattern: servicePrincipalPattern})
}

func (v *violations) grantID(id *string, required bool) {
	text(v, "grantId", id, bounds{min: 1, max: 128, required: required})
}

func (v *violations) constraints(c *GrantConstraints) {
	if c == nil {
		return
	}
	v.constraint("constraints.encryptionContextSubset", c.EncryptionContextSubset)
	v.constraint("constraints.encryptionContextEquals", c.EncryptionContextEquals)
	text(v, "constraints.sourceArn", c.SourceArn, bounds{min: 20, max: 512, pattern: sourceARNPattern})
}

// constraint bounds the pairs of a constraint. Their content is not repeated: it may be long.
func (v *violations) constraint(path string, pairs EncryptionContext) {
	v.context(path, pairs)
	if len(pairs) > MaxConstraintPairs {
		v.add("", path, atMost(MaxConstraintPairs))
	}
	for _, value := range pairs {
		if utf16Len(value) > MaxConstraintValue {
			v.add("", path, "Map value must satisfy constraint: ["+atMost(MaxConstraintValue)+"]")
			return
		}
	}
}
