package api_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
)

// input is what the core asks of every input.
type input interface{ Validate() error }

// inputs are all inputs; TestEveryStructIsAKnownShape sees to it that none is forgotten.
var inputs = []input{
	&api.CreateKeyInput{}, &api.DescribeKeyInput{}, &api.ListKeysInput{}, &api.UpdateKeyDescriptionInput{},
	&api.EnableKeyInput{}, &api.DisableKeyInput{}, &api.ScheduleKeyDeletionInput{}, &api.CancelKeyDeletionInput{},
	&api.CreateAliasInput{}, &api.UpdateAliasInput{}, &api.DeleteAliasInput{}, &api.ListAliasesInput{},
	&api.TagResourceInput{}, &api.UntagResourceInput{}, &api.ListResourceTagsInput{}, &api.EncryptInput{},
	&api.DecryptInput{}, &api.ReEncryptInput{}, &api.GenerateDataKeyInput{},
	&api.GenerateDataKeyWithoutPlaintextInput{}, &api.GenerateRandomInput{}, &api.EnableKeyRotationInput{},
	&api.DisableKeyRotationInput{}, &api.GetKeyRotationStatusInput{}, &api.RotateKeyOnDemandInput{},
	&api.ListKeyRotationsInput{}, &api.ExplainAccessInput{}, &api.WhoCanInput{}, &api.AssumeRoleInput{},
	&api.CreateAccessKeyInput{}, &api.CreateAccountInput{}, &api.CreateGrantInput{}, &api.CreatePrincipalInput{},
	&api.DeleteAccessKeyInput{}, &api.DeleteAccountInput{}, &api.DeletePrincipalInput{},
	&api.DeletePrincipalPolicyInput{}, &api.DescribePrincipalInput{}, &api.DisableAccessKeyInput{},
	&api.DisableAccountInput{}, &api.DisablePrincipalInput{}, &api.EnableAccessKeyInput{}, &api.EnableAccountInput{},
	&api.EnablePrincipalInput{}, &api.GetCallerIdentityInput{}, &api.GetKeyPolicyInput{},
	&api.GetPrincipalPolicyInput{}, &api.ListAccessKeysInput{}, &api.ListAccountsInput{}, &api.ListGrantsInput{},
	&api.ListKeyPoliciesInput{}, &api.ListPrincipalPoliciesInput{}, &api.ListPrincipalsInput{},
	&api.ListRetirableGrantsInput{}, &api.PutKeyPolicyInput{}, &api.PutPrincipalPolicyInput{},
	&api.ResetKeyPolicyInput{}, &api.RetireGrantInput{}, &api.RevokeGrantInput{}, &api.RevokeSessionsInput{},
	&api.UpdatePrincipalInput{},
}

// outputs are all outputs that are not api.Void.
var outputs = []any{
	&api.CreateKeyOutput{}, &api.DescribeKeyOutput{}, &api.ListKeysOutput{}, &api.ScheduleKeyDeletionOutput{},
	&api.CancelKeyDeletionOutput{}, &api.ListAliasesOutput{}, &api.ListResourceTagsOutput{}, &api.EncryptOutput{},
	&api.DecryptOutput{}, &api.ReEncryptOutput{}, &api.GenerateDataKeyOutput{},
	&api.GenerateDataKeyWithoutPlaintextOutput{}, &api.GenerateRandomOutput{}, &api.GetKeyRotationStatusOutput{},
	&api.RotateKeyOnDemandOutput{}, &api.ListKeyRotationsOutput{}, &api.ExplainAccessOutput{}, &api.WhoCanOutput{},
	&api.AssumeRoleOutput{}, &api.CreateAccessKeyOutput{}, &api.CreateAccountOutput{}, &api.CreateGrantOutput{},
	&api.CreatePrincipalOutput{}, &api.DeleteAccountOutput{}, &api.DeletePrincipalOutput{},
	&api.DeletePrincipalPolicyOutput{}, &api.DescribePrincipalOutput{}, &api.DisableAccountOutput{},
	&api.DisablePrincipalOutput{}, &api.EnableAccountOutput{}, &api.EnablePrincipalOutput{},
	&api.GetCallerIdentityOutput{}, &api.GetKeyPolicyOutput{}, &api.GetPrincipalPolicyOutput{},
	&api.ListAccessKeysOutput{}, &api.ListAccountsOutput{}, &api.ListGrantsOutput{}, &api.ListKeyPoliciesOutput{},
	&api.ListPrincipalPoliciesOutput{}, &api.ListPrincipalsOutput{}, &api.ListRetirableGrantsOutput{},
	&api.PutPrincipalPolicyOutput{}, &api.RevokeSessionsOutput{}, &api.UpdatePrincipalOutput{},
}

// notShapes are the exported structs that are not on the wire as they stand.
var notShapes = []string{"Error", "UnknownMembersError", "Void"}

