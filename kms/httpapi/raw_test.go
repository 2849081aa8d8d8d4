package httpapi_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms/httpapi"
)

// patience is how long a test waits for octets that should come: the machine may be busy with other tests.
const patience = time.Minute

// lines of a request's header, in order, without the request line.
type rawHeader [][2]string

// signed are the lines of a call by ada, without Content-Length.
func (b *bench) signed(target, body string) rawHeader {
	b.t.Helper()
	r := b.sign(request(target, body), b.ada)
	h := rawHeader{{"Host", r.Host}}
	for _, name := range []string{"Content-Type", "X-Amz-Target", "X-Amz-Date", "Authorization"} {
		h = append(h, [2]string{name, r.Header.Get(name)})
	}
	return h
}

// text is a request as it goes over the wire.
func (h rawHeader) text(line, body string, more ...string) string {
	var s strings.Builder
	s.WriteString(line + "\r\n")
	for _, l := range h {
		s.WriteString(l[0] + ": " + l[1] + "\r\n")
	}
	for _, l := range more {
		s.WriteString(l + "\r\n")
	}
	return s.String() + "\r\n" + body
}

func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// exchange sends octets and returns every answer until the server closes the connection.
func exchange(t testing.TB, address, octets string) []reply {
	t.Helper()
	c := dial(t, address)
	go func() { _, _ = io.WriteString(c, octets) }()
	var got []reply
	for in := bufio.NewReader(c); ; {
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("after %v the connection is still open", got)
			}
			return got
		}
		body, _ := io.ReadAll(r.Body)
		if r.Close { // which net/http takes out of the header
			r.Header.Set("Connection", "close")
		}
		got = append(got, reply{r.StatusCode, r.Header, string(body), r.Header.Get("x-amzn-RequestId")})
	}
}

