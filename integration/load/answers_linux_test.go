package load

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
)

// note keeps count of answers.
func (a *attacker) note(status int, code string, err error) {
	text := fmt.Sprintf("%d %s", status, code)
	if err != nil {
		text = "closed"
		if errors.Is(err, os.ErrDeadlineExceeded) {
			text = "no answer"
		}
	}
	n, _ := a.answers.LoadOrStore(text, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
}

func (a *attacker) notes() string {
	var s strings.Builder
	a.answers.Range(func(text, n any) bool {
		fmt.Fprintf(&s, "%d times %s; ", n.(*atomic.Int64).Load(), text)
		return true
	})
	return s.String()
}

// sent notes how much of a request went out.
func (a *attacker) sent(octets int64) {
	a.octets.Add(octets)
	raise(&a.most, octets)
}

// judge looks at what the attacker was answered. The answer to a request that is still being sent may be lost, when the
// server closes the connection.
func (a *attacker) judge(t *testing.T, f *findings, kind attack) {
	t.Helper()
	if a.opened.Load()+a.did.Load() == 0 {
		f.add("there was no attack")
	}
	if most := a.mostHeld.Load(); most < int64(kind.holds) {
		f.add("the attacker held %d connections, and %d are what makes it an attack", most, kind.holds)
	}
	if most := a.most.Load(); kind.octets > 0 && most > kind.octets {
		t.Errorf("the server took %d octets of one request", most)
	}
	if kind.want == "" {
		return
	}
	if _, came := a.answers.Load(kind.want); !came {
		f.add("no request was answered %q: %s", kind.want, a.notes())
	}
	a.answers.Range(func(text, _ any) bool {
		if text != kind.want && text != "closed" {
			f.wrong(t, "requests were answered %q, want %q", text, kind.want)
		}
		return true
	})
}

// readAnswer reads an answer from a connection.
func readAnswer(c net.Conn) (int, string, error) {
	return parseAnswer(http.ReadResponse(bufio.NewReader(c), nil))
}

func parseAnswer(r *http.Response, err error) (int, string, error) {
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close() //nolint:errcheck // it is read to its end, if it has one
	var fault struct {
		Type string `json:"__type"`
	}
	if text, err := io.ReadAll(r.Body); err == nil && json.Valid(text) {
		_ = json.Unmarshal(text, &fault) // valid
	}
	return r.StatusCode, fault.Type, nil
}

// endless is a body of blanks.
type endless struct {
	left int64
	read atomic.Int64
}

// Read implements io.Reader.
func (e *endless) Read(p []byte) (int, error) {
	n := min(int64(len(p)), e.left-e.read.Load())
	if n <= 0 {
		return 0, io.EOF
	}
	clear(p[:n])
	e.read.Add(n)
	return int(n), nil
}
