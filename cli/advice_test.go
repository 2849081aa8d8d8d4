package cli

import (
	"testing"

	"github.com/keyhold/keyhold/kms/api"
)

// Advice is pasted into shells, and the message that it is made from may be of a server that nobody should trust.
func TestAdviceRepeatsNoARNThatAShellWouldRun(t *testing.T) {
	for message, want := range map[string]string{
		keyARN + " is disabled.":                       "enable the key with: keyhold key enable " + keyARN,
		"arn:aws:kms:x;$(touch${IFS}pwn) is disabled.": "enable the key with: keyhold key enable KEY",
		"arn:`id` is disabled.":                        "enable the key with: keyhold key enable KEY",
		"arn:a|sh is disabled.":                        "enable the key with: keyhold key enable KEY",
	} {
		if got := adviceOn(&api.Error{Name: api.DisabledException, Message: message}); got != want {
			t.Errorf("%s: advised %q, want %q", message, got, want)
		}
	}
	if got := adviceOn(api.PendingDeletion("arn:$(id)")); got != "" {
		t.Errorf("advised %q", got)
	}
}
