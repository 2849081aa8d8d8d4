package httpapi

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// The defaults of Server, and what is not configured.
const (
	headerTime  = 5 * time.Second
	requestTime = 15 * time.Second
	answerTime  = time.Minute // of the whole request and its answer, so more than requestTime and Config.Timeout together
	idleTime    = 2 * time.Minute
	grace       = 30 * time.Second

	maxHeader      = 16 << 10 // octets; the header of a signed request with a session's token takes about 2,000
	maxStreams     = 32       // of one HTTP/2 connection at a time
	maxFrame       = 16 << 10 // octets of an HTTP/2 frame, each connection's own buffer: the least of RFC 9113, section 4.2
	maxConnections = 4096
	maxPerAddress  = 512
)

// Server answers connections with a Handler. A client that is slower than its times is not waited for.
type Server struct {
	Handler http.Handler
	// TLS is what TLS.Config makes; with it HTTP/2 is spoken as well. Nil: plain HTTP/1.
	TLS *tls.Config
	// HeaderTime is how long a handshake and the header of a request may take. 0: 5 seconds.
	HeaderTime time.Duration
	// RequestTime is how long a request may take to come, with its body. 0: 15 seconds.
	RequestTime time.Duration
	// AnswerTime is how long a request and its answer may take together. 0: a minute.
	AnswerTime time.Duration
	// IdleTime is how long a connection may have no request. 0: two minutes.
	IdleTime time.Duration
	// Grace is how long requests may go on after the end. 0: 30 seconds.
	Grace time.Duration
	// Connections and PerAddress bound the connections, in all and from one address, as Limit says. 0: 4,096 and 512.
	Connections, PerAddress int
	// Logger gets what is wrong with connections, at debug level. Nil: discarded.
	Logger *slog.Logger
}

func (s Server) withDefaults() Server {
	s.HeaderTime = cmp.Or(s.HeaderTime, headerTime)
	s.RequestTime = cmp.Or(s.RequestTime, requestTime)
	s.AnswerTime = cmp.Or(s.AnswerTime, answerTime)
	s.IdleTime = cmp.Or(s.IdleTime, idleTime)
	s.Grace = cmp.Or(s.Grace, grace)
	s.Connections = cmp.Or(s.Connections, maxConnections)
	s.PerAddress = cmp.Or(s.PerAddress, maxPerAddress)
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	return s
}

// Serve answers connections of the listener, which it closes, until ctx ends. Then it lets the requests that it took
// come to their end, for Grace at most, and closes the connections of those that have not, which cancels them. When it
// returns no request is under way. Nil after an end at which none was cut off.
func (s Server) Serve(ctx context.Context, l net.Listener) error {
	s = s.withDefaults()
	requests := context.WithoutCancel(ctx)
	crowd := &crowd{handler: s.Handler}
	server := s.server(requests, crowd)
	failed := make(chan error, 1)
	go func() { failed <- s.accept(server, Limit(l, s.Connections, s.PerAddress)) }()
	var err error
	select {
	case <-ctx.Done():
		err = s.shutdown(requests, server)
	case err = <-failed:
		err = fmt.Errorf("answer connections on %s: %w", l.Addr(), err)
		failed <- nil
	}
	err = errors.Join(err, closed(server.Close()), closed(<-failed))
	crowd.end()
	return err
}

func (s Server) server(requests context.Context, h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, TLSConfig: s.TLS, ReadHeaderTimeout: s.HeaderTime, ReadTimeout: s.RequestTime, WriteTimeout: s.AnswerTime,
		IdleTimeout: s.IdleTime, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(s.Logger.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return requests }, ConnContext: withConn, ConnState: heed,
		DisableGeneralOptionsHandler: true,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: maxStreams, MaxReadFrameSize: maxFrame},
	}
}

func (s Server) accept(server *http.Server, l net.Listener) error {
	if s.TLS == nil {
		return server.Serve(l)
	}
	return server.ServeTLS(l, "", "")
}

func (s Server) shutdown(requests context.Context, server *http.Server) error {
	ending, cancel := context.WithTimeout(requests, s.Grace)
	defer cancel()
	err := server.Shutdown(ending)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("requests were still under way after %s and have been cut off", s.Grace)
	}
	return closed(err)
}

// closed drops the error that says that a server was closed.
func closed(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// crowd is a handler whose end can be awaited.
type crowd struct {
	handler http.Handler

	mu   sync.RWMutex // held for reading by every request
	over bool
}

// ServeHTTP implements http.Handler.
func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.over {
		return
	}
	if conn := connOf(r.Context()); conn != nil {
		v := conn.enter(needs(r))
		if v == nil {
			w.WriteHeader(http.StatusServiceUnavailable) // AWS SDKs repeat it
			return
		}
		defer v.leave()
		r = withVisit(r, v)
	}
	c.handler.ServeHTTP(w, r)
}

// end waits for the requests that are under way, and lets no more in.
func (c *crowd) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
}
