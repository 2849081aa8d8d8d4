package kms

import (
	"slices"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/audit"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// maxRecordedText bounds what a caller can make the log repeat of a refused request, in octets.
const maxRecordedText = 2048

// record is the encoded audit record of the call. A request too large to be recorded whole is recorded without its
// parameters: that it was made, by whom and with which answer, always is.
func (c *Call) record(out any, err *api.Error) ([]byte, error) {
	event := c.event(out, err)
	record, encodeErr := event.Encode()
	if encodeErr == nil {
		return record, nil
	}
	event.RequestParameters, event.ResponseElements = nil, nil
	event.AdditionalData = map[string]any{"omitted": "the request was too large to be recorded whole"}
	return event.Encode()
}

func (c *Call) event(out any, err *api.Error) audit.Event {
	e := audit.Event{
		UserIdentity: c.identity(), Time: c.now, Name: c.operation, Region: c.service.realm.Region,
		SourceIPAddress: c.caller.Source, UserAgent: c.caller.Agent, RequestID: c.request, ID: c.eventID,
		ReadOnly: c.effect != Mutate, Type: audit.APICall, RecipientAccountID: string(c.caller.Account),
		Resources: c.resources(), AdditionalData: c.notes,
	}
	if c.valid {
		e.RequestParameters = c.parameters()
	}
	if err != nil {
		e.ErrorCode, e.ErrorMessage = err.Name, truncate(err.Message)
		return e
	}
	if c.effect == Mutate {
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

func withField(fields map[string]any, name, value string) map[string]any {
	if fields == nil {
		fields = map[string]any{}
	}
	fields[name] = value
	return fields
}

// response is what CloudTrail tells of a mutation's answer: the shape, or the key's ARN when the answer is empty.
func (c *Call) response(out any) map[string]any {
	if fields := api.AuditFields(out); fields != nil {
		return fields
	}
	for _, t := range slices.Backward(c.targets) { // of UpdateAlias the key that the alias names now
		if t.key != nil {
			return map[string]any{"keyId": t.key.ARN()}
		}
	}
	return nil
}

func truncate(s string) string {
	if len(s) > maxRecordedText {
		return s[:maxRecordedText] + "..."
	}
	return s
}

func (c *Call) identity() audit.Identity {
	kind := "IAMUser"
	if c.caller.Root {
		kind = "Root"
	}
	return audit.Identity{
		Type: kind, PrincipalID: c.caller.PrincipalID, ARN: c.caller.ARN, AccountID: string(c.caller.Account),
		AccessKeyID: c.caller.AccessKeyID,
	}
}

// resources are the keys and aliases that the request turned out to be about, without repetition.
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
		if t.alias != nil {
			add(t.alias.Account, "AWS::KMS::Alias", c.service.realm.AliasARN(t.alias.Account, t.alias.Name))
		}
		if t.key != nil {
			add(t.key.Row().Account, "AWS::KMS::Key", t.key.ARN())
		}
	}
	if c.change != nil {
		for _, a := range c.change.Aliases {
			add(a.Account, "AWS::KMS::Alias", c.service.realm.AliasARN(a.Account, a.Name))
		}
		for _, k := range c.change.Keys {
			add(k.Account, "AWS::KMS::Key", c.service.realm.KeyARN(k.Account, k.ID))
		}
	}
	return list
}
