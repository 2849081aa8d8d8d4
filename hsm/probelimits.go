package hsm

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

func isNotTried(err error) bool { return errors.Is(err, errNotTried) }

func saysMessage(t *Token) string {
	if t.prof.maxMessage == 0 {
		return ""
	}
	return fmt.Sprintf("AES-GCM takes at most %d octets in one call", t.prof.maxMessage)
}

func (x *prober) checkMessage(ctx context.Context) (Outcome, string) {
	return x.checkLimit(ctx, x.t.prof.maxMessage, func(s *session, text []byte) error {
		h, err := x.t.generate(s, pkcs11.CKM_AES_KEY_GEN, sessionAES(map[uint]bool{pkcs11.CKA_ENCRYPT: true, pkcs11.CKA_SENSITIVE: true}))
		if err != nil {
			return fmt.Errorf("%w: %w", errNotTried, err)
		}
		_, err = x.t.seal(s, x.t.cipher, h, bytes.Clone(probeAAD), text)
		_ = x.t.destroy(s, nil, h)
		return err
	})
}

func saysMAC(t *Token) string {
	if t.prof.maxMAC == 0 {
		return ""
	}
	return fmt.Sprintf("HMAC-SHA256 takes at most %d octets in one call", t.prof.maxMAC)
}

func (x *prober) checkMAC(ctx context.Context) (Outcome, string) {
	return x.checkLimit(ctx, x.t.prof.maxMAC, func(s *session, text []byte) error {
		kind, err := x.t.kindOf(device.PurposeMAC)
		if err != nil {
			return err
		}
		h, err := x.t.generate(s, kind.generator, kind.template(device.PurposeMAC, x.t.options, false))
		if err != nil {
			return fmt.Errorf("%w: %w", errNotTried, err)
		}
		_, err = x.t.mod.hot.sign(uint(s.handle), kind.mechanism, uint(h), text, make([]byte, macSize+slack))
		_ = x.t.destroy(s, nil, h)
		return err
	})
}

// checkLimit wants the limit to pass and one octet more to be refused.
func (x *prober) checkLimit(ctx context.Context, limit int, f func(s *session, text []byte) error) (Outcome, string) {
	err := x.onSession(ctx, func(s *session) error { return f(s, make([]byte, limit)) })
	switch {
	case isNotTried(err):
		return NotTestable, err.Error()
	case err != nil:
		return Failed, fmt.Sprintf("%d octets were refused: %v", limit, err)
	}
	err = x.onSession(ctx, func(s *session) error { return f(s, make([]byte, limit+1)) })
	outcome, answer := refusal(err)
	switch outcome {
	case Held:
		answer = fmt.Sprintf("%d octets pass; one more: %s", limit, answer)
	case Failed:
		answer = "the token takes more, which does no harm: Keyhold stays below"
	}
	return outcome, answer
}

func saysSessions(t *Token) string {
	switch {
	case t.prof.readWriteOnly && t.prof.maxSessions > 0:
		return fmt.Sprintf("read-write sessions only, at most %d for an application", t.prof.maxSessions)
	case t.prof.readWriteOnly:
		return "read-write sessions only"
	default:
		return ""
	}
}

// checkSessions does not fill the token with sessions to see how many there may be: others use it too.
func (x *prober) checkSessions(ctx context.Context) (Outcome, string) {
	err := x.onSession(ctx, func(*session) error {
		h, err := x.t.mod.p11.OpenSession(x.t.slot(), pkcs11.CKF_SERIAL_SESSION)
		if err != nil {
			return failed("C_OpenSession", err)
		}
		return failed("C_CloseSession", x.t.mod.p11.CloseSession(h))
	})
	outcome, answer := refusal(err)
	switch outcome {
	case Held:
		answer = "a read-only session: " + answer
	case Failed:
		answer = "a read-only session was opened, which does no harm"
	}
	return outcome, answer
}

func saysCapacity(t *Token) string {
	if t.room.most == 0 {
		return ""
	}
	return fmt.Sprintf("at most %d objects", t.room.most)
}

// checkCapacity only counts: filling the token would be the proof.
func (x *prober) checkCapacity(ctx context.Context) (Outcome, string) {
	_, n, err := x.t.countObjects(ctx)
	if err != nil {
		return NotTestable, err.Error()
	}
	return NotTestable, fmt.Sprintf("this login sees %d objects now", n)
}
