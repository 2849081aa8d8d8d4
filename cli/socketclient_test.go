package cli

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const leastConfig = `version: 1
account: "111122223333"
region: eu-central-1
module: {path: /usr/lib/p11.so}
token: {label: t, pin: {file: /p}}
`

// servedDirectory is a data directory that a server holds, which answers as the test says.
func servedDirectory(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, configName), []byte(leastConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socketPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, ErrorLog: quietLog()}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return dir
}

// Whose server ends in the middle of a change does not know whether it was made, and neither does who interrupts it. Of a
// list there is nothing to know.
func TestAnAnswerThatIsLostOnTheWayThroughTheSocket(t *testing.T) {
	const unsure = "it is unknown whether the request took effect"
	for _, c := range []struct {
		command   string
		interrupt bool
		want      string
	}{
		{"key create", false, unsure}, {"key create", true, unsure},
		{"key list", false, "look at the server's log"}, {"key list", true, "keyhold: interrupted.\n"},
	} {
		ctx, interrupt := context.WithCancel(t.Context())
		dir := servedDirectory(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if c.interrupt {
				interrupt()
				<-r.Context().Done()
			}
			panic(http.ErrAbortHandler)
		})
		var said bytes.Buffer
		p := &program{in: strings.NewReader(""), out: io.Discard, err: &said, now: time.Now}
		code := p.run(ctx, append([]string{"keyhold", "--data", dir}, strings.Fields(c.command)...))
		interrupt()
		if code != exitError || !strings.Contains(said.String(), c.want) || c.want != unsure && strings.Contains(said.String(), unsure) {
			t.Errorf("%s, interrupted %t: code %d, said %q", c.command, c.interrupt, code, said.String())
		}
	}
}

// What comes through the socket and cannot be an answer is said for what it is; of a change it is said besides that nobody
// knows whether it was made, except where the server itself refused it.
func TestAnswersThroughTheSocketThatAreNone(t *testing.T) {
	says := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set(requestHeader, "1234abcd")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}
	}
	endless := func(w http.ResponseWriter, r *http.Request) {
		says(http.StatusOK, `{"Keys":[`)(w, r)
		for err := error(nil); err == nil; _, err = w.Write(bytes.Repeat([]byte(" "), 1<<20)) {
		}
	}
	halfway := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		says(http.StatusOK, `{"Keys":[`)(w, r)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	const unsure = "; it is unknown whether the request took effect.\nkeyhold: look what is there before you run it again, with the list and " +
		"describe commands, and in the server's log under request 1234abcd\n"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		said   string
		next   string // of what changes nothing
		sure   bool
	}{
		"no JSON":                 {says(200, "<html>"), "keyhold: read the answer: it is not JSON", ".\n", false},
		"cut short":               {says(200, `{"Keys":[`), "keyhold: read the answer: it is not JSON", ".\n", false},
		"nothing":                 {says(200, ""), "keyhold: read the answer: it is empty", ".\n", false},
		"an answer without end":   {endless, "keyhold: read the answer: it is larger than 16777216 bytes", ".\n", false},
		"a server that ends":      {halfway, "keyhold: ask the server that holds the data directory: read the answer: unexpected EOF", ".\nkeyhold: look at the server's log; it may have ended meanwhile\n", false},
		"no error of the API":     {says(500, "<html>"), "keyhold: the server answered with status 500 and no error of the API", ".\n", false},
		"an error without a name": {says(400, "{}"), "keyhold: the server answered with status 400 and no error of the API", ".\n", false},
		"an error of the API":     {says(400, `{"__type":"ValidationException","message":"No."}`), "keyhold: ValidationException: No.\n", "", true},
		"an error within": {says(500, `{"__type":"KMSInternalException"}`), "keyhold: KMSInternalException.\nkeyhold: the cause is in the server's log, " +
			"under request 1234abcd\n", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := servedDirectory(t, c.answer)
			after := map[string]string{"key list": c.next, "key create": unsure}
			if c.sure {
				after["key create"] = ""
			}
			for command, next := range after {
				code, out, said := run(t, "", append([]string{"--data", dir}, strings.Fields(command)...)...)
				if code != exitError || out != "" || said != c.said+next {
					t.Errorf("%s: code %d, printed %q, said\n%swant\n%s", command, code, out, said, c.said+next)
				}
			}
		})
	}
}

// A list of many grants is longer than what a request may be.
func TestALongAnswerThroughTheSocket(t *testing.T) {
	const names = 20_000
	dir := servedDirectory(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"Truncated":false,"Aliases":[`+strings.Repeat(`{"AliasName":"alias/`+strings.Repeat("n", 100)+`"},`, names)+`{"AliasName":"alias/last"}]}`)
	})
	code, out, said := run(t, "", "--data", dir, "alias", "list")
	if code != exitOK || strings.Count(out, "\n") != names+2 || !strings.Contains(out, "\nalias/last ") || said != "" {
		t.Errorf("code %d, %d lines, said %q", code, strings.Count(out, "\n"), said)
	}
}
