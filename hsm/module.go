package hsm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
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

	making sync.Mutex // one C_InitToken at a time

	life        turn // initialising and finalising, one at a time; guards what follows
	refs        int
	initialised bool
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
	if err := m.life.take(ctx); err != nil {
		return nil, unavailable("the module %s is still being initialised or finalised: %v", m.path, err)
	}
	done := make(chan error, 1)
	go func() {
		defer m.life.give()
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
	m := &module{path: resolved, p11: p11, hot: h, life: newTurn()}
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

// join initialises the library for its first user. Its caller holds life.
func (m *module) join(cfg Config) error {
	if m.initialised {
		if m.initArgs != cfg.InitArgs || !maps.Equal(m.env, cfg.Env) {
			return fmt.Errorf("%w: the module %s is in use with other initialisation arguments or environment", device.ErrUnavailable, m.path)
		}
		m.refs++
		return nil
	}
	for name, value := range cfg.Env {
		if err := os.Setenv(name, value); err != nil {
			return unavailable("set %s for the module: %v", name, err)
		}
	}
	if err := m.initialise(cfg.InitArgs); err != nil {
		return err
	}
	m.refs, m.initialised, m.initArgs, m.env = 1, true, cfg.InitArgs, maps.Clone(cfg.Env)
	m.gate.open()
	return nil
}

// initialise calls C_Initialize with CKF_OS_LOCKING_OK, miekg/pkcs11's default: sessions are used from many threads.
func (m *module) initialise(args string) error {
	var opts []pkcs11.InitializeOption
	if args != "" {
		if m.reserved == nil || m.initArgs != args {
			m.reserved = cString(args) // never freed: the library may keep the pointer
		}
		opts = append(opts, pkcs11.InitializeWithReserved(m.reserved))
	}
	err := failed("C_Initialize", m.p11.Initialize(opts...))
	if isOneOf(err, pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED) {
		return fmt.Errorf("%w: another part of this process has initialised %s, which must have one owner", err, m.path)
	}
	return err
}

// release gives the library up; its last user finalises it. When calls are still inside after wait, it is left
// initialised for whoever opens it next, because finalising it would end the process.
func (m *module) release(wait time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	if err := m.life.take(ctx); err != nil {
		return unavailable("the module %s is still being initialised or finalised: %v", m.path, err)
	}
	m.refs--
	if m.refs > 0 {
		m.life.give()
		return nil
	}
	if err := m.gate.shutAndWait(ctx); err != nil {
		m.gate.open()
		m.life.give()
		return unavailable("calls inside %s do not return, so it is not finalised", m.path)
	}
	done := make(chan error, 1)
	go func() {
		defer m.life.give()
		m.initialised = false
		done <- failed("C_Finalize", m.p11.Finalize())
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return unavailable("C_Finalize of %s has not returned", m.path)
	}
}
