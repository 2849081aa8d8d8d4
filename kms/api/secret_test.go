package api_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
)

func TestASecretTextStandsOnTheWireAndNowhereElse(t *testing.T) {
	const text = "wJalrXUtnFEMI/K7MDENG"
	out := &api.CreateAccessKeyOutput{AccessKeyID: "AKIA2222222222222222", SecretAccessKey: text, Principal: "arn:aws:iam::111122223333:user/ada"}
	wire, err := api.Encode(out)
	if err != nil || !strings.Contains(string(wire), `"SecretAccessKey":"`+text+`"`) {
		t.Errorf("the wire carries %s, %v", wire, err)
	}
	var in api.CreateAccessKeyInput
	if err := api.Decode([]byte(`{"Principal":"user/ada","AccessKeyId":"a","SecretAccessKey":"`+text+`"}`), &in, api.RefuseUnknown); err != nil || *in.SecretAccessKey != text {
		t.Errorf("it is read as %v", err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("made", "secret", out.SecretAccessKey, "shape", out)
	shown := []string{log.String(), fmt.Sprint(api.AuditFields(out)), fmt.Sprint(api.AuditFields(&in))}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown = append(shown, fmt.Sprintf(verb, out.SecretAccessKey), fmt.Sprintf(verb, *out), fmt.Sprintf(verb, *in.SecretAccessKey))
	}
	for _, s := range shown {
		if strings.Contains(s, text) || strings.Contains(s, fmt.Sprintf("%x", text)) {
			t.Errorf("the secret shows in %s", s)
		}
	}
}
