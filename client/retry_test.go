package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyhold/keyhold/client"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/kmstest"
)

type responder = func(*http.Request) (*http.Response, error)

// says answers with a status and a body, as the API does.
func says(status int, body string, header ...string) responder {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{"X-Amzn-Requestid": {"8d1f3a52-0000-4000-8000-000000000001"}, "Content-Type": {"application/x-amz-json-1.1"}}
		for i := 0; i+1 < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
	}
}

func breaks(r *http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

// hangs never answers.
func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

var (
	key       = new("1234abcd-12ab-34cd-56ef-1234567890ab")
	throttled = says(400, `{"__type":"ThrottlingException","message":"Rate exceeded"}`)
	failed    = says(500, `{"__type":"com.amazonaws.kms#KMSInternalException"}`)
	fine      = says(200, `{"Keys":[],"Truncated":false}`)
	done      = says(200, "")
	made      = says(200, `{"KeyMetadata":{"KeyId":"k","CreationDate":1.7674995E9}}`)
)

// fake is a client of a transport, in the time of a synctest bubble.
func fake(t *testing.T, a *answers, edit ...func(*client.Config)) *client.Client {
	t.Helper()
	config := client.Config{Endpoint: "https://kms.example.test", Region: region, HTTPClient: &http.Client{Transport: a},
		Credentials: client.Static(client.NewCredentials("AKIDEXAMPLE", []byte("secret"), "", time.Time{}))}
	for _, e := range edit {
		e(&config)
	}
	return newClient(t, config)
}

func TestWhatIsRepeatedAndWhatIsNot(t *testing.T) {
	list := func(ctx context.Context, c *client.Client) error {
		_, err := c.ListKeys(ctx, &api.ListKeysInput{})
		return err
	}
	enable := func(ctx context.Context, c *client.Client) error {
		return c.EnableKey(ctx, &api.EnableKeyInput{KeyID: key})
	}
	create := func(ctx context.Context, c *client.Client) error {
		_, err := c.CreateKey(ctx, &api.CreateKeyInput{})
		return err
	}
	internal := &api.Error{Name: api.KMSInternalException}
	for _, c := range []struct {
		name      string
		call      func(context.Context, *client.Client) error
		answers   []responder
		attempts  int
		want      error // nil: success
		uncertain bool
	}{
		{"success at once", list, []responder{fine}, 1, nil, false},
		{"a list after failures of every kind", list, []responder{failed, breaks, throttled, fine}, 4, nil, false},
		{"a list that fails for good", list, []responder{failed}, 4, internal, false},
		{"a refusal", list, []responder{says(400, `{"__type":"AccessDeniedException"}`), fine}, 1, &api.Error{Name: api.AccessDeniedException}, false},
		{"no answer for a minute", list, []responder{hangs, fine}, 2, nil, false},
		{"an answer cut short", list, []responder{says(200, `{"Keys":[`), fine}, 1, errAnswer, false},
		{"an unnamed failure", list, []responder{says(502, "<html>"), fine}, 2, nil, false},
		{"too many requests, from a proxy", create, []responder{says(429, ""), made}, 2, nil, false},
		{"a key, throttled", create, []responder{throttled, throttled, made}, 3, nil, false},
		{"a key that may have been made", create, []responder{failed, made}, 1, internal, true},
		{"a key on a connection that broke", create, []responder{breaks, made}, 1, io.ErrUnexpectedEOF, true},
		{"a key that nobody answers", create, []responder{hangs, made}, 1, context.DeadlineExceeded, true},
		{"a key throttled, then uncertain", create, []responder{throttled, breaks, made}, 2, io.ErrUnexpectedEOF, true},
		{"a key whose answer cannot be read", create, []responder{says(200, "made!")}, 1, errAnswer, true},
		{"a state that is set again", enable, []responder{breaks, failed, done}, 3, nil, false},
		{"a state that may have been set", enable, []responder{failed}, 4, internal, true},
		{"a state set, refused the second time", enable, []responder{breaks, says(400, `{"__type":"NotFoundException"}`)}, 2, &api.Error{Name: api.NotFoundException}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &answers{list: c.answers}
				err := c.call(t.Context(), fake(t, a))
				if len(a.seen) != c.attempts {
					t.Errorf("%d attempts, want %d", len(a.seen), c.attempts)
				}
				if c.want == nil && err != nil || c.want != nil && !matches(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
				var e *client.Error
				if errors.As(err, &e) && e.Attempts != c.attempts {
					t.Errorf("it tells of %d attempts", e.Attempts)
				}
				if errors.Is(err, client.ErrUncertain) != c.uncertain {
					t.Errorf("uncertain is %t in %v", !c.uncertain, err)
				}
			})
		})
	}
}