// structs are the types of all shapes and of the structures inside them.
func structs() map[string]reflect.Type {
	found := map[string]reflect.Type{}
	var walk func(reflect.Type)
	walk = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice:
			walk(t.Elem())
		case reflect.Struct:
			found[t.Name()] = t
			for i := range t.NumField() {
				walk(t.Field(i).Type)
			}
		}
	}
	for _, in := range inputs {
		walk(reflect.TypeOf(in))
	}
	for _, out := range outputs {
		walk(reflect.TypeOf(out))
	}
	return found
}

func TestEveryStructIsAKnownShape(t *testing.T) {
	known := structs()
	for _, name := range declaredStructs(t) {
		if _, ok := known[name]; !ok && !slices.Contains(notShapes, name) {
			t.Errorf("%s is in no list of this test", name)
		}
	}
}

// declaredStructs reads the exported struct types from the sources.
func declaredStructs(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if _, isStruct := spec.Type.(*ast.StructType); isStruct && spec.Name.IsExported() {
				names = append(names, spec.Name.Name)
			}
			return true
		})
	}
	return names
}

func TestEveryOperationHasBothShapes(t *testing.T) {
	operations := []string{"CreateKey", "DescribeKey", "ListKeys", "UpdateKeyDescription", "EnableKey", "DisableKey", "ScheduleKeyDeletion",
		"CancelKeyDeletion", "CreateAlias", "UpdateAlias", "DeleteAlias", "ListAliases", "TagResource", "UntagResource",
		"ListResourceTags", "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext",
		"GenerateRandom", "EnableKeyRotation", "DisableKeyRotation", "GetKeyRotationStatus", "RotateKeyOnDemand",
		"ListKeyRotations", "ExplainAccess", "WhoCan", "AssumeRole", "CreateAccessKey", "CreateAccount", "CreateGrant",
		"CreatePrincipal", "DeleteAccessKey", "DeleteAccount", "DeletePrincipal", "DeletePrincipalPolicy",
		"DescribePrincipal", "DisableAccessKey", "DisableAccount", "DisablePrincipal", "EnableAccessKey", "EnableAccount",
		"EnablePrincipal", "GetCallerIdentity", "GetKeyPolicy", "GetPrincipalPolicy", "ListAccessKeys", "ListAccounts",
		"ListGrants", "ListKeyPolicies", "ListPrincipalPolicies", "ListPrincipals", "ListRetirableGrants", "PutKeyPolicy",
		"PutPrincipalPolicy", "ResetKeyPolicy", "RetireGrant", "RevokeGrant", "RevokeSessions", "UpdatePrincipal"}
	known := structs()
	if len(inputs) != len(operations) {
		t.Errorf("%d inputs for %d operations", len(inputs), len(operations))
	}
	for _, operation := range operations {
		if _, ok := known[operation+"Input"]; !ok {
			t.Errorf("%sInput is missing", operation)
		}
	}
}

func TestEveryMemberHasAWireNameAndAnAuditClass(t *testing.T) {
	for name, shape := range structs() {
		for i := range shape.NumField() {
			f := shape.Field(i)
			wire, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if wire == "" || !strings.EqualFold(wire, f.Name) {
				t.Errorf("%s.%s: json name %q", name, f.Name, wire)
			}
			if options != "" && options != "omitzero" {
				t.Errorf("%s.%s: json option %q", name, f.Name, options)
			}
			if class := f.Tag.Get("audit"); !slices.Contains([]string{"record", "omit", "digest"}, class) {
				t.Errorf("%s.%s: audit class %q", name, f.Name, class)
			}
		}
	}
}

func TestNoSecretAndNoBlobIsRecorded(t *testing.T) {
	secretNames := []string{"Plaintext", "CiphertextBlob", "CiphertextForRecipient", "GrantTokens", "SecretAccessKey", "SessionToken", "TokenCode", "ContextAssertion"}
	for name, shape := range structs() {
		for i := range shape.NumField() {
			f := shape.Field(i)
			class := f.Tag.Get("audit")
			blob := f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Uint8
			if blob && class == "record" {
				t.Errorf("%s.%s is a blob and is recorded", name, f.Name)
			}
			if slices.Contains(secretNames, f.Name) && class != "omit" {
				t.Errorf("%s.%s has audit class %s", name, f.Name, class)
			}
			if class == "digest" && !blob {
				t.Errorf("%s.%s is digested and is no blob", name, f.Name)
			}
		}
	}
}

func TestInputMembersTellAbsentFromEmpty(t *testing.T) {
	for _, in := range inputs {
		shape := reflect.TypeOf(in).Elem()
		for i := range shape.NumField() {
			switch f := shape.Field(i); f.Type.Kind() {
			case reflect.Pointer, reflect.Slice, reflect.Map:
			default:
				t.Errorf("%s.%s cannot be absent", shape.Name(), f.Name)
			}
		}
	}
}
