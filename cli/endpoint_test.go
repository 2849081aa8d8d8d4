package cli

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms/kmstest"
)

// emptyList answers every request with a list of no keys.
func emptyList(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set(requestHeader, "1234abcd-0000-4000-8000-000000000001")
	_, _ = w.Write([]byte(`{"Keys":[],"Aliases":[],"Truncated":false}`))
}

// fault answers with an error of the API.
func fault(status int, name string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(requestHeader, "1234abcd-0000-4000-8000-000000000001")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"__type":"` + name + `"}`))
	}
}

// sessionFault refuses in the form of AWS STS.
func sessionFault(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write([]byte(`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code>` +
		`<Message>No.</Message></Error><RequestId>1234abcd-0000-4000-8000-000000000001</RequestId></ErrorResponse>`))
}

// hangUp ends the connection once the request is there.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// signer sets an access key and a region, and nothing else that AWS's tools read.
func signer(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_REGION": "eu-west-1", "AWS_PROFILE": "", "AWS_SESSION_TOKEN": "",
		"AWS_DEFAULT_REGION": "", "AWS_CONFIG_FILE": "/nowhere/config", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere/credentials",
	} {
		t.Setenv(name, value)
	}
}

// pemFile writes a certificate or key.
func pemFile(t *testing.T, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// certified makes a certificate of this machine and the files of it and its key.
func certified(t *testing.T, until time.Time) (tls.Certificate, string, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: until.Add(-2 * time.Hour), NotAfter: until, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	private, err2 := x509.MarshalPKCS8PrivateKey(key)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pemFile(t, "CERTIFICATE", der), pemFile(t, "PRIVATE KEY", private)
}

// quietLog keeps what a server says about clients that fail on purpose.
func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }

// typeIt is one command in this process, with the environment as it is.
func typeIt(command string) (code int, talk string) {
	var said bytes.Buffer
	code = Main(append([]string{"keyhold"}, strings.Fields(command)...), strings.NewReader(""), io.Discard, &said)
	return code, said.String()
}

// listening is a server of a test, that logs nothing.
func listening(t *testing.T, h http.HandlerFunc, secure *tls.Config) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = quietLog()
	if s.TLS = secure; secure != nil {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func TestWhatGoesWrongWithAnEndpointIsSaidWithTheNextStep(t *testing.T) {
	signer(t)
	plain, secure := listening(t, emptyList, nil), listening(t, emptyList, &tls.Config{})
	mine, mineFile, mineKey := certified(t, time.Now().Add(time.Hour))
	old, oldFile, _ := certified(t, time.Now().Add(-time.Hour))
	pool := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(mine.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(leaf)
	expired := listening(t, emptyList, &tls.Config{Certificates: []tls.Certificate{old}})
	asking := listening(t, emptyList, &tls.Config{Certificates: []tls.Certificate{mine}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool})
	gone := "http://" + kmstest.Deserted(t)
	authority := pemFile(t, "CERTIFICATE", secure.Certificate().Raw)
	readable := pemFile(t, "PRIVATE KEY", []byte("x"))
	if err := os.Chmod(readable, 0o644); err != nil {
		t.Fatal(err)
	}
	answering := func(h http.HandlerFunc) string { return listening(t, h, nil).URL }
	port := func(s *httptest.Server) string { return s.URL[strings.LastIndexByte(s.URL, ':'):] }
	for _, c := range []struct {
		name, command string
		code          int
		said          []string // nothing: nothing is said
	}{
		{"it works", "--endpoint " + plain.URL + " key list", exitOK, nil},
		{"it works, with a slash behind it", "key list --endpoint " + plain.URL + "/", exitOK, nil},
		{"a private authority", "--endpoint " + secure.URL + " --ca-file " + authority + " key list", exitOK, nil},
		{"a client certificate", "--endpoint " + asking.URL + " --ca-file " + mineFile + " --client-cert " + mineFile + " --client-key " + mineKey + " key list", exitOK, nil},
		{"nobody there", "--endpoint " + gone + " key create", exitError, []string{"ask " + gone + ": dial tcp", "look whether a server runs there"}},
		{"an unknown authority", "--endpoint " + secure.URL + " key create", exitError, []string{"unknown authority", "--ca-file or KEYHOLD_CA_FILE"}},
		{"another authority", "--endpoint " + secure.URL + " --ca-file " + mineFile + " key list", exitError, []string{"unknown authority", "--ca-file"}},
		{"another name", "--endpoint https://localhost" + port(secure) + " --ca-file " + authority + " key list", exitError, []string{"not localhost", "a name that the server's certificate is for"}},
		{"an old certificate", "--endpoint " + expired.URL + " --ca-file " + oldFile + " key list", exitError, []string{"expired", "the server needs another certificate, unless this computer's clock is wrong"}},
		{"no client certificate", "--endpoint " + asking.URL + " --ca-file " + mineFile + " key list", exitError, []string{"--client-cert and --client-key"}},
		{"TLS where there is none", "--endpoint https://127.0.0.1" + port(plain) + " key list", exitError, []string{"HTTP response to HTTPS client", "the server there has no TLS"}},
		{"no TLS where there is", "--endpoint http://127.0.0.1" + port(secure) + " key list", exitError, []string{"HTTP status 400", "the endpoint begins with https://"}},
		{"something else", "--endpoint " + answering(http.NotFound) + " key list", exitError, []string{"HTTP status 404; is the endpoint that of a KMS?"}},
		{"a wrong secret", "--endpoint " + answering(fault(400, "InvalidSignatureException")) + " key list", exitError, []string{"look at the secret access key, at the region"}},
		{"a clock that is days off", "--endpoint " + answering(fault(400, "InvalidSignatureException", "Date", "Mon, 02 Jan 2006 15:04:05 GMT")) + " key list", exitError,
			[]string{"this computer's clock and the server's are", "apart: set them"}},
		{"an unknown access key", "--endpoint " + answering(fault(400, "UnrecognizedClientException")) + " key list", exitError, []string{"does not know the access key", "AWS_ACCESS_KEY_ID"}},
		{"a session that is over", "--endpoint " + answering(fault(400, "ExpiredTokenException")) + " key list", exitError, []string{"begin another"}},
		{"a refusal", "--endpoint " + answering(fault(400, "AccessDeniedException")) + " --region eu-west-2 key list", exitError,
			[]string{"on the server's machine: keyhold policy explain --request 1234abcd-0000-4000-8000-000000000001"}},
		{"a refusal of the use of a key", "--endpoint " + answering(fault(400, "AccessDeniedException")) + " key describe K", exitError, []string{"the key policy decides who may do this"}},
		{"a refusal of what is about no key", "--endpoint " + answering(fault(400, "AccessDeniedException")) + " key list", exitError, []string{"an identity policy of whom the access key is of must allow it"}},
		{"a refusal of a session", "--endpoint " + answering(sessionFault) + " access-key session --role arn:aws:iam::111122223333:role/r", exitError,
			[]string{"the role's trust policy must name the user"}},
		{"a role that may not be looked up", "--endpoint " + answering(fault(400, "AccessDeniedException")) + " access-key session --role r", exitError, []string{"name it by its ARN"}},
		{"an error within", "--endpoint " + answering(fault(500, "KMSInternalException")) + " key list", exitError, []string{"the server's log, under request 1234abcd-0000-4000-8000-000000000001"}},
		{"an error within, of a change", "--endpoint " + answering(fault(500, "KMSInternalException")) + " key create", exitError,
			[]string{"it is unknown whether the request took effect", "look what is there before", "the server's log under request 1234abcd-0000-4000-8000-000000000001"}},
		{"an answer that is lost", "--endpoint " + answering(hangUp) + " key create", exitError, []string{"EOF; it is unknown whether the request took effect", "look what is there before you run it again"}},
		{"a page", "--endpoint " + answering(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }) + " key list", exitError, []string{"it is not JSON"}},

		{"no URL", "--endpoint kms.example.com key list", exitError, []string{"use --endpoint", "is not a URL such as https://kms.example.com:8480"}},
		{"a URL with a password", "--endpoint https://ada:hunter2@kms.example.com key list", exitError, []string{"must not hold a name or password"}},
		{"in clear", "--endpoint http://kms.example.com key list", exitError, []string{"in clear over the network; use https"}},
		{"no file", "--endpoint " + secure.URL + " --ca-file /nowhere.pem key list", exitError, []string{"(--ca-file)", "/nowhere.pem"}},
		{"no certificate", "--endpoint " + secure.URL + " --ca-file " + mineKey + " key list", exitError, []string{"holds no certificate in PEM"}},
		{"half a pair", "--endpoint " + secure.URL + " --client-cert " + mineFile + " key list", exitUsage, []string{"--client-cert and --client-key belong together"}},
		{"a key that everybody can read", "--endpoint " + secure.URL + " --client-cert " + mineFile + " --client-key " + readable + " key list", exitError, []string{"run: chmod o-r " + readable}},
		{"a key of another certificate", "--endpoint " + secure.URL + " --client-cert " + oldFile + " --client-key " + mineKey + " key list", exitError, []string{"(--client-cert, --client-key)", "does not match"}},
		{"no such profile", "--endpoint " + plain.URL + " --aws-profile nobody key list", exitError, []string{`there is no profile "nobody"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, talk := run(t, "", strings.Fields(c.command)...)
			if code != c.code || (talk == "") != (c.said == nil) || strings.Contains(talk+out, "hunter2") {
				t.Errorf("code %d, said %q", code, talk)
			}
			for _, said := range c.said {
				if !strings.Contains(talk, said) {
					t.Errorf("it does not say %q, but\n%s", said, talk)
				}
			}
			if unsure := strings.Contains(talk, "unknown whether"); unsure != strings.Contains(strings.Join(c.said, ""), "unknown whether") {
				t.Errorf("whether it was done: %s", talk)
			}
		})
	}
}

