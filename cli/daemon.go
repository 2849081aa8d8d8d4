package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/internal/admission"
	"github.com/keyhold/keyhold/internal/health"
	"github.com/keyhold/keyhold/internal/metrics"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/httpapi"
)

// daemon is a server between its first listener and its last answer.
type daemon struct {
	p      *program
	s      *session
	config configs.Server

	tls        *tls.Config
	api, admin net.Listener // admin: nil where there is none

	gate    gate
	upkeep  *upkeep
	monitor *health.Monitor
	metrics *metrics.Metrics
}

// newDaemon takes the addresses before the token is opened, so that a mistake costs no login.
func (p *program) newDaemon(ctx context.Context, s *session, config configs.Server) (*daemon, error) {
	d := &daemon{p: p, s: s, config: config, upkeep: newUpkeep(s)}
	if err := errors.Join(d.readCertificate(), d.watch()); err != nil {
		return nil, err
	}
	if err := d.listen(ctx); err != nil {
		return nil, errors.Join(err, d.close())
	}
	s.serving, s.meter = true, func(device kms.Device) kms.Device { return d.metrics.Device(device, p.now) }
	s.poolWait = d.metrics.PoolWait
	return d, nil
}

func (d *daemon) readCertificate() (err error) {
	files := d.config.TLS
	if files.Certificate == "" {
		return nil
	}
	d.tls, err = httpapi.TLS{
		Certificate: files.Certificate, Key: files.Key, ClientCA: files.ClientCA, Now: d.p.now, Logger: d.s.log,
	}.Config()
	return err
}

// watch makes what is told of the server, which asks for the session's parts only once they are open.
func (d *daemon) watch() (err error) {
	if d.monitor, err = health.New(health.Config{Checks: d.upkeep.checks(), Now: d.p.now}); err != nil {
		return err
	}
	d.metrics = metrics.New(metrics.Sources{
		Version: version, Healths: healths, Token: d.upkeep.metered, Health: d.monitor.Report, Outbox: d.upkeep.outbox,
		Admission: func() admission.Stats { return d.gate.Stats() },
		Usage:     func() kms.Usage { return d.s.service.Usage() },
	})
	return nil
}

func (d *daemon) listen(ctx context.Context) (err error) {
	if d.api, err = listen(ctx, "server.listen", d.config.Listen); err == nil && d.config.Admin != "" {
		d.admin, err = listen(ctx, "server.admin", d.config.Admin)
	}
	return err
}

func listen(ctx context.Context, field, address string) (net.Listener, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, advise(fmt.Errorf("listen on %s: %w", address, err), "name another address with %s, or stop the program that has it", field)
	}
	return l, nil
}

// close gives up addresses that nobody serves.
func (d *daemon) close() error {
	var errs []error
	for _, l := range []net.Listener{d.api, d.admin} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}

// url is where clients find the API.
func (d *daemon) url() string {
	if d.tls != nil {
		return "https://" + d.api.Addr().String()
	}
	return "http://" + d.api.Addr().String()
}

// handler is the API over the open service.
func (d *daemon) handler() (http.Handler, error) {
	var err error
	if d.gate, err = newGate(d.upkeep.token().Pool.Limit, d.config.Rates, d.metrics.Admission, d.p.now); err != nil {
		return nil, err
	}
	h, err := httpapi.New(httpapi.Config{
		Core: d.s.service, Regions: append([]string{d.s.config.Region}, d.config.Regions...), Skew: d.config.Skew, Now: d.p.now,
		Gate: d.gate, Logger: d.s.log,
		Observe: func(o httpapi.Observation) { d.metrics.Request(o.Operation, o.Error, o.Took) },
	})
	if err != nil {
		return nil, err
	}
	return d.metrics.Track(h), nil
}

// serve answers requests over the open session until ctx ends, then finishes those that it took. ready is called once it
// answers. The cause of ctx's end is the error, unless it is that somebody asked for it.
func (d *daemon) serve(ctx context.Context, ready func() error) error {
	if err := d.upkeep.proveToken(ctx); err != nil {
		return errors.Join(err, d.close())
	}
	handler, err := d.handler()
	if err != nil {
		return errors.Join(err, d.close())
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer context.AfterFunc(ctx, func() {
		d.s.log.Info("ending", "cause", context.Cause(ctx))
		d.monitor.End("the server is ending")
	})()
	var socket sync.WaitGroup
	if l, err := listenSocket(d.s.dir, d.s.log); err != nil {
		d.s.log.Warn("there is no admin socket", "error", err) // commands then say who has the directory
	} else {
		socket.Go(func() { d.serveSocket(ctx, l) })
	}
	// What goes on while the last requests are answered.
	chores, rest := context.WithCancel(context.WithoutCancel(ctx))
	var busy sync.WaitGroup
	busy.Go(func() { d.monitor.Run(chores) })
	busy.Go(func() { d.upkeep.run(chores) })
	if d.admin != nil {
		busy.Go(func() { end(d.serveAdmin(chores)) })
	}
	api := httpapi.Server{
		Handler: handler, TLS: d.tls, Grace: d.config.Grace, Connections: d.config.Connections, PerAddress: d.config.Connections / 2, Logger: d.s.log,
	}
	if err := ready(); err != nil { // from here on connections are taken, though not yet answered
		end(err)
	}
	err = api.Serve(ctx, d.api)
	cause := context.Cause(ctx)
	end(nil)
	socket.Wait()
	rest()
	busy.Wait()
	if errors.Is(cause, context.Canceled) {
		cause = nil
	}
	return errors.Join(cause, err)
}

// serveSocket answers the commands of the directory's owner, until ctx ends.
func (d *daemon) serveSocket(ctx context.Context, l net.Listener) {
	door := &door{service: d.s.service, log: d.s.log, now: d.p.now, observe: d.metrics.Request}
	server := httpapi.Server{Handler: operator(d.s.token, d.s.log, door), Grace: d.config.Grace, Logger: d.s.log}
	if err := server.Serve(ctx, l); err != nil {
		d.s.log.Warn("the admin socket came to a bad end", "error", err)
	}
}

// serveAdmin answers those who watch the server, until ctx ends.
func (d *daemon) serveAdmin(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", d.monitor.Live)
	mux.HandleFunc("GET /readyz", d.monitor.Ready)
	mux.Handle("GET /metrics", d.metrics.Handler())
	return httpapi.Server{Handler: mux, Logger: d.s.log}.Serve(ctx, d.admin)
}
