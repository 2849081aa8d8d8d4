package hsm

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// checkFlags tries what keys with one usage each must refuse.
func (x *prober) checkFlags(ctx context.Context) (Outcome, string) {
	t := x.t
	var answers []string
	for _, try := range []struct {
		usage uint
		what  string
		run   func(s *session, h pkcs11.ObjectHandle) error
	}{
		{pkcs11.CKA_DECRYPT, "encrypting without CKA_ENCRYPT", func(s *session, h pkcs11.ObjectHandle) error {
			_, err := t.seal(s, t.cipher, h, bytes.Clone(probeAAD), bytes.Clone(probeText))
			return err
		}},
		{pkcs11.CKA_ENCRYPT, "decrypting without CKA_DECRYPT", func(s *session, h pkcs11.ObjectHandle) error {
			sealed, err := t.seal(s, t.cipher, h, bytes.Clone(probeAAD), bytes.Clone(probeText))
			if err != nil {
				return fmt.Errorf("%w: %w", errNotTried, err)
			}
			plaintext, err := t.open(s, t.cipher, h, bytes.Clone(probeAAD), sealed)
			secret.Wipe(plaintext)
			return err
		}},
	} {
		err := x.withSessionKey(ctx, map[uint]bool{try.usage: true, pkcs11.CKA_SENSITIVE: true}, try.run)
		switch outcome, answer := refusal(err); outcome {
		case Held:
			answers = append(answers, try.what+": "+answer)
		case Failed:
			return Failed, try.what + " is possible"
		default:
			return outcome, answer
		}
	}
	return Held, strings.Join(answers, "; ")
}

// errNotTried marks an error that came before what was to be refused.
var errNotTried = fmt.Errorf("%w: not tried", device.ErrUnsupported)

// refusal reads the error of something that must be refused.
func refusal(err error) (Outcome, string) {
	switch {
	case err == nil:
		return Failed, ""
	case classIn(err) == 0 || isNotTried(err):
		return NotTestable, err.Error()
	default:
		return Held, err.Error()
	}
}

func saysTemplate(t *Token) string {
	if t.prof.options.Frozen {
		return "MODIFIABLE and COPYABLE can be set false"
	}
	return "MODIFIABLE and COPYABLE cannot be set false"
}

func (x *prober) checkTemplate(ctx context.Context) (Outcome, string) {
	if x.t.prof.options.Frozen {
		if x.t.options.Frozen {
			return Held, "session keys have them so"
		}
		return Failed, "the token refuses the template with them; keys are made without"
	}
	err := x.onSession(ctx, func(s *session) error {
		kind, err := x.t.kindOf(device.PurposeWrap)
		if err != nil {
			return err
		}
		o := x.t.options
		o.Frozen = true
		h, err := x.t.generate(s, kind.generator, kind.template(device.PurposeWrap, o, false))
		if err != nil {
			return err
		}
		return x.t.destroy(s, nil, h)
	})
	outcome, detail := refusal(err)
	if outcome == Failed {
		detail = "the token takes them, which does no harm: keys are made without"
	}
	return outcome, detail
}