// A name is looked up by whoever answers for the machine, so there is no server here.
func TestANameThatNobodyKnows(t *testing.T) {
	if step := (&endpoint{}).transportStep(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "kms.example.test"}}); !strings.Contains(step, "look at the name in the endpoint") {
		t.Errorf("it says %q", step)
	}
}

func TestAnAccessKeyAndARegionMustBeFound(t *testing.T) {
	signer(t)
	plain := listening(t, emptyList, nil)
	for _, c := range []struct{ variable, flags, want string }{
		{"AWS_REGION", "", "--region names it, too"},
		{"AWS_REGION", " --region eu-west-1", ""},
		{"AWS_SECRET_ACCESS_KEY", "", "AWS_SECRET_ACCESS_KEY is not; set both or neither"},
	} {
		t.Run(c.variable+c.flags, func(t *testing.T) {
			t.Setenv(c.variable, "")
			_, _, talk := run(t, "", strings.Fields("key list --endpoint "+plain.URL+c.flags)...)
			if !strings.Contains(talk, c.want) || c.want == "" && talk != "" {
				t.Errorf("said %q, want %q", talk, c.want)
			}
		})
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	if code, _, talk := run(t, "", "key", "list", "--endpoint", plain.URL); code != exitError || !strings.Contains(talk, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") {
		t.Errorf("code %d, said %q", code, talk)
	}
}

// What is typed counts more than variables; among variables the server counts.
func TestWhichPlaceACommandWorksOn(t *testing.T) {
	signer(t)
	plain := listening(t, emptyList, nil)
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		command, endpoint, data string
		code                    int
		want                    string
	}{
		{"key list", plain.URL, "", exitOK, ""},
		{"key list", plain.URL, "./here", exitOK, ""},
		{"key list", "", "./here", exitError, "there is no configuration here/keyhold.yaml"},
		{"--data ./there key list", plain.URL, "./here", exitError, "there is no configuration there/keyhold.yaml"},
		{"key list --config k.yaml", plain.URL, "", exitError, "there is no configuration k.yaml"},
		{"--data ./there key list --endpoint " + plain.URL, "", "", exitUsage, "--endpoint names a server elsewhere, and --data and --config a data directory here"},
		{"--endpoint= key list", plain.URL, "", exitUsage, "--endpoint is empty"},
		{"--account 111122223333 key list", plain.URL, "", exitUsage, "through KEYHOLD_ENDPOINT the account is that of the access key"},
		{"--ca-file x key list", "", "./here", exitUsage, "--ca-file is for a server elsewhere: name it with --endpoint or KEYHOLD_ENDPOINT"},
		{"--region x key list", "", "./here", exitUsage, "--region is for a server elsewhere"},
		{"doctor", plain.URL, "./here", exitError, "keyhold doctor works on the data directory itself, on the server's machine, and not through KEYHOLD_ENDPOINT"},
		{"hsm status --endpoint " + plain.URL, "", "", exitError, "keyhold hsm status works on the data directory itself"},
		{"hsm status --data ./there", plain.URL, "", exitError, "there is no configuration there/keyhold.yaml"},
		{"policy reset K --break-glass", plain.URL, "", exitError, "not through KEYHOLD_ENDPOINT"},
		{"policy explain --request 1", plain.URL, "", exitError, "the audit log is on the server's machine"},
		{"access-key session --role r --user u", plain.URL, "", exitUsage, "--user is for the owner of a data directory"},
		{"serve", plain.URL, "./here", exitError, "there is no configuration here/keyhold.yaml"},
		{"serve --endpoint " + plain.URL, "", "", exitUsage, "keyhold serve works on a data directory of this machine"},
		{"init --endpoint " + plain.URL, "", "", exitUsage, "keyhold init works on a data directory of this machine"},
		{"dev --aws-profile x", "", "", exitUsage, "--aws-profile is for a server elsewhere"},
	} {
		t.Run(c.command+" with "+c.endpoint+c.data, func(t *testing.T) {
			for _, name := range []string{"KEYHOLD_CONFIG", "KEYHOLD_CA_FILE", "KEYHOLD_CLIENT_CERT", "KEYHOLD_CLIENT_KEY"} {
				t.Setenv(name, "")
			}
			t.Setenv(endpointVariable, c.endpoint)
			t.Setenv("KEYHOLD_DATA", c.data)
			code, talk := typeIt(c.command)
			if code != c.code || !strings.Contains(talk, c.want) || c.want == "" && talk != "" {
				t.Errorf("code %d, said %q, want %d, %q", code, talk, c.code, c.want)
			}
		})
	}
}

// What would be destroyed elsewhere is proposed to be destroyed there, and not here.
func TestAProposalNamesTheServer(t *testing.T) {
	p := newPlace(t)
	s := serve(t, p)
	key := s.key("--alias", "orders")
	code, _, talk := run(t, "", "--endpoint", s.url, "--region", "us-east-1", "key", "delete", key)
	if code != exitError || !strings.Contains(talk, "To do it: keyhold --endpoint "+s.url+" --region us-east-1 key delete ") {
		t.Errorf("code %d, said %s", code, talk)
	}
}