// errAnswer stands for any *client.AnswerError.
var errAnswer = errors.New("an answer that cannot be read")

func matches(err, want error) bool {
	var unreadable *client.AnswerError
	if errors.Is(want, errAnswer) {
		return errors.As(err, &unreadable)
	}
	return errors.Is(err, want)
}

func TestWaitsAreDrawnUpToADoublingBound(t *testing.T) {
	const rounds = 300
	bounds := []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 350 * time.Millisecond, 350 * time.Millisecond}
	longest, shortest := make([]time.Duration, len(bounds)), []time.Duration{time.Hour, time.Hour, time.Hour, time.Hour}
	synctest.Test(t, func(t *testing.T) {
		for range rounds {
			a := &answers{list: []responder{throttled}}
			c := fake(t, a, func(c *client.Config) { c.Retry = client.Retry{Attempts: 5, MaxDelay: 350 * time.Millisecond} })
			if _, err := c.ListKeys(t.Context(), &api.ListKeysInput{}); !errors.Is(err, &api.Error{Name: api.ThrottlingException}) {
				t.Fatal(err)
			}
			for i := range bounds {
				wait := a.at[i+1].Sub(a.at[i])
				longest[i], shortest[i] = max(longest[i], wait), min(shortest[i], wait)
			}
		}
	})
	for i, bound := range bounds {
		if longest[i] > bound || longest[i] < bound*8/10 || shortest[i] > bound*2/10 {
			t.Errorf("wait %d is between %s and %s, want anything up to %s", i+1, shortest[i], longest[i], bound)
		}
	}
}

func TestOneAttemptIsNotRepeated(t *testing.T) {
	a := &answers{list: []responder{throttled, fine}}
	_, err := fake(t, a, func(c *client.Config) { c.Retry.Attempts = 1 }).ListKeys(t.Context(), &api.ListKeysInput{})
	if len(a.seen) != 1 || err == nil {
		t.Errorf("%d attempts, %v", len(a.seen), err)
	}
}

func TestTheContextEndsACall(t *testing.T) {
	for name, c := range map[string]struct {
		answer   responder
		attempts int
		also     error
	}{
		"while it waits to repeat it":   {throttled, 1, &api.Error{Name: api.ThrottlingException}},
		"while it waits for the answer": {hangs, 1, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				a := &answers{list: []responder{c.answer}}
				client := fake(t, a, func(c *client.Config) { c.Retry.FirstDelay, c.Retry.MaxDelay = 1000*time.Hour, 1000*time.Hour })
				go func() {
					time.Sleep(time.Millisecond)
					cancel()
				}()
				_, err := client.ListKeys(ctx, &api.ListKeysInput{})
				if !errors.Is(err, context.Canceled) || !errors.Is(err, c.also) || len(a.seen) != c.attempts {
					t.Errorf("got %v after %d attempts", err, len(a.seen))
				}
			})
		})
	}
}

func TestAServerThatIsNotThereIsAskedAgainForAnything(t *testing.T) {
	c := newClient(t, client.Config{Endpoint: "http://" + kmstest.Deserted(t), Region: region, Retry: client.Retry{FirstDelay: 1, MaxDelay: 1},
		Credentials: client.Static(client.NewCredentials("AKIDEXAMPLE", []byte("secret"), "", time.Time{}))})
	_, err := c.CreateKey(t.Context(), &api.CreateKeyInput{})
	var e *client.Error
	if !errors.As(err, &e) || e.Attempts != 4 || e.Uncertain {
		t.Errorf("got %v", err)
	}
}

func TestAConnectionThatIsCutInTheMiddleOfAnAnswerIsUncertain(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"KeyMetadata":{`)
		panic(http.ErrAbortHandler)
	}))
	defer server.Close()
	c := newClient(t, client.Config{Endpoint: server.URL, Region: region, Retry: client.Retry{FirstDelay: 1, MaxDelay: 1},
		Credentials: client.Static(client.NewCredentials("AKIDEXAMPLE", []byte("secret"), "", time.Time{}))})
	_, err := c.CreateKey(t.Context(), &api.CreateKeyInput{})
	if !errors.Is(err, client.ErrUncertain) || asked.Load() != 1 {
		t.Errorf("a key: asked %d times, %v", asked.Load(), err)
	}
	if _, err = c.ListKeys(t.Context(), &api.ListKeysInput{}); err == nil || errors.Is(err, client.ErrUncertain) || asked.Load() != 5 {
		t.Errorf("a list: asked %d times, %v", asked.Load()-1, err)
	}
}
