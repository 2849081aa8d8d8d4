package kms

import (
	"slices"
	"unicode/utf8"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/audit"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// maxRecordedText bounds what a caller can make the log repeat of a refused request, in octets.
const maxRecordedText = 2048

// record is the encoded audit record of the call. Package audit bounds what it repeats of request and answer.
func (c *Call) record(out any, err *api.Error) ([]byte, error) { return c.event(out, err).Encode() }

func (c *Call) event(out any, err *api.Error) audit.Event {
	e := audit.Event{
		UserIdentity: c.identity(), Time: c.now, Name: c.operation, Region: c.service.realm.Region,
		SourceIPAddress: c.caller.Source, UserAgent: c.caller.Agent, RequestID: c.request, ID: c.eventID,
		ReadOnly: c.effect != Mutate, Type: audit.APICall, RecipientAccountID: string(c.caller.Account),
		Resources: c.resources(), AdditionalData: c.additional(), Source: eventSources[c.api],
	}
	if c.valid {
		e.RequestParameters = c.parameters()
	}
	if err != nil {
		e.ErrorCode, e.ErrorMessage = err.Name, truncate(err.Message)
		return e
	}
	if c.tellsAnswer() {
		e.ResponseElements = c.response(out)
	}
	return e
}

// parameters are the request's members, with the algorithms that AWS always tells, sent or not.
func (c *Call) parameters() map[string]any {
	fields := api.AuditFields(c.input)
	switch in := c.input.(type) {
	case interface {
		SourceAlgorithm() keyspec.EncryptionAlgorithm
		DestinationAlgorithm() keyspec.EncryptionAlgorithm
	}:
		fields = withField(fields, "sourceEncryptionAlgorithm", string(in.SourceAlgorithm()))
		fields = withField(fields, "destinationEncryptionAlgorithm", string(in.DestinationAlgorithm()))
	case interface {
		Algorithm() keyspec.EncryptionAlgorithm
	}:
		fields = withField(fields, "encryptionAlgorithm", string(in.Algorithm()))
	}
	return fields
}

func withField(fields map[string]any, name string, value any) map[string]any {
	if fields == nil {
		fields = map[string]any{}
	}
	fields[name] = value
	return fields
}

// response is what CloudTrail tells of a mutation's answer: the shape, and the key's ARN, or the access key's id,
// also where the answer does not have it.
func (c *Call) response(out any) map[string]any {
	fields := api.AuditFields(out)
	if fields["keyId"] != nil {
		return fields
	}
	for _, t := range slices.Backward(c.targets) { // of UpdateAlias the key that the alias names now
		if t.key != nil {
			return withField(fields, "keyId", t.key.ARN())
		}
		if t.accessKey != nil {
			return withField(fields, "accessKeyId", string(t.accessKey.row.ID))
		}
	}
	return fields
}

func truncate(s string) string { return cut(s, maxRecordedText) }

// cut is s, or its beginning: at most that many octets, and twice as many in the record, where some take six.
func cut(s string, most int) string {
	inJSON := 0
	for at, r := range s {
		if inJSON += jsonLen(r); at+utf8.RuneLen(r) > most || inJSON > 2*most {
			return s[:at] + "..."
		}
	}
	return s
}

// jsonLen is how many octets a record has for a character at most.
func jsonLen(r rune) int {
	switch {
	case r == '"' || r == '\\' || r == '\n' || r == '\r' || r == '\t':
		return 2
	case r < ' ' || r == '\u2028' || r == '\u2029' || r == utf8.RuneError:
		return 6
	}
	return utf8.RuneLen(r)
}

// principalTypes are the types of principals as resources of a record.
var principalTypes = map[PrincipalKind]string{User: "AWS::IAM::User", Role: "AWS::IAM::Role"}

// resources are the keys, aliases, users and roles that the request turned out to be about, without repetition.
func (c *Call) resources() []audit.Resource {
	var list []audit.Resource
	seen := map[string]bool{}
	add := func(account AccountID, kind, arn string) {
		if !seen[arn] {
			seen[arn] = true
			list = append(list, audit.Resource{AccountID: string(account), Type: kind, ARN: arn})
		}
	}
	for _, t := range c.targets {
		if t.unborn {
			continue
		}
		if t.alias != nil {
			a := t.alias.row
			add(a.Account, "AWS::KMS::Alias", c.service.realm.AliasARN(a.Account, a.Name))
		}
		if t.key != nil {
			add(t.key.Row().Account, "AWS::KMS::Key", t.key.ARN())
		}
		if t.principal != nil {
			p := t.principal.row
			add(p.Account, principalTypes[p.Kind], t.principal.ARN())
		}
	}
	if c.change != nil {
		for _, a := range c.change.Aliases {
			add(a.Account, "AWS::KMS::Alias", c.service.realm.AliasARN(a.Account, a.Name))
		}
		for _, k := range c.change.Keys {
			add(k.Account, "AWS::KMS::Key", c.service.realm.KeyARN(k.Account, k.ID))
		}
		for _, p := range c.change.Principals {
			add(p.Account, principalTypes[p.Kind], c.service.realm.PrincipalARN(p.Account, p.Kind, p.Path, p.Name))
		}
	}
	return list
}
