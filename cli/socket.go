package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// The admin socket speaks the JSON protocol of the API without signatures: who may open it, a user that the kernel knows,
// is as good as the owner of the data directory, and is the root of the account that it names.
const (
	// socketName is the socket in a data directory.
	socketName = "keyhold.sock"

	requestHeader = "X-Amzn-Requestid"
	accountHeader = "X-Keyhold-Account" // whose root the caller is; none: the directory's own
	// arnHeader and idHeader make the caller a principal of the account instead, as the owner of the directory may be any.
	arnHeader = "X-Keyhold-Principal-Arn"
	idHeader  = "X-Keyhold-Principal-Id"

	// socketTimeout is less than httpapi.Server takes for an answer, and long enough for a token that is being recovered.
	socketTimeout = 50 * time.Second
	// maxAgent bounds what a record repeats of User-Agent, in octets.
	maxAgent = 256
)

// targetPrefixes are the services of X-Amz-Target.
var targetPrefixes = map[kms.API]string{kms.KMS: "TrentService", kms.STS: "AWSSecurityTokenServiceV20110615", kms.Keyhold: "Keyhold"}

func socketPath(dir string) string { return filepath.Join(dir, socketName) }

// peer is who opened a connection.
type peer struct{ pid, uid int }

// String is what net.Addr says of a peer.
func (p peer) String() string { return fmt.Sprintf("pid %d, uid %d", p.pid, p.uid) }

// Network implements net.Addr.
func (peer) Network() string { return "unix" }

// socketListener takes connections of this user and of root.
type socketListener struct {
	*net.UnixListener
	log *slog.Logger
}

// listenSocket makes the socket of a directory that this process holds: one that is there is nobody's any more.
func listenSocket(dir string, log *slog.Logger) (net.Listener, error) {
	path := socketPath(dir)
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the socket of an earlier server: %w", err)
		}
	}
	before := syscall.Umask(0o177) // nobody else may open it, not even for a moment
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	syscall.Umask(before)
	if err != nil {
		return nil, fmt.Errorf("make the admin socket: %w", err)
	}
	return &socketListener{l, log}, nil
}

// Accept waits for a connection of somebody who may have it.
func (l *socketListener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		p, err := peerOf(c)
		if err == nil && (p.uid == os.Geteuid() || p.uid == 0) {
			return peerConn{c, p}, nil
		}
		l.log.Warn("a connection of the admin socket is refused", "peer", p.String(), "error", err)
		_ = c.Close() // nobody waits for an answer
	}
}

// peerConn is a connection whose remote address is who opened it.
type peerConn struct {
	net.Conn
	peer peer
}

// RemoteAddr implements net.Conn.
func (c peerConn) RemoteAddr() net.Addr { return c.peer }

// door answers the requests of the admin socket.
type door struct {
	service *kms.Service
	log     *slog.Logger
	now     func() time.Time
	observe func(operation, code string, took time.Duration)
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := d.now()
	id, err := d.service.NewRequestID()
	var out any
	operation := ""
	if err == nil {
		w.Header().Set(requestHeader, id)
		operation, out, err = d.serve(r, id)
	}
	defer wipePlaintext(out)
	wire := d.write(w, out, err)
	took := d.now().Sub(began)
	d.observe(operation, wire, took)
	d.log.Info("answered", "request", id, "operation", operation, "error", wire, "took", took, "source", "socket", "peer", r.RemoteAddr)
}

// serve finds out what is asked and by whom, and has it done.
func (d *door) serve(r *http.Request, id string) (operation string, out any, err error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, api.MaxBody+1))
	defer secret.Wipe(body)
	if err != nil {
		return "", nil, fmt.Errorf("read the request: %w", err)
	}
	service, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	row := d.service.Operations()[name]
	if r.Method != http.MethodPost || r.URL.Path != "/" || row == nil || targetPrefixes[row.Describe().Service] != service {
		return "", nil, api.UnknownOperation()
	}
	ctx, cancel := context.WithTimeout(r.Context(), socketTimeout)
	defer cancel()
	out, err = d.service.Do(ctx, kms.Request{ID: id, Operation: name, Caller: d.caller(r), Body: body, Unknown: api.RefuseUnknown})
	return name, out, err
}

// caller is who asks. That there is such an account or principal is found out by the service.
func (d *door) caller(r *http.Request) kms.Caller {
	account := kms.AccountID(or(r.Header.Get(accountHeader), string(d.service.Meta().Account)))
	agent := strings.ToValidUTF8(r.UserAgent()[:min(len(r.UserAgent()), maxAgent)], "?")
	caller := d.service.RootOf(account, "local", fmt.Sprintf("%s (%s)", agent, r.RemoteAddr))
	if arn := r.Header.Get(arnHeader); arn != "" {
		caller.Root, caller.ARN, caller.PrincipalID = false, arn, r.Header.Get(idHeader)
	}
	return caller
}

// write answers, and returns the name of the error.
func (d *door) write(w http.ResponseWriter, out any, err error) string {
	var text []byte
	if err == nil {
		text, err = api.Encode(out)
	}
	defer secret.Wipe(text)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if err == nil {
		_, _ = w.Write(text) // who went away needs no answer
		return ""
	}
	var wire *api.Error
	if !errors.As(err, &wire) {
		d.log.Error("a request of the admin socket failed", "error", err)
		wire = api.Internal()
	}
	w.WriteHeader(wire.Status())
	_, _ = w.Write(wire.Body()) // who went away needs no answer
	return wire.Name
}
