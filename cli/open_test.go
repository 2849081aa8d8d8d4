package cli

import (
	"testing"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/kms/api"
)

// The configuration knows nothing of the API, and has its limits.
func TestTheDefaultQuotasAreThoseOfTheDocument(t *testing.T) {
	c, err := configs.Parse([]byte("version: 1\naccount: \"111122223333\"\nregion: eu-central-1\nmodule: {path: /usr/lib/p11.so}\ntoken: {label: t, pin: {file: /p}}\n"), "keyhold.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if *c.Keys.PerAccount != api.MaxKeysPerAccount || *c.Keys.OnDemandRotations != api.MaxOnDemandRotations {
		t.Errorf("the defaults are %d keys and %d rotations", *c.Keys.PerAccount, *c.Keys.OnDemandRotations)
	}
}
