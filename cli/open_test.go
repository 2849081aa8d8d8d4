package cli

import (
	"testing"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/kms/api"
)

// The configuration knows nothing of the API, and has its limits.
func TestTheDefaultQuotasAreThoseOfTheDocument(t *testing.T) {
	c, err := configs.Parse([]byte(leastConfig), configName)
	if err != nil {
		t.Fatal(err)
	}
	if *c.Keys.PerAccount != api.MaxKeysPerAccount || *c.Keys.OnDemandRotations != api.MaxOnDemandRotations {
		t.Errorf("the defaults are %d keys and %d rotations", *c.Keys.PerAccount, *c.Keys.OnDemandRotations)
	}
}
