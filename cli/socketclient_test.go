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
