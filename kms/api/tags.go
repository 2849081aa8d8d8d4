package api

import "strings"

// reservedTagPrefix belongs to AWS, in any case of letters.
const reservedTagPrefix = "aws:"

// Tag is a label of a key (AWS KMS API reference, Tag). Both members are required; the key is 1..128 characters, the
// value 0..256. Tags are no secrets.
type Tag struct {
	TagKey   *string `json:"TagKey,omitzero" audit:"record"`
	TagValue *string `json:"TagValue,omitzero" audit:"record"`
}

// NewTag makes a tag.
func NewTag(key, value string) Tag { return Tag{TagKey: &key, TagValue: &value} }

// Key is the tag's key, or "" when absent.
func (t Tag) Key() string { return or(t.TagKey, "") }

// Value is the tag's value, or "" when absent.
func (t Tag) Value() string { return or(t.TagValue, "") }

// CheckTags checks a request's tags beyond the model, with a TagException: no key twice, at most 50, none reserved. The
// limit counts for the key afterwards too, which is the operation's to check (TagTooMany).
func CheckTags(tags []Tag) error {
	seen := make(map[string]bool, len(tags))
	reserved := false
	for _, tag := range tags {
		if seen[tag.Key()] {
			return TagDuplicate()
		}
		seen[tag.Key()] = true
		reserved = reserved || strings.HasPrefix(strings.ToLower(tag.Key()), reservedTagPrefix)
	}
	switch {
	case len(tags) > MaxTags:
		return TagTooMany()
	case reserved:
		return TagReserved()
	}
	return nil
}

// TagResourceInput adds tags to a key by id or ARN, or replaces values (AWS KMS API reference, TagResource).
type TagResourceInput struct {
	KeyID *string `json:"KeyId,omitzero" audit:"record"`
	Tags  []Tag   `json:"Tags,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them. See CheckTags for the rest.
func (in *TagResourceInput) Validate() error {
	var v violations
	v.keyID("keyId", in.KeyID)
	if in.Tags == nil {
		v.add("null", "tags", notNull)
	}
	v.tags(in.Tags)
	return v.err()
}

// TagResourceOutput is empty.
type TagResourceOutput = Void

// UntagResourceInput removes tags from a key by id or ARN; unknown keys are passed over (AWS KMS API reference,
// UntagResource).
type UntagResourceInput struct {
	KeyID   *string  `json:"KeyId,omitzero" audit:"record"`
	TagKeys []string `json:"TagKeys,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *UntagResourceInput) Validate() error {
	var v violations
	v.keyID("keyId", in.KeyID)
	if in.TagKeys == nil {
		v.add("null", "tagKeys", notNull)
	}
	v.elements("tagKeys", in.TagKeys, bounds{min: 1, max: 128})
	return v.err()
}

// UntagResourceOutput is empty.
type UntagResourceOutput = Void

// ListResourceTagsInput asks for a page of a key's tags, by id or ARN (AWS KMS API reference, ListResourceTags).
type ListResourceTagsInput struct {
	KeyID  *string `json:"KeyId,omitzero" audit:"record"`
	Limit  *int32  `json:"Limit,omitzero" audit:"record"`
	Marker *string `json:"Marker,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *ListResourceTagsInput) Validate() error {
	var v violations
	v.keyID("keyId", in.KeyID)
	v.page(in.Limit, in.Marker)
	return v.err()
}

// PageSize is the most entries of the page: 50 by default and at most.
func (in *ListResourceTagsInput) PageSize() int { return pageSize(in.Limit, smallPage, smallPage) }

// ListResourceTagsOutput is a page of tags in the order in which they were added. NextMarker is set when Truncated.
type ListResourceTagsOutput struct {
	Tags       []Tag  `json:"Tags" audit:"record"`
	NextMarker string `json:"NextMarker,omitzero" audit:"record"`
	Truncated  bool   `json:"Truncated" audit:"record"`
}
