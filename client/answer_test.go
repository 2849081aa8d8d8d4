package client_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/client"
	"github.com/keyhold/keyhold/kms/api"
)

func TestErrorsAreReadInEverySpelling(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer responder
		want   api.Error
	}{
		{"plain", says(400, `{"__type":"NotFoundException","message":"no"}`), api.Error{Name: "NotFoundException", Message: "no"}},
		{"with a namespace", says(400, `{"__type":"com.amazonaws.kms#NotFoundException","message":"no"}`), api.Error{Name: "NotFoundException", Message: "no"}},
		{"with a URI", says(400, `{"__type":"NotFoundException:http://internal.amazon.com/coral/"}`), api.Error{Name: "NotFoundException"}},
		{"with both", says(400, `{"__type":"a.b#NotFoundException:http://x#y"}`), api.Error{Name: "NotFoundException"}},
		{"with a large letter", says(400, `{"__type":"NotFoundException","Message":"no"}`), api.Error{Name: "NotFoundException", Message: "no"}},
		{"with a null message", says(400, `{"__type":"NotFoundException","message":null}`), api.Error{Name: "NotFoundException"}},
		{"by code", says(400, `{"code":"NotFoundException"}`), api.Error{Name: "NotFoundException"}},
		{"in the header", says(403, ``, "X-Amzn-Errortype", "AccessDeniedException:"), api.Error{Name: "AccessDeniedException"}},
		{"in the header, with a body that is not JSON", says(400, `<x/>`, "X-Amzn-Errortype", "NotFoundException"), api.Error{Name: "NotFoundException"}},
		{"a name that is not known", says(400, `{"__type":"BrandNewException"}`), api.Error{Name: "BrandNewException"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &answers{list: []responder{c.answer}}
			_, err := fake(t, a).ListKeys(t.Context(), &api.ListKeysInput{})
			var e *api.Error
			if !errors.As(err, &e) || *e != c.want || len(a.seen) != 1 {
				t.Errorf("got %v after %d attempts, want %v", err, len(a.seen), &c.want)
			}
		})
	}
}

func TestAnswersThatAreNotOfTheAPI(t *testing.T) {
	large := func(r *http.Request) (*http.Response, error) {
		response, err := fine(r)
		response.ContentLength, response.Body = -1, io.NopCloser(io.MultiReader(strings.NewReader(`{"Keys":[],"x":"`), endless{}))
		return response, err
	}
	announced := func(r *http.Request) (*http.Response, error) {
		response, err := fine(r)
		response.ContentLength = client.MaxAnswer + 1
		return response, err
	}
	for _, c := range []struct {
		name   string
		answer responder
		want   string
	}{
		{"a page", says(200, "<html>"), "it is not JSON"},
		{"nothing", says(200, ""), "it is empty"},
		{"a list", says(200, "[]"), "it is not the operation's"},
		{"another type", says(200, `{"Keys":7}`), "it is not the operation's"},
		{"text behind it", says(200, `{"Keys":[]}{}`), "it is not JSON"},
		{"cut short", says(200, `{"Keys":[{"KeyId":"a`), "it is not JSON"},
		{"too large", large, "it is larger than 16777216 bytes"},
		{"too large, as announced", announced, "it is larger than 16777216 bytes"},
		{"another success", says(204, ""), "HTTP status 204"},
		{"a page of a proxy", says(407, "<html>"), "HTTP status 407"},
		{"an error without a name", says(400, `{}`), "HTTP status 400"},
		{"an error with a name that is none", says(400, `{"__type":"two words"}`), "HTTP status 400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &answers{list: []responder{c.answer}}
			out, err := fake(t, a).ListKeys(t.Context(), &api.ListKeysInput{})
			if err == nil || !strings.Contains(err.Error(), c.want) || out != nil || len(a.seen) != 1 {
				t.Errorf("got %v, %v after %d attempts, want %q", out, err, len(a.seen), c.want)
			}
			var e *api.Error
			if errors.As(err, &e) {
				t.Errorf("it passes for the server's %v", e)
			}
		})
	}
}

