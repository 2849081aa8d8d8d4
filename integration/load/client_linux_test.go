package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/keyhold/keyhold/internal/sigv4"
)

// client signs requests and sends them over connections of its own.
type client struct {
	who  sigv4.Credentials
	url  string
	http *http.Client
}

// newClient makes a client that keeps its connections.
func (v *server) newClient(who sigv4.Credentials) *client {
	return &client{who: who, url: v.url, http: &http.Client{Timeout: soon, Transport: &http.Transport{
		TLSClientConfig: v.trust.Clone(), ForceAttemptHTTP2: v.trust != nil, MaxIdleConnsPerHost: math.MaxInt,
	}}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// outcome is what became of one request.
type outcome struct {
	asked  time.Time
	took   time.Duration
	status int
	code   string // the error's name on the wire; "" for success
	err    error  // no answer came
	body   map[string]any
}

func (o outcome) served() bool { return o.err == nil && o.status == http.StatusOK }

func (o outcome) throttled() bool {
	return o.err == nil && o.status == http.StatusBadRequest && o.code == "ThrottlingException"
}

func (o outcome) String() string {
	return fmt.Sprintf("%d %s %v after %v", o.status, o.code, o.err, o.took.Round(time.Millisecond))
}

// ask sends one request.
func (c *client) ask(ctx context.Context, operation string, input map[string]any) outcome {
	o := outcome{asked: time.Now()}
	body, err := json.Marshal(input)
	if err == nil {
		o.err = c.send(ctx, operation, body, &o)
	}
	o.took = time.Since(o.asked)
	return o
}

func (c *client) send(ctx context.Context, operation string, body []byte, o *outcome) error {
	r, err := c.signed(ctx, operation, body)
	if err != nil {
		return err
	}
	response, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it is read to its end
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	o.status = response.StatusCode
	if len(text) > 0 {
		if err := json.Unmarshal(text, &o.body); err != nil {
			return err
		}
	}
	o.code, _ = o.body["__type"].(string)
	return nil
}

func (c *client) signed(ctx context.Context, operation string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "TrentService."+operation)
	return (sigv4.Signer{Credentials: c.who, Region: region, Service: "kms"}).Sign(r, body, time.Now())
}

// newKey makes a key and answers its id. A token that had to wait for the machine is asked again, as every client would.
func (c *client) newKey(v *server) string {
	v.t.Helper()
	o := c.ask(v.t.Context(), "CreateKey", map[string]any{})
	for try := 1; try < tries && o.err == nil && o.status == http.StatusInternalServerError; try++ {
		o = c.ask(v.t.Context(), "CreateKey", map[string]any{})
	}
	if !o.served() {
		v.t.Fatalf("CreateKey: %v %v\n%s", o, o.body, &v.talk)
	}
	return o.body["KeyMetadata"].(map[string]any)["KeyId"].(string)
}

// encrypt seals 32 octets.
func (c *client) encrypt(ctx context.Context, key string) outcome {
	return c.ask(ctx, "Encrypt", map[string]any{"KeyId": key, "Plaintext": make([]byte, 32)})
}

// quantile is the time within which so many of the requests were answered; 0 of none.
func quantile(outcomes []outcome, share float64) time.Duration {
	if len(outcomes) == 0 {
		return 0
	}
	times := make([]time.Duration, len(outcomes))
	for i, o := range outcomes {
		times[i] = o.took
	}
	slices.Sort(times)
	return times[min(int(share*float64(len(times))), len(times)-1)]
}

// only are the outcomes of which it is so.
func only(outcomes []outcome, so func(outcome) bool) []outcome {
	return slices.DeleteFunc(slices.Clone(outcomes), func(o outcome) bool { return !so(o) })
}
