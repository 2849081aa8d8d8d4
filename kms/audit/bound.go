package audit

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
)

// MaxDone and MaxRefused bound a record, in octets: of a request that was done, with room for the longest key policy,
// description and list of tags together; and of one that was refused, which whoever reaches the server can send without
// end. They are Keyhold's own. CloudTrail leaves out requestParameters and responseElements of more than 100 KB each
// (CloudTrail User Guide, "CloudTrail record contents").
const (
	MaxDone    = 128 << 10
	MaxRefused = 16 << 10
)

// IsOmitted tells that a member of requestParameters or responseElements, as read from a record, was too large for it. It
// is then {"omitted": true, "bytes": N, "sha256": "..."}: N is the length of the member's JSON as Encode would have written
// it, and the digest that of this text, in hexadecimal. CloudTrail, too, says omitted. No request can forge it: in a map
// that a caller fills there are texts only.
func IsOmitted(member any) bool {
	fields, _ := member.(map[string]any)
	omitted, _ := fields["omitted"].(bool)
	return omitted
}

func (e Event) most() int {
	if e.ErrorCode != "" {
		return MaxRefused
	}
	return MaxDone
}

// omitting is the event without the largest members of request and answer, as many as it takes to save excess octets. The
// event's own maps stay as they are.
func (e Event) omitting(excess int) (Event, error) {
	e.RequestParameters, e.ResponseElements = maps.Clone(e.RequestParameters), maps.Clone(e.ResponseElements)
	var members []member
	for _, in := range []map[string]any{e.RequestParameters, e.ResponseElements} {
		for name, value := range in {
			text, err := encodeJSON(value)
			if err != nil {
				return e, err
			}
			members = append(members, member{in, name, text})
		}
	}
	slices.SortFunc(members, func(a, b member) int {
		return cmp.Or(cmp.Compare(len(b.text), len(a.text)), cmp.Compare(a.name, b.name))
	})
	for _, m := range members {
		if excess <= 0 {
			break
		}
		excess -= m.omit()
	}
	return e, nil
}

// member is one of a map of an event, and its JSON.
type member struct {
	in   map[string]any
	name string
	text []byte
}

// omit puts the digest in the member's place, unless that is no shorter, and tells how many octets that saves.
func (m member) omit() int {
	digest := sha256.Sum256(m.text)
	placeholder := map[string]any{"omitted": true, "bytes": len(m.text), "sha256": hex.EncodeToString(digest[:])}
	text, err := encodeJSON(placeholder)
	if err != nil || len(text) >= len(m.text) {
		return 0
	}
	m.in[m.name] = placeholder
	return len(m.text) - len(text)
}

// encodeJSON is one line of JSON, nothing escaped for HTML, without its line feed.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
