package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/audit"
)

// question is the request as ExplainAccess takes it.
func (r *pastRequest) question() (*api.ExplainAccessInput, error) {
	who := r.UserIdentity.PrincipalID
	if r.UserIdentity.Type == "Root" {
		who = r.UserIdentity.ARN
	}
	if who == "" {
		return nil, errors.New("the record does not say who asked")
	}
	if omitted := r.omitted(); len(omitted) > 0 {
		return nil, fmt.Errorf("the record has only a digest of %s, which was too large for it", strings.Join(omitted, ", "))
	}
	in := &api.ExplainAccessInput{Principal: &who, Action: new(r.action()), ContextEntries: r.circumstances()}
	in.KeyID, in.Resource = r.resource(*in.Action)
	in.EncryptionContext = r.context(*in.Action)
	return in, nil
}

// omitted are the members of the request of which the record has a digest only, by name.
func (r *pastRequest) omitted() (names []string) {
	for name, member := range r.Parameters {
		if audit.IsOmitted(member) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// actionPrefixes are those of the actions of each API.
var actionPrefixes = map[string]string{audit.SourceKMS: "kms:", audit.SourceSTS: "sts:", audit.SourceKeyhold: "keyhold:"}

// action is what was asked. Of a request for two actions it is the one that was refused, or else the first.
func (r *pastRequest) action() string {
	switch a := r.Additional.Authorization; {
	case a != nil && a.Action != "":
		return a.Action
	case r.EventName == "ReEncrypt":
		return "kms:ReEncryptFrom"
	}
	return actionPrefixes[r.EventSource] + r.EventName
}

// isSecond tells the second of the two actions that ReEncrypt asks for, which is about the last key and has a context of
// its own.
func isSecond(action string) bool { return action == "kms:ReEncryptTo" }

// resource is the key that was asked, by the ARN of its alias when it was named by one; or another resource. What was not
// found is as the request named it.
func (r *pastRequest) resource(action string) (key, other *string) {
	member := "keyId"
	if isSecond(action) {
		member = "destinationKeyId"
	}
	name, named := r.Parameters[member].(string)
	kind := "AWS::KMS::Key"
	if strings.Contains(name, aliasPrefix) {
		kind = "AWS::KMS::Alias"
	}
	found := slices.DeleteFunc(slices.Clone(r.Resources), func(a audit.Resource) bool { return a.Type != kind })
	switch {
	case len(found) > 0 && isSecond(action):
		return &found[len(found)-1].ARN, nil
	case len(found) > 0:
		return &found[0].ARN, nil
	case named:
		return &name, nil
	case len(r.Resources) > 0:
		return nil, &r.Resources[0].ARN
	}
	for _, member := range []string{"roleArn", "principal"} {
		if name, named := r.Parameters[member].(string); named {
			return nil, &name
		}
	}
	return nil, nil
}

func (r *pastRequest) context(action string) api.EncryptionContext {
	members := []string{"encryptionContext", "sourceEncryptionContext"}
	if isSecond(action) {
		members = []string{"destinationEncryptionContext"}
	}
	for _, member := range members {
		if pairs, ok := r.Parameters[member].(map[string]any); ok && !audit.IsOmitted(pairs) {
			return textPairs(pairs)
		}
	}
	return nil
}

func textPairs(pairs map[string]any) api.EncryptionContext {
	found := api.EncryptionContext{}
	for name, value := range pairs {
		if text, ok := value.(string); ok {
			found[name] = text
		}
	}
	return found
}

// recordedConditions are condition keys whose values stand in the record as members of the request.
var recordedConditions = []struct{ key, member string }{
	{"kms:EncryptionAlgorithm", "encryptionAlgorithm"},
	{"kms:GranteePrincipal", "granteePrincipal"},
	{"kms:GrantOperations", "operations"},
	{"kms:RetiringPrincipal", "retiringPrincipal"},
	{"kms:ScheduleKeyDeletionPendingWindowInDays", "pendingWindowInDays"},
	{"kms:RotationPeriodInDays", "rotationPeriodInDays"},
	{"sts:RoleSessionName", "roleSessionName"},
	{"sts:ExternalId", "externalId"},
}

// circumstances are what the record tells about how the request came, as condition keys.
func (r *pastRequest) circumstances() []api.ContextEntry {
	var list []api.ContextEntry
	add := func(key string, values ...string) {
		list = append(list, api.ContextEntry{ContextKeyName: &key, ContextKeyValues: values})
	}
	if _, err := netip.ParseAddr(r.SourceIPAddress); err == nil {
		add("aws:SourceIp", r.SourceIPAddress)
	} else {
		add("aws:SecureTransport", "false") // at the server itself
	}
	if r.UserAgent != "" {
		add("aws:UserAgent", r.UserAgent)
	}
	for _, k := range recordedConditions {
		if values := recordedValues(r.Parameters[k.member]); values != nil {
			add(k.key, values...)
		}
	}
	return list
}

func recordedValues(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var list []string
		for _, element := range v {
			list = append(list, recordedValues(element)...)
		}
		return list
	default:
		return []string{fmt.Sprint(v)}
	}
}
