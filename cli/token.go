package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/internal/ownership"
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
	path, err := modulePath(config.Module.Path)
	if err != nil {
		return hsm.Config{}, err
	}
	cfg := hsm.Config{
		Module: path, InitArgs: config.Module.InitArgs, Env: config.Module.Env, Profile: config.Module.Profile,
		Label: config.Token.Label, Serial: config.Token.Serial, PIN: pin,
		IV: config.Token.IV, Sessions: config.Token.Sessions, MaxObjects: config.Token.MaxObjects, CallTimeout: config.Token.CallTimeout, Exclusive: config.Token.Exclusive,
		Logger: log,
	}
	if config.Token.Slot != nil {
		cfg.Slot = new(uint(*config.Token.Slot))
	}
	return cfg, nil
}

// modulePath is the library to load: the one that is configured, or SoftHSM2's. One that others could change or replace
// is refused.
func modulePath(configured string) (path string, err error) {
	if path = configured; path == "" {
		if path, err = softhsm.Find(); err != nil {
			return "", err
		}
	}
	if err := ownership.Check(path); err != nil {
		return "", fmt.Errorf("load the PKCS #11 module: %w", err)
	}
	return path, nil
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
