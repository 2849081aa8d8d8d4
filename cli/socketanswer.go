package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/api"
)

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
