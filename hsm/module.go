package hsm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// module is the one instance of a PKCS #11 library in the process. It stays loaded for the life of the process, since
// libraries that start threads do not survive dlclose; it is initialised while a token of it is open.
type module struct {
	path string // resolved
	p11  *pkcs11.Ctx
	hot  *hot
	gate gate
	// strays counts calls inside that were given up and have not returned.
	strays atomic.Int64
	// life counts C_Initialize calls. Slots, sessions and handles belong to one of them; a later one may give their
	// numbers to others. It changes only while the gate is closed and empty.
	life atomic.Uint64

	making sync.Mutex // one C_InitToken at a time
	shelf  *shelf

	openMu sync.Mutex
	open   map[*Token]bool

	change      turn // initialising and finalising, one at a time; guards what follows
	refs        int
	initialised bool
	unsure      bool // C_Initialize answered an error, which need not be the truth
	initArgs    string
	env         map[string]string
	reserved    unsafe.Pointer
}

// modules is every library that this process has loaded, by resolved path: the same file loaded under two names would
// be one instance with two owners.
var modules = struct {
	sync.Mutex
	byPath map[string]*module
}{byPath: map[string]*module{}}

// acquireModule loads and initialises the library, or joins those who use it already. Each success needs a release.
func acquireModule(ctx context.Context, cfg Config) (*module, error) {
	m, err := loadModule(cfg.Module)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*cfg.CallTimeout)
	defer cancel()
	if err := m.change.take(ctx); err != nil {
		return nil, unavailable("the module %s is still being initialised or finalised: %v", m.path, err)
	}
	done := make(chan error, 1)
	go func() {
		defer m.change.give()
		done <- m.join(cfg)
	}()
	select {
	case err := <-done:
		if err != nil {
			return nil, err
		}
		return m, nil
	case <-ctx.Done():
		go m.releaseLate(done, cfg.CallTimeout)
		return nil, unavailable("C_Initialize of %s has not returned: %v", m.path, ctx.Err())
	}
}

// releaseLate gives back what nobody waits for any more.
func (m *module) releaseLate(done <-chan error, wait time.Duration) {
	if err := <-done; err == nil {
		_ = m.release(wait)
	}
}

func loadModule(path string) (*module, error) {
	resolved, err := resolve(path)
	if err != nil {
		return nil, err
	}
	modules.Lock()
	defer modules.Unlock()
	if m, ok := modules.byPath[resolved]; ok {
		return m, nil
	}
	h, err := openHot(resolved)
	if err != nil {
		return nil, unavailable("load the PKCS #11 module %s: %v", path, err)
	}
	p11 := pkcs11.New(resolved)
	if p11 == nil {
		h.close()
		return nil, unavailable("load the PKCS #11 module %s: the library was opened once and then refused", path)
	}
	m := &module{path: resolved, p11: p11, hot: h, open: map[*Token]bool{}, change: newTurn(), shelf: newShelf()}
	modules.byPath[resolved] = m
	return m, nil
}

func resolve(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", unavailable("resolve the PKCS #11 module %s: %v", path, err)
	}
	resolved, err := filepath.EvalSymlinks(abs)
	if errors.Is(err, os.ErrNotExist) {
		return "", unavailable("there is no PKCS #11 module at %s; correct the path, or install the token's client software", path)
	}
	if err != nil {
		return "", unavailable("resolve the PKCS #11 module %s: %v", path, err)
	}
	return resolved, nil
}

// join initialises the library for its first user. Its caller holds change.
func (m *module) join(cfg Config) error {
	if m.refs > 0 || m.initialised {
		if m.initArgs != cfg.InitArgs || !maps.Equal(m.env, cfg.Env) {
			return fmt.Errorf("%w: the module %s is in use with other initialisation arguments or environment", device.ErrUnavailable, m.path)
		}
	}
	if !m.initialised {
		for name, value := range cfg.Env {
			if err := os.Setenv(name, value); err != nil {
				return unavailable("set %s for the module: %v", name, err)
			}
		}
		if err := m.initialise(cfg.InitArgs); err != nil {
			return err
		}
		m.initArgs, m.env = cfg.InitArgs, maps.Clone(cfg.Env)
	}
	m.refs++
	return nil
}

// initialise calls C_Initialize and opens the gate. Its caller holds change.
func (m *module) initialise(args string) error {
	err := m.callInitialize(args)
	if isOneOf(err, pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED) {
		if !m.unsure {
			return fmt.Errorf("%w: another part of this process has initialised %s, which must have one owner", device.ErrUnavailable, m.path)
		}
		err = nil // the call that answered an error did it
	}
	m.initialised, m.unsure = err == nil, err != nil
	if err == nil {
		m.life.Add(1)
	}
	m.gate.settle(m.initialised)
	return err
}

// callInitialize passes CKF_OS_LOCKING_OK, miekg/pkcs11's default: sessions are used from many threads.
func (m *module) callInitialize(args string) error {
	var opts []pkcs11.InitializeOption
	if args != "" {
		if m.reserved == nil || m.initArgs != args {
			m.reserved = cString(args) // never freed: the library may keep the pointer
		}
		opts = append(opts, pkcs11.InitializeWithReserved(m.reserved))
	}
	return failed("C_Initialize", m.p11.Initialize(opts...))
}

// leave gives the library up once whoever changes it has ended, and leaves it initialised.
func (m *module) leave() {
	if m.change.take(context.Background()) == nil {
		m.refs--
		m.change.give()
	}
}

// release gives the library up; its last user finalises it. When calls are still inside after wait, it is left
// initialised for whoever opens it next, because finalising it would end the process.
func (m *module) release(wait time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	if err := m.change.take(ctx); err != nil {
		go m.leave()
		return unavailable("the module %s is still being initialised or finalised: %v", m.path, err)
	}
	m.refs--
	if m.refs > 0 || !m.initialised {
		m.change.give()
		return nil
	}
	if err := m.gate.pause(ctx); err != nil {
		m.change.give()
		return unavailable("calls inside %s do not return, so it is not finalised", m.path)
	}
	done := make(chan error, 1)
	go func() {
		defer m.change.give()
		m.initialised = false
		done <- failed("C_Finalize", m.p11.Finalize())
		m.gate.settle(false)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return unavailable("C_Finalize of %s has not returned", m.path)
	}
}
