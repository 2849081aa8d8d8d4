package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/hsm/witness"
	"github.com/keyhold/keyhold/hsm/witness/protocol"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/urfave/cli/v2"
)

// witnessName is the hidden command of the child process that looks at the token through crypto11.
const witnessName = "__witness"

func (p *program) witnessCommand() *cli.Command {
	return &cli.Command{
		Name: witnessName, Hidden: true, Usage: "answer keyhold hsm verify",
		Action: func(c *cli.Context) error { return witness.Serve(c.Context, p.in, p.out) },
	}
}

func (p *program) hsmVerify() *cli.Command {
	return &cli.Command{
		Name: "verify", Usage: "have a second library look at every key", ArgsUsage: noOperands,
		Description: describe("Another PKCS#11 library, in a process of its own, finds each key by its id, reads its attributes and opens a\n"+
			"ciphertext made at the key's birth. It never encrypts. It exits with 1 unless every key is good.", "keyhold hsm verify"),
		Action: p.command(0, 0, func(c *cli.Context) error {
			return p.own(c, func(ctx context.Context, s *session) error { return p.verify(ctx, c, s) })
		}),
	}
}

// testimony is what the witness says about one key.
type testimony struct {
	OK         bool      `json:"ok"`
	KeyID      kms.KeyID `json:"keyId,omitempty"`
	Generation uint32    `json:"generation,omitempty"`
	Object     string    `json:"object"`
	Opened     bool      `json:"opened"` // its canary opened; the row key has none
	Problems   []string  `json:"problems,omitempty"`
}

func (p *program) verify(ctx context.Context, c *cli.Context, s *session) error {
	canaries, err := s.service.Canaries(ctx)
	if err != nil {
		return err
	}
	answer, err := s.askWitness(ctx, canaries)
	if err != nil {
		return err
	}
	if answer.Problem != "" {
		return fmt.Errorf("the witness cannot look at the token: %s", answer.Problem)
	}
	said, err := testimonies(answer, canaries)
	if err != nil {
		return err
	}
	if err := p.showOwn(c, said, func(t *table) { t.testimonies(said) }); err != nil {
		return err
	}
	if slices.ContainsFunc(said, func(v testimony) bool { return !v.OK }) {
		return advise(errors.New("the witness finds fault with keys"), "do not use them before it is known why; keyhold doctor tells more")
	}
	return nil
}

// askWitness runs this program again, as the witness. The PIN goes through a pipe.
func (s *session) askWitness(ctx context.Context, canaries []kms.Canary) (protocol.Answer, error) {
	cfg, err := tokenConfig(s.config, s.pin, s.log)
	if err != nil {
		return protocol.Answer{}, err
	}
	exe, err := os.Executable()
	if err != nil {
		return protocol.Answer{}, fmt.Errorf("find this program to start the witness: %w", err)
	}
	pin, err := s.pin()
	if err != nil {
		return protocol.Answer{}, err
	}
	defer pin.Wipe()
	return protocol.Ask(ctx, protocol.Question{
		Exe: exe, Args: []string{witnessName}, PIN: pin, Request: witnessRequest(cfg, s.token.Status(ctx), s.service.Meta(), canaries),
	})
}

// witnessRequest asks about the row key, which has no canary, and then about every generation whose row is genuine.
func witnessRequest(cfg hsm.Config, st hsm.Status, meta kms.MetaRow, canaries []kms.Canary) protocol.Request {
	req := protocol.Request{Module: cfg.Module, Env: cfg.Env, Serial: st.Serial}
	if req.Serial == "" {
		req.Label = st.Token
	}
	req.Keys = []protocol.Key{{ID: meta.RowKey.String(), Purpose: device.PurposeMAC}}
	for _, canary := range canaries {
		if canary.Err != nil {
			continue
		}
		sum := sha256.Sum256(canary.Plaintext)
		req.Keys = append(req.Keys, protocol.Key{
			ID: canary.Key.ID.String(), Purpose: device.PurposeWrap, AAD: canary.AAD, IV: canary.Key.Canary.IV,
			Ciphertext: canary.Key.Canary.Ciphertext, PlaintextSHA256: sum[:],
		})
	}
	return req
}

// testimonies are the witness's verdicts in the order of the canaries, the row key's first. A row that was changed is
// its own verdict.
func testimonies(answer protocol.Answer, canaries []kms.Canary) ([]testimony, error) {
	asked := 1
	for _, canary := range canaries {
		if canary.Err == nil {
			asked++
		}
	}
	if len(answer.Keys) != asked {
		return nil, fmt.Errorf("the witness was asked about %d keys and answered about %d", asked, len(answer.Keys))
	}
	said := []testimony{testimonyOf(answer.Keys[0])}
	verdicts := answer.Keys[1:]
	for _, canary := range canaries {
		v := testimony{Object: canary.Key.ID.String()}
		if canary.Err != nil {
			v.Problems = []string{canary.Err.Error()}
		} else {
			v, verdicts = testimonyOf(verdicts[0]), verdicts[1:]
		}
		v.KeyID, v.Generation = canary.KeyID, canary.Generation
		said = append(said, v)
	}
	return said, nil
}

func testimonyOf(v protocol.Verdict) testimony {
	return testimony{OK: v.OK, Object: v.ID, Opened: v.Opened, Problems: v.Problems}
}

func (t *table) testimonies(said []testimony) {
	t.row("VERDICT", "KEY", "GENERATION", "OBJECT", "FOUND")
	for _, v := range said {
		verdict, key, generation, found := "ok", "row key", "-", "attributes as they must be"
		if !v.OK {
			verdict, found = "BAD", strings.Join(v.Problems, "; ")
		} else if v.Opened {
			found += ", canary opens"
		}
		if v.KeyID != "" {
			key, generation = string(v.KeyID), fmt.Sprint(v.Generation)
		}
		t.row(verdict, key, generation, v.Object, found)
	}
}
