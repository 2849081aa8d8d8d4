package hsm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// errInside is why a module is not finalised: that would end the process.
var errInside = errors.New("calls inside the module have not returned, so it cannot be finalised")

// errReborn is why a module is not initialised anew once more: somebody else has just done it, and may be at work again.
var errReborn = errors.New("the module has been initialised anew meanwhile")

// rebirth asks for a module's new initialisation.
type rebirth struct {
	life uint64        // the one to end
	wait time.Duration // for the calls inside to end, and again for each of the two functions
	lost func()        // told when C_Finalize or C_Initialize has not returned in time,
	late func()        // and when it has returned after all
}

// reinitialise ends and begins the library's life, for all its tokens. With errReborn or errInside it has done nothing: it
// waits for calls that may end soon, and not for one that was given up, which would hold up every token's calls for
// nothing. After an error of C_Initialize every call is refused at the gate, until a later reinitialise succeeds.
func (m *module) reinitialise(ctx context.Context, r rebirth) error {
	quiet, cancel := context.WithTimeout(ctx, r.wait)
	defer cancel()
	if err := m.change.take(quiet); err != nil {
		return unavailable("the module %s is still being initialised or finalised: %v", m.path, err)
	}
	if m.life.Load() != r.life {
		m.change.give()
		return errReborn
	}
	if m.strays.Load() > 0 || m.gate.pause(quiet) != nil {
		m.change.give()
		return fmt.Errorf("%w: %w", device.ErrUnavailable, errInside)
	}
	done := make(chan error, 1)
	go func() {
		defer m.change.give()
		done <- m.bearAgain()
	}()
	timer := time.NewTimer(2 * r.wait)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		if err, ok := landed(done); ok {
			return err
		}
		r.lost()
		go func() { <-done; r.late() }()
		return unavailable("C_Finalize or C_Initialize of %s has not returned within %v", m.path, 2*r.wait)
	case <-ctx.Done():
		return leftEarly(ctx.Err())
	}
}

// bearAgain finalises and initialises behind the empty gate. An error of C_Finalize is no proof that nothing was
// finalised, nor one of C_Initialize that nothing was initialised: what the next call answers tells.
func (m *module) bearAgain() error {
	ended := failed("C_Finalize", m.p11.Finalize())
	if isOneOf(ended, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED) {
		ended = nil
	}
	begun := m.callInitialize(m.initArgs)
	if isOneOf(begun, pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED) {
		if ended != nil && m.initialised {
			m.gate.settle(true) // it lives on as it was
			return ended
		}
		begun = nil
	}
	if begun != nil && ended != nil && m.initialised {
		m.gate.settle(true)
		return ended // neither had an effect, as far as one can tell
	}
	m.initialised, m.unsure = begun == nil, begun != nil
	m.life.Add(1)
	m.gate.settle(m.initialised)
	return begun
}

// enlist and delist keep the list of those who lose everything when the module is initialised anew.
func (m *module) enlist(t *Token) {
	m.openMu.Lock()
	defer m.openMu.Unlock()
	m.open[t] = true
}

func (m *module) delist(t *Token) {
	m.openMu.Lock()
	defer m.openMu.Unlock()
	delete(m.open, t)
}

// others are the module's open tokens but one.
func (m *module) others(but *Token) []*Token {
	m.openMu.Lock()
	defer m.openMu.Unlock()
	var all []*Token
	for t := range m.open {
		if t != but {
			all = append(all, t)
		}
	}
	return all
}