// One request, sent in forms of which a proxy and a server may think differently.
func TestARequestHasOneLength(t *testing.T) {
	b := newBench(t)
	address := b.serve(httpapi.Server{})
	const post, body = "POST / HTTP/1.1", `{"Limit":1}`
	length := "Content-Length: " + strconv.Itoa(len(body))
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	h := b.signed("TrentService.ListKeys", body)
	smuggled := h.text(post, body, length)
	for _, c := range []struct {
		name, octets string
		status       int
		code         string // of an answer of ours
	}{
		{"as it should be", h.text(post, body, length, "Connection: close"), 200, ""},
		{"the same length twice", h.text(post, body, length, length, "Connection: close"), 200, ""},
		{"in absolute form", h.text("POST http://"+host+"/ HTTP/1.1", body, length, "Connection: close"), 200, ""},
		{"as HTTP/1.0", h.text("POST / HTTP/1.0", body, length), 200, ""},
		{"chunked", h.text(post, chunked, "Transfer-Encoding: chunked"), 400, "MalformedHttpRequestException"},
		{"chunked, in two lines", h.text(post, chunked, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 501, ""},
		{"chunked, and a length", h.text(post, chunked, "Transfer-Encoding: chunked", length), 400, "MalformedHttpRequestException"},
		{"a length, and chunked behind it", h.text(post, "0\r\n\r\n"+smuggled, "Content-Length: 5", "Transfer-Encoding: chunked"), 400, "MalformedHttpRequestException"},
		{"chunked in a list", h.text(post, chunked, "Transfer-Encoding: gzip, chunked"), 501, ""},
		{"an unknown coding", h.text(post, chunked, "Transfer-Encoding: xchunked"), 501, ""},
		{"chunked with a blank before the colon", h.text(post, chunked, "Transfer-Encoding : chunked"), 400, ""},
		{"a length with a blank before the colon", h.text(post, body, "Content-Length : 11"), 400, ""},
		{"two lengths", h.text(post, body+smuggled, length, "Content-Length: 2"), 400, ""},
		{"a list of lengths", h.text(post, body+smuggled, "Content-Length: 11, 2"), 400, ""},
		{"a length with a sign", h.text(post, body, "Content-Length: +11"), 400, ""},
		{"a length below zero", h.text(post, body, "Content-Length: -1"), 400, ""},
		{"a length of many digits", h.text(post, body, "Content-Length: 99999999999999999999"), 400, ""},
		{"a length in hexadecimal digits", h.text(post, body, "Content-Length: 0xb"), 400, ""},
		{"two hosts", h.text(post, body, length, "Host: other.example.test"), 400, ""},
		{"no host", h[1:].text(post, body, length), 400, ""},
		{"another host in absolute form", h.text("POST http://other.example.test/ HTTP/1.1", body, length, "Connection: close"), 400, "InvalidSignatureException"},
		{"no path in absolute form", h.text("POST http://"+host+" HTTP/1.1", body, length, "Connection: close"), 404, "UnknownOperationException"},
		{"another path in absolute form", h.text("POST http://"+host+"//x HTTP/1.1", body, length, "Connection: close"), 404, "UnknownOperationException"},
		{"all the server", h.text("OPTIONS * HTTP/1.1", body, length, "Connection: close"), 404, "UnknownOperationException"},
		{"a tunnel", h.text("CONNECT other.example.test:443 HTTP/1.1", "", "Connection: close"), 404, "UnknownOperationException"},
		{"HTTP/2 without TLS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 404, "UnknownOperationException"},
		{"HTTP/3.7", h.text("POST / HTTP/3.7", body, length), 505, ""},
		{"no HTTP", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n", 400, ""},
		{"a header without a name", h.text(post, body, length, ": x"), 400, ""},
		{"a header with a zero octet", h.text(post, body, length, "X-Amz-Meta: a\x00b"), 400, ""},
		{"a megabyte of headers", h.text(post, body, length, "X-Filler: "+strings.Repeat("x", 1<<20)), 431, ""},
		{"ten thousand headers", h.text(post, body, length, strings.Repeat("A: b\r\n", 10000)+"C: d"), 431, ""},
		{"an expectation that nobody meets", h.text(post, body, length, "Expect: the-impossible", "Connection: close"), 417, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.t = t
			t.Parallel()
			got := exchange(t, address, c.octets)
			if len(got) != 1 || got[0].status != c.status {
				t.Fatalf("got %v, want one answer of status %d", got, c.status)
			}
			if c.code != "" && (!strings.Contains(got[0].body, c.code) || got[0].id == "") {
				t.Errorf("got %v, want %s", got[0], c.code)
			}
			if c.code == "" && c.status != 200 && got[0].id != "" {
				t.Errorf("the handler answered %v", got[0])
			}
		})
	}
}

func TestWhatIsBehindARequestIsTheNextOne(t *testing.T) {
	b := newBench(t)
	address := b.serve(httpapi.Server{})
	one := b.signed("TrentService.ListKeys", `{}`).text("POST / HTTP/1.1", `{}`, "Content-Length: 2")
	refused := rawHeader{{"Host", host}, {"Content-Type", jsonKind}}.text("POST / HTTP/1.1", strings.Repeat("x", 5000), "Content-Length: 5000")
	last := b.signed("TrentService.ListKeys", `{}`).text("POST / HTTP/1.1", `{}`, "Content-Length: 2", "Connection: close")
	got := exchange(t, address, one+refused+one+last)
	statuses := make([]int, len(got))
	for i, g := range got {
		statuses[i] = g.status
	}
	if fmt.Sprint(statuses) != "[200 400 200 200]" {
		t.Errorf("got %v", got)
	}
}

// A body of which nothing is wanted any more is not read to its end, and its rest is no request.
func TestALargeBodyThatIsRefusedEndsItsConnection(t *testing.T) {
	b := newBench(t)
	address := b.serve(httpapi.Server{RequestTime: time.Second})
	unsigned := rawHeader{{"Host", host}, {"Content-Type", jsonKind}}
	behind := b.signed("TrentService.CreateKey", `{}`).text("POST / HTTP/1.1", `{}`, "Content-Length: 2")
	for name, c := range map[string]struct {
		length int
		status int
		code   string
	}{
		"a gibibyte":             {1 << 30, 413, "RequestEntityTooLargeException"},
		"an octet too many":      {1<<20 + 1, 413, "RequestEntityTooLargeException"},
		"as large as it may be":  {1 << 20, 400, "MissingAuthenticationTokenException"},
		"larger than SDKs' ones": {1<<16 + 1, 400, "MissingAuthenticationTokenException"},
	} {
		octets := unsigned.text("POST / HTTP/1.1", behind, "Content-Length: "+strconv.Itoa(c.length))
		got := exchange(t, address, octets)
		if len(got) != 1 || got[0].status != c.status || !strings.Contains(got[0].body, c.code) || got[0].header.Get("Connection") != "close" {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if keys := b.call("TrentService.ListKeys", `{}`); !strings.Contains(keys.body, `"Keys":[]`) {
		t.Errorf("what stood in a body was done: %s", keys.body)
	}
}

func TestABodyMayHaveAMebibyte(t *testing.T) {
	b := newBench(t)
	address := b.serve(httpapi.Server{})
	body := `{"Limit":1` + strings.Repeat(" ", 1<<20-len(`{"Limit":1}`)) + `}`
	got := exchange(t, address, b.signed("TrentService.ListKeys", body).text("POST / HTTP/1.1", body, "Content-Length: "+strconv.Itoa(len(body)), "Connection: close"))
	if len(got) != 1 || got[0].status != 200 {
		t.Errorf("got %v", got)
	}
}

// Who waits to be told to go on is told only when the header is in order and the access key known.
func TestABodyIsAskedForWhenTheHeaderIsInOrder(t *testing.T) {
	b := newBench(t)
	address := b.serve(httpapi.Server{})
	expect := []string{"Content-Length: 2", "Expect: 100-continue"}
	c := dial(t, address)
	in := bufio.NewReader(c)
	_, _ = io.WriteString(c, b.signed("TrentService.ListKeys", `{}`).text("POST / HTTP/1.1", "", expect...))
	if line, err := in.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	_, _ = in.ReadString('\n')
	_, _ = io.WriteString(c, `{}`)
	if r, err := http.ReadResponse(in, nil); err != nil || r.StatusCode != 200 {
		t.Errorf("got %v, %v", r, err)
	}
	unsigned := rawHeader{{"Host", host}, {"Content-Type", jsonKind}}
	got := exchange(t, b.serve(httpapi.Server{RequestTime: time.Second}), unsigned.text("POST / HTTP/1.1", "", expect...))
	if len(got) != 1 || got[0].status != 400 || got[0].header.Get("Connection") != "close" {
		t.Errorf("who has not signed gets %v", got)
	}
}

func TestABodyThatEndsTooSoonIsRefused(t *testing.T) {
	b := newBench(t)
	address := b.serve(httpapi.Server{})
	c := dial(t, address)
	_, _ = io.WriteString(c, b.signed("TrentService.ListKeys", `{}`).text("POST / HTTP/1.1", `{`, "Content-Length: 2"))
	if half, ok := c.(*net.TCPConn); !ok || half.CloseWrite() != nil {
		t.Fatal("the connection cannot be closed by half")
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	b.refused(b.check(r), 400, "RequestAbortedException", "The request ended before its body did.")
}

// Who closes the sending half is taken to have gone, as net/http takes it; an answer comes all the same.
func TestAConnectionClosedByHalfIsAnswered(t *testing.T) {
	b := newBench(t)
	address := b.serve(httpapi.Server{})
	c := dial(t, address)
	_, _ = io.WriteString(c, b.signed("TrentService.ListKeys", `{}`).text("POST / HTTP/1.1", `{}`, "Content-Length: 2"))
	if half, ok := c.(*net.TCPConn); !ok || half.CloseWrite() != nil {
		t.Fatal("the connection cannot be closed by half")
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := b.check(r)
	if got.status != 200 && !strings.Contains(got.body, "DependencyTimeoutException") {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if len(b.audit.of(got.id)) != 1 {
		t.Error("the request is not recorded")
	}
}
