package httpapi

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/keyhold/keyhold/internal/ownership"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/smallfile"
)

// reloadAfter is how often the files of a certificate are looked at, at most.
const reloadAfter = 10 * time.Second

// TLS names the files of the server's certificate, in PEM. Nobody but root and the owner may be able to change them, and
// the key must not be readable by everybody.
type TLS struct {
	// Certificate, which those of intermediate authorities follow, and Key are required.
	Certificate, Key string
	// ClientCA holds the authorities whose certificates clients must have. "": clients need none.
	ClientCA string
	// Now is the clock, required.
	Now func() time.Time
	// Logger is told of new certificates. Nil: discarded.
	Logger *slog.Logger
}

// Config is TLS 1.2 or newer with the files, which are read again when one of them changes; connections that there are
// keep what they began with. Files that cannot be used are refused at the start; later those that are in use stay, and
// the log says why.
func (t TLS) Config() (*tls.Config, error) {
	if t.Now == nil {
		return nil, errors.New("configure TLS: it needs a clock")
	}
	if t.Logger == nil {
		t.Logger = slog.New(slog.DiscardHandler)
	}
	r := &reloader{files: t}
	if err := r.load(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: r.config}, nil
}

// reloader keeps a configuration as new as its files. Each has session tickets of its own, so that no session outlives
// the authority that its client was let in by.
type reloader struct {
	files TLS

	mu      sync.Mutex
	current *tls.Config
	stamps  [3]stamp
	looked  time.Time
}

// stamp is what tells a file from the one that was in its place before.
type stamp struct {
	changed time.Time
	size    int64
}

func (r *reloader) config(*tls.ClientHelloInfo) (*tls.Config, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.files.Now(); now.Sub(r.looked) >= reloadAfter {
		r.looked = now
		r.reloadLocked()
	}
	return r.current, nil
}

func (r *reloader) reloadLocked() {
	stamps, err := r.stat()
	if err == nil && stamps == r.stamps {
		return
	}
	if err := r.loadLocked(); err != nil {
		r.files.Logger.Error("the new certificate cannot be used; the one before stays", "error", err)
		return
	}
	r.files.Logger.Info("a new certificate is in use", "expires", r.current.Certificates[0].Leaf.NotAfter)
}

func (r *reloader) load() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loadLocked()
}

// loadLocked looks at the files before it reads them: what changes in between is seen the next time.
func (r *reloader) loadLocked() error {
	stamps, err := r.stat()
	if err != nil {
		return fmt.Errorf("look at the server's certificate: %w", err)
	}
	config, err := r.files.read()
	if err != nil {
		return err
	}
	r.current, r.stamps, r.looked = config, stamps, r.files.Now()
	return nil
}

// paths are the files, of which the last need not be named.
func (t TLS) paths() [3]string { return [...]string{t.Certificate, t.Key, t.ClientCA} }

func (r *reloader) stat() (stamps [3]stamp, err error) {
	for i, path := range r.files.paths() {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return stamps, err
		}
		if err := smallfile.Regular(path, info); err != nil { // a pipe could not be read again
			return stamps, err
		}
		if mode := info.Mode().Perm(); path == r.files.Key && mode&0o004 != 0 {
			return stamps, fmt.Errorf("%s has mode %04o, so everybody can read it; run: chmod o-r %s", path, mode, path)
		}
		stamps[i] = stamp{info.ModTime(), info.Size()}
	}
	return stamps, nil
}

// read is the configuration that the files are.
func (t TLS) read() (*tls.Config, error) {
	for _, path := range []string{t.Certificate, t.Key} {
		if err := ownership.Check(path); err != nil {
			return nil, fmt.Errorf("check the server's certificate: %w", err)
		}
	}
	pair, err := ReadPair(t.Certificate, t.Key)
	if err != nil {
		return nil, fmt.Errorf("read the server's certificate %s and its key %s: %w", t.Certificate, t.Key, err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, Time: t.Now,
		NextProtos: []string{"h2", "http/1.1"}}
	if t.ClientCA == "" {
		return config, nil
	}
	if config.ClientCAs, err = ReadAuthorities(t.ClientCA); err != nil {
		return nil, fmt.Errorf("read the authorities of client certificates: %w", err)
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	return config, nil
}

// maxPEM bounds a file of certificates in bytes: one of all public authorities has a quarter of a million.
const maxPEM = 4 << 20

// ReadPair reads a certificate, which those of intermediate authorities follow, and its key from files in PEM of at most
// 4 MiB each, regular ones or pipes as of smallfile.ReadOnce.
func ReadPair(certificate, key string) (tls.Certificate, error) {
	certText, err := smallfile.ReadOnce(certificate, maxPEM)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyText, err := smallfile.ReadOnce(key, maxPEM)
	defer secret.Wipe(keyText)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certText, keyText)
}

// ReadAuthorities reads the certificates of authorities from a file in PEM of at most 4 MiB, a regular one or a pipe as of
// smallfile.ReadOnce, that nobody but root and the owner may be able to change; a file without one is refused.
func ReadAuthorities(path string) (*x509.CertPool, error) {
	if err := ownership.Check(path); err != nil {
		return nil, err
	}
	pem, err := smallfile.ReadOnce(path, maxPEM)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", path)
	}
	return pool, nil
}
