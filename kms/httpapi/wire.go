package httpapi

import (
	"mime"
	"net/http"
	"strconv"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/sigv4"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// wire is the form of one protocol.
type wire interface {
	// read finds out what is asked. What cannot be read makes a body that no shape decodes, so that the core records it.
	read(r *http.Request, body []byte) call
	succeed(operation string, out any, id string) answer
	fail(err *api.Error, id string) answer
}

// call is what a request asks for.
type call struct {
	name    string // of the operation, or what stands in its place
	service kms.API
	served  bool   // name is that of an operation, if service has one of that name
	body    []byte // JSON; may be the request's own body
}

// noOperation is the answer when there is no such operation.
func (c call) noOperation() *api.Error {
	if !c.served {
		return api.UnknownOperation()
	}
	return kms.NoOperation(c.service, c.name)
}

// protocol is a wire and who may sign for it.
type protocol struct {
	wire
	verifier *sigv4.Verifier
}

func newProtocol(w wire, c Config, service string) (protocol, error) {
	v, err := sigv4.NewVerifier(sigv4.Config{Service: service, Regions: c.Regions, Skew: c.Skew})
	return protocol{w, v}, err
}

// protocolOf tells by the content type which protocol is spoken. All of it happens on POST /.
func (h *Handler) protocolOf(r *http.Request) (protocol, bool) {
	kinds := r.Header.Values("Content-Type")
	if r.Method != http.MethodPost || !isRoot(r) || len(kinds) != 1 {
		return protocol{}, false
	}
	switch kind, _, err := mime.ParseMediaType(kinds[0]); {
	case err != nil:
	case kind == jsonKind:
		return h.json, true
	case kind == formKind:
		return h.query, true
	}
	return protocol{}, false
}

// isRoot tells whether the target is "/" as it was sent, because what was signed is a normal form of it that others have
// too; or a URL with that path and nothing behind it (RFC 9112, section 3.2.2).
func isRoot(r *http.Request) bool {
	absolute := r.URL.Scheme != "" && r.URL.Host != "" && r.URL.Opaque == ""
	return r.RequestURI == "/" || absolute && r.URL.EscapedPath() == "/" && r.URL.RawQuery == "" && !r.URL.ForceQuery
}

// answer is what goes back.
type answer struct {
	status    int
	kind      string // content type
	body      []byte // may hold plaintext: wiped once it is written
	errorCode string // "" for success
}

// write sends the answer. What a client would still have to send of a large body is not waited for, but the connection
// closed.
func (x *exchange) write(w http.ResponseWriter, a answer) {
	defer secret.Wipe(a.body)
	header := w.Header()
	header.Set("X-Amzn-Requestid", x.id)
	header.Set("Date", x.began.UTC().Format(http.TimeFormat))
	header.Set("Content-Type", a.kind)
	header.Set("Content-Length", strconv.Itoa(len(a.body)))
	header.Set("Cache-Control", "no-store")
	if length := x.request.ContentLength; !x.read && (length < 0 || length > smallBody) {
		header.Set("Connection", "close")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // who went away needs no answer
}

// unknownOperation is what AWS answers to whatever is not a call of its API: it is not told apart any further.
func unknownOperation() answer {
	return answer{
		status: http.StatusNotFound, kind: xmlKind, body: []byte("<UnknownOperationException/>\n"), errorCode: api.UnknownOperationException,
	}
}
