package httpapi_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms/httpapi"
)

// authority issues certificates.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, at time.Time) authority {
	t.Helper()
	a := authority{t: t, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority"}, NotBefore: at.Add(-time.Hour), NotAfter: at.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	a.cert.Raw, a.key = a.issue(a.cert, nil)
	return a
}

func (a authority) issue(c *x509.Certificate, by *authority) ([]byte, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	return der, key
}

// certify is a certificate and its key in PEM.
func (a authority) certify(serial int64) (cert, key []byte) {
	a.t.Helper()
	der, private := a.issue(&x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "kms.example.test"}, DNSNames: []string{"kms.example.test"},
		NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, &a)
	octets, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: octets})
}

// pair is a client's certificate.
func (a authority) pair() tls.Certificate {
	a.t.Helper()
	c, err := tls.X509KeyPair(a.certify(7))
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

func (a authority) pool() *x509.CertPool {
	a.t.Helper()
	cert, err := x509.ParseCertificate(a.cert.Raw)
	if err != nil {
		a.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool
}

// files are those of a server's certificate.
type files struct {
	t testing.TB
	httpapi.TLS
}

func (b *bench) files() files {
	dir := b.t.TempDir()
	return files{b.t, httpapi.TLS{Certificate: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), Now: b.clock.Now,
		Logger: slog.New(slog.NewTextHandler(b.log, nil))}}
}

func (f files) write(cert, key []byte) {
	f.t.Helper()
	for path, octets := range map[string][]byte{f.Certificate: cert, f.Key: key} {
		if err := os.WriteFile(path, octets, 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
}

// trusts writes the authorities of clients.
func (f *files) trusts(authorities ...authority) {
	f.t.Helper()
	var text []byte
	for _, a := range authorities {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})...)
	}
	f.ClientCA = filepath.Join(filepath.Dir(f.Certificate), "ca.pem")
	if err := os.WriteFile(f.ClientCA, text, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f files) config() *tls.Config {
	f.t.Helper()
	config, err := f.Config()
	if err != nil {
		f.t.Fatal(err)
	}
	return config
}

// shown is the serial number of the certificate that a new handshake shows; 0 when there is no connection.
func (b *bench) shown(address string, a authority, mine ...tls.Certificate) int64 {
	b.t.Helper()
	serial, _ := b.shownWith(address, &tls.Config{RootCAs: a.pool(), ServerName: "kms.example.test", Time: b.clock.Now, Certificates: mine})
	return serial
}

// shownWith tells too whether an earlier session was taken up again.
func (b *bench) shownWith(address string, client *tls.Config) (serial int64, resumed bool) {
	b.t.Helper()
	c, err := tls.Dial("tcp", address, client)
	if err != nil {
		return 0, false
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(c, b.signed("TrentService.ListKeys", `{}`).text("POST / HTTP/1.1", `{}`, "Content-Length: 2", "Connection: close"))
	if answer, err := io.ReadAll(c); err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) {
		return 0, false
	}
	state := c.ConnectionState()
	return state.PeerCertificates[0].SerialNumber.Int64(), state.DidResume
}

func TestANewCertificateIsUsedWithoutARestart(t *testing.T) {
	b := newBench(t)
	a, f := newAuthority(t, b.clock.Now()), b.files()
	first, firstKey := a.certify(1001)
	second, secondKey := a.certify(1002)
	f.write(first, firstKey)
	address := b.serve(httpapi.Server{TLS: f.config()})
	shows := func(want int64, when string) {
		t.Helper()
		if got := b.shown(address, a); got != want {
			t.Fatalf("%s: the server shows certificate %d, want %d", when, got, want)
		}
	}
	shows(1001, "at the start")
	f.write(second, secondKey)
	shows(1001, "before the files are looked at again")
	b.clock.Advance(10 * time.Second)
	shows(1002, "with new files")

	broken := map[string]func(){
		"with a certificate of another key": func() { f.write(first, secondKey) },
		"with half a certificate":           func() { f.write(first[:100], firstKey) },
		"with an empty key":                 func() { f.write(first, nil) },
		"without a key":                     func() { _ = os.Remove(f.Key) },
		"with a key for everybody":          func() { f.write(first, firstKey); _ = os.Chmod(f.Key, 0o644) },
		"with a key that everybody changes": func() { f.write(first, firstKey); _ = os.Chmod(f.Key, 0o622) },
	}
	for when, spoil := range broken {
		_ = os.Chmod(f.Key, 0o600)
		spoil()
		b.clock.Advance(10 * time.Second)
		shows(1002, when)
		if !strings.Contains(b.log.String(), "the new certificate cannot be used; the one before stays") {
			t.Errorf("%s: the log does not tell", when)
		}
	}
	f.write(first, firstKey)
	if err := os.Chmod(f.Key, 0o600); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(10 * time.Second)
	shows(1001, "with files that are whole again")
}

func TestAServerDoesNotStartWithoutAGoodCertificate(t *testing.T) {
	b := newBench(t)
	a := newAuthority(t, b.clock.Now())
	cert, key := a.certify(1)
	for name, c := range map[string]struct {
		spoil func(f *files)
		want  string
	}{
		"no files":              {func(f *files) { _ = os.Remove(f.Certificate) }, "no such file"},
		"no certificate":        {func(f *files) { f.write(nil, key) }, "read the server's certificate"},
		"a key for everybody":   {func(f *files) { _ = os.Chmod(f.Key, 0o604) }, "run: chmod o-r "},
		"files of everybody":    {func(f *files) { _ = os.Chmod(f.Certificate, 0o666) }, "chmod go-w "},
		"no authorities":        {func(f *files) { f.ClientCA = f.Key }, "holds no certificate in PEM"},
		"no such authorities":   {func(f *files) { f.ClientCA = f.Key + "x" }, "no such file"},
		"authorities for all":   {func(f *files) { f.ClientCA = f.Certificate; _ = os.Chmod(f.ClientCA, 0o602) }, "chmod go-w "},
		"a pipe":                {func(f *files) { f.Key = pipeAt(t, f.Key+".pipe") }, "is a pipe: name a regular file"},
		"a pipe of authorities": {func(f *files) { f.ClientCA = pipeAt(t, f.Key+".pipe") }, "is a pipe: name a regular file"},
		"no clock for the end":  {func(f *files) { f.Now = nil }, "it needs a clock"},
	} {
		f := b.files()
		f.write(cert, key)
		c.spoil(&f)
		if _, err := f.Config(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// pipeAt makes a named pipe to which nobody writes.
func pipeAt(t *testing.T, path string) string {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestClientsMustHaveACertificateWhereTheServerSaysSo(t *testing.T) {
	b := newBench(t)
	a, other, f := newAuthority(t, b.clock.Now()), newAuthority(t, b.clock.Now()), b.files()
	f.write(a.certify(1001))
	f.trusts(a)
	address := b.serve(httpapi.Server{TLS: f.config()})
	if got := b.shown(address, a, a.pair()); got != 1001 {
		t.Errorf("who has a certificate is not answered: %d", got)
	}
	if got := b.shown(address, a); got != 0 {
		t.Error("who has no certificate is answered")
	}
	if got := b.shown(address, a, other.pair()); got != 0 {
		t.Error("who has another authority's certificate is answered")
	}
	b.clock.Advance(25 * time.Hour)
	if got := b.shown(address, a, a.pair()); got != 0 {
		t.Error("who has a certificate of yesterday is answered")
	}
}

func TestAnAuthorityThatIsTakenAwayLetsNobodyInAnyMore(t *testing.T) {
	b := newBench(t)
	a, other, f := newAuthority(t, b.clock.Now()), newAuthority(t, b.clock.Now()), b.files()
	f.write(a.certify(1001))
	f.trusts(a, other)
	address := b.serve(httpapi.Server{TLS: f.config()})
	kept := tls.NewLRUClientSessionCache(4) // a session that is taken up again shows no certificate
	mine := &tls.Config{RootCAs: a.pool(), ServerName: "kms.example.test", Time: b.clock.Now, Certificates: []tls.Certificate{other.pair()},
		ClientSessionCache: kept}
	if got, resumed := b.shownWith(address, mine); got != 1001 || resumed {
		t.Fatalf("who has a certificate is not answered: %d, %t", got, resumed)
	}
	if got, resumed := b.shownWith(address, mine); got != 1001 || !resumed {
		t.Fatalf("the session is not taken up again: %d, %t", got, resumed)
	}
	f.trusts(a)
	b.clock.Advance(10 * time.Second)
	if got, resumed := b.shownWith(address, mine); got != 0 {
		t.Errorf("whose authority was taken away is answered, session taken up again: %t", resumed)
	}
	if got := b.shown(address, a, a.pair()); got != 1001 {
		t.Errorf("whose authority is still there is not answered: %d", got)
	}
	if err := os.WriteFile(f.ClientCA, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(10 * time.Second)
	if got := b.shown(address, a, a.pair()); got != 1001 || !strings.Contains(b.log.String(), "holds no certificate in PEM") {
		t.Errorf("with an empty file of authorities the ones before do not stay: %d", got)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	b := newBench(t)
	a, f := newAuthority(t, b.clock.Now()), b.files()
	f.write(a.certify(1))
	address := b.serve(httpapi.Server{TLS: f.config()})
	c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: a.pool(), ServerName: "kms.example.test", Time: b.clock.Now, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err == nil {
		_ = c.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

func TestHTTP2IsSpokenOverTLS(t *testing.T) {
	b := newBench(t)
	a, f := newAuthority(t, b.clock.Now()), b.files()
	f.write(a.certify(1))
	address := b.serve(httpapi.Server{TLS: f.config()})
	client := &http.Client{Transport: &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: a.pool(), ServerName: "kms.example.test", Time: b.clock.Now},
	}}
	defer client.CloseIdleConnections()
	send := func(r *http.Request) reply {
		t.Helper()
		r.URL.Scheme, r.URL.Host, r.RequestURI = "https", address, ""
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if response.ProtoMajor != 2 {
			t.Errorf("%s is spoken", response.Proto)
		}
		return b.check(response)
	}
	got := send(b.sign(request("TrentService.ListKeys", `{}`), b.ada))
	if got.status != 200 {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if record := b.audit.of(got.id); len(record) != 1 || record[0]["errorCode"] != nil {
		t.Errorf("recorded %v", record)
	}
	endless := b.sign(request("TrentService.ListKeys", `{}`), b.ada)
	endless.ContentLength, endless.Body = -1, io.NopCloser(strings.NewReader(`{}`))
	b.refused(send(endless), 400, "MalformedHttpRequestException", "The request has no Content-Length. Send one, and no Transfer-Encoding.")
	slashes := b.sign(request("TrentService.ListKeys", `{}`), b.ada)
	slashes.URL.Path = "//"
	if got := send(slashes); got.status != 404 {
		t.Errorf("got %d %s", got.status, got.body)
	}
	huge := request("TrentService.ListKeys", strings.Repeat(" ", 1<<20+1))
	b.refused(send(huge), 413, "RequestEntityTooLargeException", "The request is larger than 1048576 bytes.")
	if got := send(b.sign(request("TrentService.ListKeys", `{}`), b.ada)); got.status != 200 {
		t.Errorf("after that: %d %s", got.status, got.body)
	}
}
