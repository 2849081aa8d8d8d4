package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// neighbour is a server that holds the data directory, on the other side of its admin socket.
type neighbour struct {
	client *http.Client
}

// findServer finds the server that holds a directory; nil when there is none, or none that answers.
func findServer(ctx context.Context, dir string) *neighbour {
	path := socketPath(dir)
	var dialer net.Dialer
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.DialContext(ctx, "unix", path) }
	probe, err := dial(ctx, "", "")
	if err != nil {
		return nil
	}
	_ = probe.Close() // it has said that somebody listens
	return &neighbour{&http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConns: 1}}}
}

func (r *neighbour) close() { r.client.CloseIdleConnections() }

// do implements remote.
func (r *neighbour) do(ctx context.Context, caller kms.Caller, row kms.Description, in kms.Input) (out any, id string, err error) {
	text, err := api.Encode(in)
	if err != nil {
		return nil, "", err
	}
	defer secret.Wipe(text)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://keyhold/", bytes.NewReader(text))
	if err != nil {
		return nil, "", err
	}
	request.Header.Set("X-Amz-Target", targetPrefixes[row.Service]+"."+row.Name)
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("User-Agent", caller.Agent)
	request.Header.Set(accountHeader, string(caller.Account))
	if !caller.Root {
		request.Header.Set(arnHeader, caller.ARN)
		request.Header.Set(idHeader, caller.PrincipalID)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, "", lostAnswer(ctx, row, err)
	}
	id = response.Header.Get(requestHeader)
	out, err = readAnswer(response, row.NewOutput())
	var wire *api.Error
	if err != nil && !errors.As(err, &wire) && row.Effect == kms.Mutate {
		err = unsure(err, id)
	}
	return out, id, err
}

// lostAnswer tells a change that nobody got from one of which nobody knows.
func lostAnswer(ctx context.Context, row kms.Description, err error) error {
	interrupted := ctx.Err()
	if interrupted != nil {
		err = interrupted
	}
	var op *net.OpError
	switch sent := !errors.As(err, &op) || op.Op != "dial"; {
	case sent && row.Effect == kms.Mutate:
		return unsure(fmt.Errorf("ask the server that holds the data directory: %w", err), "")
	case interrupted != nil:
		return interrupted
	}
	return advise(fmt.Errorf("ask the server that holds the data directory: %w", err), "look at the server's log; it may have ended meanwhile")
}

// maxAnswer is more than any answer has: a list of 1,000 keys, or of 100 grants.
const maxAnswer = 16 << 20

// readAnswer reads the shape of an answer into out, or its error.
func readAnswer(response *http.Response, out any) (_ any, err error) {
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	defer secret.Wipe(text)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the server's answer: %w", err)
	}
	if response.StatusCode == http.StatusOK {
		if err := json.Unmarshal(text, out); err != nil {
			return nil, fmt.Errorf("read the server's answer: %w", err)
		}
		return out, nil
	}
	var wire struct {
		Name    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(text, &wire); err != nil || wire.Name == "" {
		return nil, fmt.Errorf("the server answered with status %d and no error of the API", response.StatusCode)
	}
	return nil, &api.Error{Name: wire.Name, Message: wire.Message}
}