// endless is text without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestSuccessIsNotBelievedOfJustAnyServer(t *testing.T) {
	bare := func(body string) responder {
		return says(200, body, "X-Amzn-Requestid", "", "Content-Type", "text/html")
	}
	for name, answer := range map[string]responder{"an empty page": bare(""), "a page": bare("<html>Log in</html>")} {
		t.Run(name, func(t *testing.T) {
			err := fake(t, &answers{list: []responder{answer}}).DisableKey(t.Context(), &api.DisableKeyInput{KeyID: key})
			if !matches(err, errAnswer) || !errors.Is(err, client.ErrUncertain) {
				t.Errorf("got %v", err)
			}
		})
	}
	for _, body := range []string{"", "{}"} {
		if err := fake(t, &answers{list: []responder{says(200, body)}}).DisableKey(t.Context(), &api.DisableKeyInput{KeyID: key}); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestAnAnswerWithoutWhatWasAskedForIsRefused(t *testing.T) {
	for body, want := range map[string]string{
		`{}`:                        "it has no CiphertextBlob",
		`{"Plaintext":"AAAA"}`:      "it has no CiphertextBlob",
		`{"CiphertextBlob":"AAAA"}`: "it has no Plaintext",
		`{"CiphertextBlob":"AAAA","Plaintext":""}`:  "it has no Plaintext",
		`{"CiphertextBlob":"AAAA","Plaintext":"A"}`: "it is not the operation's",
	} {
		out, err := fake(t, &answers{list: []responder{says(200, body)}}).GenerateDataKey(t.Context(), &api.GenerateDataKeyInput{KeyID: key})
		if err == nil || !strings.Contains(err.Error(), want) || out != nil {
			t.Errorf("%s gives %v, %v; want %q", body, out, err, want)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	followed := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed = true }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewServer(http.RedirectHandler(other.URL, status))
		c := newClient(t, client.Config{Endpoint: server.URL, Region: region,
			HTTPClient:  &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }},
			Credentials: client.Static(client.NewCredentials("AKIDEXAMPLE", []byte("secret"), "", time.Time{}))})
		_, err := c.ListKeys(t.Context(), &api.ListKeysInput{})
		var e *client.StatusError
		if !errors.As(err, &e) || e.Status != status || !strings.Contains(err.Error(), other.URL) {
			t.Errorf("%d gives %v", status, err)
		}
		server.Close()
	}
	if followed {
		t.Error("the other server was asked")
	}
}

func TestAPackedAnswerIsNotUnpacked(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Values("Accept-Encoding"); len(got) != 1 || got[0] != "identity" {
			t.Errorf("it asks for %q", got)
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write([]byte{0x1f, 0x8b, 8, 0})
	}))
	defer server.Close()
	c := newClient(t, client.Config{Endpoint: server.URL, Region: region, HTTPClient: &http.Client{},
		Credentials: client.Static(client.NewCredentials("AKIDEXAMPLE", []byte("secret"), "", time.Time{}))})
	if _, err := c.ListKeys(t.Context(), &api.ListKeysInput{}); !matches(err, errAnswer) {
		t.Errorf("got %v", err)
	}
}

// keeper keeps the requests' bodies without reading them, as a transport that is late does.
type keeper struct{ bodies []io.ReadCloser }

func (k *keeper) RoundTrip(r *http.Request) (*http.Response, error) {
	again, err := r.GetBody()
	k.bodies = append(k.bodies, r.Body, again)
	if err != nil {
		return nil, err
	}
	return says(200, `{"CiphertextBlob":"AAAA"}`)(r)
}

func TestNoRequestCanBeReadOnceTheCallIsOver(t *testing.T) {
	k := &keeper{}
	c := newClient(t, client.Config{Endpoint: "https://kms.example.test", Region: region, HTTPClient: &http.Client{Transport: k},
		Credentials: client.Static(client.NewCredentials("AKIDEXAMPLE", []byte("secret"), "", time.Time{}))})
	in := &api.EncryptInput{KeyID: key, Plaintext: []byte("attack at dawn")}
	if _, err := c.Encrypt(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	for _, body := range k.bodies {
		if text, err := io.ReadAll(body); err == nil || len(text) > 0 {
			t.Errorf("read %q, %v", text, err)
		}
	}
	if string(in.Plaintext) != "attack at dawn" {
		t.Error("the caller's own plaintext was wiped")
	}
}

// taps is a body that keeps the buffers it was read into.
type taps struct {
	io.Reader
	buffers [][]byte
}

func (t *taps) Read(p []byte) (int, error) {
	t.buffers = append(t.buffers, p)
	return t.Reader.Read(p[:min(len(p), 1000)])
}

func (*taps) Close() error { return nil }

func TestNothingIsLeftOfAnAnswerOnceItIsRead(t *testing.T) {
	plaintext := strings.Repeat("c2VjcmV0", 2000)
	for name, body := range map[string]string{
		"a plaintext":               `{"CiphertextBlob":"AAAA","Plaintext":"` + plaintext + `"}`,
		"one that cannot be read":   `{"CiphertextBlob":7,"Plaintext":"` + plaintext + `"}`,
		"one that is cut short":     `{"CiphertextBlob":"AAAA","Plaintext":"` + plaintext,
		"one among errors":          `{"__type":"NotFoundException","Plaintext":"` + plaintext + `"}`,
		"one that no operation has": `{"x":"` + plaintext + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			tapped := &taps{Reader: strings.NewReader(body)}
			answer := func(r *http.Request) (*http.Response, error) {
				response, err := says(200, "")(r)
				if name == "one among errors" {
					response.StatusCode = 400
				}
				response.Body, response.ContentLength = tapped, -1
				return response, err
			}
			out, err := fake(t, &answers{list: []responder{answer}}).GenerateDataKey(t.Context(), &api.GenerateDataKeyInput{KeyID: key})
			if got := err == nil && len(out.Plaintext) > 0; got != (name == "a plaintext") {
				t.Fatalf("got %v, %v", out, err)
			}
			for _, b := range tapped.buffers {
				if bytes.Contains(b, []byte("c2VjcmV0")) {
					t.Errorf("a buffer of %d bytes holds some of it", len(b))
				}
			}
			if len(tapped.buffers) < 10 {
				t.Errorf("only %d buffers were seen", len(tapped.buffers))
			}
		})
	}
}

