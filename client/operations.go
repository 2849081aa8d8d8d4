package client

import (
	"fmt"
	"reflect"

	"github.com/keyhold/keyhold/kms/api"
)

// repeat says what asking again does when it is unknown whether the first request took effect.
type repeat int

const (
	look  repeat = iota + 1 // nothing: the operation leaves nothing behind
	same                    // nothing more: what it leaves behind, and its answer, are those of the first
	once                    // something more, such as a second key, or a refusal of what has just succeeded
	named                   // as same when the request has a Name, else as once
)

// of resolves named.
func (r repeat) of(in Input) repeat {
	if r != named {
		return r
	}
	if g, ok := in.(*api.CreateGrantInput); ok && g.Name != nil {
		return same
	}
	return once
}

// The APIs, as the prefixes of X-Amz-Target. That of STS is never sent: its protocol names the operation in the form.
const (
	kms     = "TrentService."
	keyhold = "Keyhold."
	sts     = "AWSSecurityTokenServiceV20110615."
)

type operation struct {
	api    string
	repeat repeat
}

// operations has a row for every operation of the three APIs. What is the same when done again is so by the AWS KMS API
// reference: it answers success for a state that is already reached. CreateGrant says it of its Name. An alias or a tag
// that is already as asked is not an error when it is updated, but is when it is created or deleted.
var operations = map[string]operation{
	"CancelKeyDeletion":               {kms, once},
	"CreateAlias":                     {kms, once},
	"CreateGrant":                     {kms, named},
	"CreateKey":                       {kms, once},
	"Decrypt":                         {kms, look},
	"DeleteAlias":                     {kms, once},
	"DescribeKey":                     {kms, look},
	"DisableKey":                      {kms, same},
	"DisableKeyRotation":              {kms, same},
	"EnableKey":                       {kms, same},
	"EnableKeyRotation":               {kms, same},
	"Encrypt":                         {kms, look},
	"GenerateDataKey":                 {kms, look},
	"GenerateDataKeyWithoutPlaintext": {kms, look},
	"GenerateRandom":                  {kms, look},
	"GetKeyPolicy":                    {kms, look},
	"GetKeyRotationStatus":            {kms, look},
	"ListAliases":                     {kms, look},
	"ListGrants":                      {kms, look},
	"ListKeyPolicies":                 {kms, look},
	"ListKeyRotations":                {kms, look},
	"ListKeys":                        {kms, look},
	"ListResourceTags":                {kms, look},
	"ListRetirableGrants":             {kms, look},
	"PutKeyPolicy":                    {kms, same},
	"ReEncrypt":                       {kms, look},
	"RetireGrant":                     {kms, once},
	"RevokeGrant":                     {kms, once},
	"RotateKeyOnDemand":               {kms, once},
	"ScheduleKeyDeletion":             {kms, once},
	"TagResource":                     {kms, same},
	"UntagResource":                   {kms, same},
	"UpdateAlias":                     {kms, same},
	"UpdateKeyDescription":            {kms, same},

	"CreateAccessKey":       {keyhold, once},
	"CreateAccount":         {keyhold, once},
	"CreatePrincipal":       {keyhold, once},
	"DeleteAccessKey":       {keyhold, once},
	"DeleteAccount":         {keyhold, once},
	"DeletePrincipal":       {keyhold, once},
	"DeletePrincipalPolicy": {keyhold, once},
	"DescribePrincipal":     {keyhold, look},
	"DisableAccessKey":      {keyhold, same},
	"DisableAccount":        {keyhold, same},
	"DisablePrincipal":      {keyhold, same},
	"EnableAccessKey":       {keyhold, same},
	"EnableAccount":         {keyhold, same},
	"EnablePrincipal":       {keyhold, same},
	"ExplainAccess":         {keyhold, look},
	"GetPrincipalPolicy":    {keyhold, look},
	"ListAccessKeys":        {keyhold, look},
	"ListAccounts":          {keyhold, look},
	"ListPrincipalPolicies": {keyhold, look},
	"ListPrincipals":        {keyhold, look},
	"PutPrincipalPolicy":    {keyhold, same},
	"ResetKeyPolicy":        {keyhold, same},
	"RevokeSessions":        {keyhold, same},
	"UpdatePrincipal":       {keyhold, same},
	"WhoCan":                {keyhold, look},

	"AssumeRole":        {sts, look}, // a second session is one more that ends by itself
	"GetCallerIdentity": {sts, look},
}

// wire is the protocol that the API speaks.
func (o operation) wire() wire {
	if o.api == sts {
		return queryWire
	}
	return jsonWire
}

// lookUp finds the row, and refuses shapes that are not the operation's: the server would decode one of another as far
// as names agree.
func lookUp(name string, in Input, out any) (operation, error) {
	row, known := operations[name]
	if !known {
		return operation{}, fmt.Errorf("call %q: there is no such operation in this client", name)
	}
	if !isShape(in, name+"Input") {
		return operation{}, fmt.Errorf("call %s: got a %T for its input; want an *api.%sInput that is not nil", name, in, name)
	}
	if !isShape(out, name+"Output") && !isShape(out, "Void") {
		return operation{}, fmt.Errorf("call %s: got a %T for its output; want an *api.%sOutput, or an *api.Void for nothing, that is not nil", name, out, name)
	}
	return row, nil
}

// isShape tells whether v points to the shape of that name.
func isShape(v any, name string) bool { return shapeName(v) == name }

// shapeName is the name of the shape of kms/api that v points to, "" when it is none.
func shapeName(v any) string {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() || p.Type().Elem().PkgPath() != reflect.TypeFor[api.Void]().PkgPath() {
		return ""
	}
	return p.Type().Elem().Name()
}
