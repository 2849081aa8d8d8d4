package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/keyhold/keyhold/client"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// neighbour is a server that holds the data directory, on the other side of its admin socket.
type neighbour struct {
	http *http.Client
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

func (r *neighbour) close() { r.http.CloseIdleConnections() }

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
	response, err := r.http.Do(request)
	if err != nil {
		return nil, "", lostAnswer(ctx, row, err)
	}
	id = response.Header.Get(requestHeader)
	out = row.NewOutput()
	if err := client.ReadAnswer(response, out); err != nil {
		return nil, id, unreadAnswer(ctx, row, id, err)
	}
	return out, id, nil
}

// lostAnswer is for a request without an answer: it tells a change that nobody got from one of which nobody knows.
func lostAnswer(ctx context.Context, row kms.Description, err error) error {
	var transport *url.Error
	if errors.As(err, &transport) {
		err = transport.Err // the rest is the same for every socket
	}
	var op *net.OpError
	sent := !errors.As(err, &op) || op.Op != "dial"
	return brokenOff(ctx, sent && row.Effect == kms.Mutate, "", err)
}

// unreadAnswer is for an answer that is none of success: an error of the API, or one of which nobody knows.
func unreadAnswer(ctx context.Context, row kms.Description, id string, err error) error {
	var wire *api.Error
	var status *client.StatusError
	var answer *client.AnswerError
	uncertain := row.Effect == kms.Mutate
	switch {
	case errors.As(err, &wire):
		return err
	case errors.As(err, &status):
		err = fmt.Errorf("the server answered with status %d and no error of the API", status.Status)
	case !errors.As(err, &answer):
		return brokenOff(ctx, uncertain, id, err)
	}
	if uncertain {
		return unsure(err, id)
	}
	return err
}

// brokenOff is for a connection that ended too early, for whichever reason.
func brokenOff(ctx context.Context, uncertain bool, id string, err error) error {
	interrupted := ctx.Err()
	if interrupted != nil {
		err = interrupted
	}
	err = fmt.Errorf("ask the server that holds the data directory: %w", err)
	switch {
	case uncertain:
		return unsure(err, id)
	case interrupted != nil:
		return interrupted
	}
	return advise(err, "look at the server's log; it may have ended meanwhile")
}
