package cli

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Who is interrupted in the middle of a change does not know whether it was made; of a list there is nothing to know.
func TestAnInterruptedChangeMayHaveBeenMade(t *testing.T) {
	signer(t)
	for command, want := range map[string]string{"key create": "it is unknown whether the request took effect", "key list": "keyhold: interrupted.\n"} {
		ctx, interrupt := context.WithCancel(t.Context())
		s := listening(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // so that the server sees the client leave
			interrupt()
			<-r.Context().Done()
		}, nil)
		var said bytes.Buffer
		p := &program{in: strings.NewReader(""), out: io.Discard, err: &said, now: time.Now}
		code := p.run(ctx, append([]string{"keyhold", "--endpoint", s.URL}, strings.Fields(command)...))
		if code != exitError || !strings.Contains(said.String(), want) {
			t.Errorf("%s: code %d, said %q", command, code, said.String())
		}
	}
}
