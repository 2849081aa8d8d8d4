package cli

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// remote is a server that does what commands ask: the one that holds the data directory, or one elsewhere.
type remote interface {
	// do sends one operation, and answers with its output shape. The id is that of the request, as far as the server told it,
	// whatever else comes of it. An error of the API is an *api.Error; others say where the server was looked for.
	do(ctx context.Context, caller kms.Caller, row kms.Description, in kms.Input) (out any, id string, err error)
	close()
}

var (
	_ remote = (*neighbour)(nil)
	_ remote = (*endpoint)(nil)
)

// remoteError is an error of a server's answer, which this process has no log of.
func remoteError(err error, id string) error {
	if id == "" {
		return err
	}
	return guide(err, map[string]string{api.KMSInternalException: "the cause is in the server's log, under request " + id})
}
