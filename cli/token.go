package cli

import (
	"context"
	"errors"
	"log/slog"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/softhsm"
)

// openToken opens and logs in to the token of the configuration.
func openToken(ctx context.Context, config configs.Config, pin hsm.PINSource, log *slog.Logger) (*hsm.Token, error) {
	cfg, err := tokenConfig(config, pin, log)
	if err != nil {
		return nil, err
	}
	token, err := hsm.Open(ctx, cfg)
	switch {
	case errors.Is(err, device.ErrLogin):
		return nil, advise(err, "put the right PIN where the configuration says it is. It was tried once: tokens lock themselves after a few wrong ones")
	case errors.Is(err, device.ErrUntrusted):
		return nil, advise(err, "to see all that the token proves and fails to prove: keyhold hsm probe")
	case err != nil:
		return nil, err
	}
	return token, nil
}

// tokenConfig says to package hsm what the configuration says. pin is asked for the PIN; see pinSource.
func tokenConfig(config configs.Config, pin hsm.PINSource, log *slog.Logger) (hsm.Config, error) {
	path := config.Module.Path
	if path == "" {
		var err error
		if path, err = softhsm.Find(); err != nil {
			return hsm.Config{}, err
		}
	}
	cfg := hsm.Config{
		Module: path, InitArgs: config.Module.InitArgs, Env: config.Module.Env, Profile: config.Module.Profile,
		Label: config.Token.Label, Serial: config.Token.Serial, PIN: pin,
		Sessions: config.Token.Sessions, CallTimeout: config.Token.CallTimeout, Exclusive: config.Token.Exclusive,
		Logger: log,
	}
	if config.Token.Slot != nil {
		cfg.Slot = new(uint(*config.Token.Slot))
	}
	return cfg, nil
}

// pinSource is where the configuration says the PIN is; nil where it says nothing. A descriptor can be read once only, so
// a process makes one source and keeps it.
func pinSource(pin configs.PIN) hsm.PINSource {
	switch {
	case pin.File != "":
		return hsm.PINFromFile(pin.File)
	case pin.FD != 0:
		return hsm.PINFromFD(uintptr(pin.FD))
	case pin.Credential != "":
		return hsm.PINFromCredential(pin.Credential)
	}
	return nil
}
