package kms

import (
	"context"

	"github.com/keyhold/keyhold/kms/api"
)

// KeyQuota is how many customer managed keys the caller's account may have, for Change.MaxKeys; 0 is any number. With as
// many already it answers a LimitExceededException. It is asked before a key is made in the token; what two requests at a
// time would make is counted again inside the transaction.
func (c *Call) KeyQuota(ctx context.Context) (int, error) {
	most := c.service.config.MaxKeysPerAccount
	if most == 0 {
		return 0, nil
	}
	n, err := c.service.store.KeyCount(ctx, c.caller.Account)
	if err == nil && n >= most {
		err = api.KeyLimit(string(c.caller.Account), most)
	}
	return most, err
}
