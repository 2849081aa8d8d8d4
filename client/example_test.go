package client_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/client"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// Credentials and region come from the usual AWS variables and files.
func Example() {
	c, err := client.New(client.Config{Endpoint: "https://kms.example.com:8443"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	dataKey, err := c.GenerateDataKey(context.Background(), &api.GenerateDataKeyInput{KeyID: new("alias/orders"), KeySpec: new(keyspec.AES256)})
	if errors.Is(err, &api.Error{Name: api.NotFoundException}) {
		fmt.Println("there is no such key")
	}
	if err != nil {
		return
	}
	defer dataKey.Plaintext.Wipe()
	// Encrypt with dataKey.Plaintext, and keep dataKey.CiphertextBlob with the result.
}
