package api

import (
	"fmt"
	"unicode/utf8"

	"github.com/keyhold/keyhold/kms/keyspec"
)

// pattern is a regular expression of the service model, mostly of the form "only these characters", with its printed text.
type pattern struct {
	text  string
	has   func(rune) bool
	empty bool              // the empty string matches
	whole func(string) bool // nil: has decides
}

// The patterns of the members. AWS enforces keyPattern although the published model lacks it.
var (
	keyPattern   = pattern{text: `^\p{ASCII}+$`, has: func(r rune) bool { return r < 0x80 }}
	aliasPattern = pattern{text: `^[a-zA-Z0-9:/_-]+$`, has: func(r rune) bool {
		return wordRune(r) || r == ':' || r == '/' || r == '-'
	}}
	markerPattern = pattern{text: `[\u0020-\u00FF]*`, has: latinRune, empty: true}
	policyPattern = pattern{text: `[\u0009\u000A\u000D\u0020-\u00FF]+`, has: func(r rune) bool {
		return latinRune(r) || r == '\t' || r == '\n' || r == '\r'
	}}
	xksKeyPattern = pattern{text: `^[a-zA-Z0-9-_.]+$`, has: func(r rune) bool { return wordRune(r) || r == '-' || r == '.' }}
)

func latinRune(r rune) bool { return r >= 0x20 && r <= 0xFF }

func wordRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_'
}

func (p pattern) matches(s string) bool {
	if p.whole != nil {
		return p.whole(s)
	}
	if p.has == nil {
		return true
	}
	for _, r := range s {
		if !p.has(r) {
			return false
		}
	}
	return s != "" || p.empty
}

func validateKeyID(id *string) error {
	var v violations
	v.keyID("keyId", id)
	return v.err()
}

func (v *violations) keyID(path string, id *string) { v.keyIDIf(true, path, id) }

func (v *violations) optionalKeyID(path string, id *string) { v.keyIDIf(false, path, id) }

func (v *violations) keyIDIf(required bool, path string, id *string) {
	text(v, path, id, bounds{min: 1, max: 2048, pattern: keyPattern, required: required})
}

func (v *violations) aliasName(name *string) {
	text(v, "aliasName", name, bounds{min: 1, max: 256, pattern: aliasPattern, required: true})
}

func (v *violations) page(limit *int32, marker *string) {
	v.number("limit", limit, 1, maxPage)
	text(v, "marker", marker, bounds{min: 1, max: 1024, pattern: markerPattern})
}

func (v *violations) number(path string, n *int32, least, most int32) {
	if n == nil {
		return
	}
	shown := fmt.Sprintf("'%d'", *n)
	if *n < least {
		v.add(shown, path, fmt.Sprintf("Member must have value greater than or equal to %d", least))
	}
	if *n > most {
		v.add(shown, path, fmt.Sprintf("Member must have value less than or equal to %d", most))
	}
}

// sensitive checks a required secret blob. AWS hides even that it is null.
func (v *violations) sensitive(path string, blob Sensitive, most int) {
	if blob == nil {
		v.add("", path, notNull)
		return
	}
	v.blob(path, blob, most, true)
}

// blob checks a blob of 1 to most bytes. AWS never shows its value, except that it is null.
func (v *violations) blob(path string, blob []byte, most int, required bool) {
	switch {
	case blob == nil && required:
		v.add("null", path, notNull)
	case blob != nil && len(blob) == 0:
		v.add("", path, atLeast(1))
	case len(blob) > most:
		v.add("", path, atMost(most))
	}
}

// context bounds an encryption context, see MaxEncryptionContext. Its content is not repeated: it may be long.
func (v *violations) context(path string, c EncryptionContext) {
	for name, value := range c {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			v.add("", path, notUTF8)
			break
		}
	}
	if c.Size() > MaxEncryptionContext {
		v.add("", path, atMost(MaxEncryptionContext))
	}
}

// grantTokens checks the list and its elements. The tokens are not shown: one is enough to use a grant early.
func (v *violations) grantTokens(tokens []string) {
	if len(tokens) > MaxGrantTokens {
		v.add("", "grantTokens", atMost(MaxGrantTokens))
	}
	v.elements("grantTokens", tokens, bounds{min: 1, max: 8192, hidden: true})
}

// elements checks the elements of a list of strings.
func (v *violations) elements(path string, values []string, b bounds) {
	for _, value := range values {
		if len(b.broken(value)) == 0 {
			continue
		}
		shown := quoted(bracketed(values))
		if b.hidden {
			shown = ""
		}
		v.add(shown, path, b.all())
		return
	}
}

func (v *violations) tags(tags []Tag) {
	for i, tag := range tags {
		path := fmt.Sprintf("tags.%d.member.", i+1)
		text(v, path+"tagKey", tag.TagKey, bounds{min: 1, max: 128, required: true})
		text(v, path+"tagValue", tag.TagValue, bounds{max: 256, required: true})
	}
}

func (v *violations) recipient(r *RecipientInfo) {
	if r == nil {
		return
	}
	enum(v, "recipient.keyEncryptionAlgorithm", r.KeyEncryptionAlgorithm, keyspec.KeyEncryptionMechanisms)
	v.blob("recipient.attestationDocument", r.AttestationDocument, 262144, false)
}