func TestErrorsShowNoPlaintextAndNoSecret(t *testing.T) {
	for _, answer := range []responder{breaks, says(200, `{"Plaintext":"c2VjcmV0LXBsYWlu`), says(500, "secret-plain"), says(200, `{"Plaintext":"c2VjcmV0LXBsYWlu","KeyId":7}`)} {
		_, err := fake(t, &answers{list: []responder{answer}}, func(c *client.Config) { c.Retry.Attempts = 1 }).
			Decrypt(t.Context(), &api.DecryptInput{CiphertextBlob: []byte("x")})
		for _, verb := range []string{"%v", "%+v", "%#v"} {
			if text := fmt.Sprintf(verb, err); err == nil || strings.Contains(text, "secret") || strings.Contains(text, "c2Vj") {
				t.Errorf("it says %s", text)
			}
		}
	}
}

func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\n{\"Keys\":[],\"Truncated\":false}",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX-Amzn-Requestid: 1\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n{\"CiphertextBlob\":\"AAAA\",\"Plaintext\":\"AAAA\"}",
		"HTTP/1.1 400 Bad Request\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\nContent-Length: 38\r\n\r\n{\"__type\":\"InvalidSignatureException\"}",
		"HTTP/1.1 503 Service Unavailable\r\nX-Amzn-Errortype: ServiceUnavailable:http://x\r\n\r\n",
		"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://[::1\r\n\r\n",
		"HTTP/1.0 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	shapes := map[string]struct {
		in  client.Input
		out any
	}{
		"ListKeys":        {&api.ListKeysInput{}, &api.ListKeysOutput{}},
		"GenerateDataKey": {&api.GenerateDataKeyInput{}, &api.GenerateDataKeyOutput{}},
		"DescribeKey":     {&api.DescribeKeyInput{}, &api.DescribeKeyOutput{}},
		"CreateAccessKey": {&api.CreateAccessKeyInput{}, &api.CreateAccessKeyOutput{}},
		"ListGrants":      {&api.ListGrantsInput{}, &api.ListGrantsOutput{}},
		"EnableKey":       {&api.EnableKeyInput{}, &api.Void{}},
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a := &answers{list: []responder{func(r *http.Request) (*http.Response, error) {
			return http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), r)
		}}}
		c, err := client.New(client.Config{Endpoint: "https://kms.example.test", Region: region, HTTPClient: &http.Client{Transport: a},
			Retry: client.Retry{Attempts: 2, FirstDelay: 1, MaxDelay: 1}, Credentials: client.Static(client.NewCredentials("AKIDEXAMPLE", []byte("secret"), "", time.Time{}))})
		if err != nil {
			t.Fatal(err)
		}
		for operation, s := range shapes {
			err := c.Call(t.Context(), operation, s.in, s.out)
			if err == nil {
				continue
			}
			if !reflect.ValueOf(s.out).Elem().IsZero() {
				t.Errorf("%s: after %v the output holds %v", operation, err, s.out)
			}
			var e *client.Error
			if !errors.As(err, &e) || e.Operation != operation || e.Err == nil || err.Error() == "" {
				t.Errorf("%s: got a %T", operation, err)
			}
		}
	})
}
