package cli

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/internal/ownership"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/softhsm"
)

// tokenWatch is how long a token is open for, and who is told of it.
type tokenWatch struct {
	serving bool                // it is kept alive, and recovers by itself
	stuck   func(error)         // told when only a new process helps
	waited  func(time.Duration) // told how long calls waited for a session; nil: nobody
}

// openToken opens and logs in to the token of the configuration, for a command or for a server.
func openToken(ctx context.Context, config configs.Config, pin hsm.PINSource, log *slog.Logger, watch tokenWatch) (*hsm.Token, error) {
	cfg, err := tokenConfig(config, pin, log)
	if err != nil {
		return nil, err
	}
	cfg.OnStuck, cfg.PoolWait = watch.stuck, watch.waited
	// A command ends before there is anything to keep alive, and needs few keys.
	cfg.Background, cfg.Preload = watch.serving, watch.serving
	if err := checkPIN(config.Token.PIN, pin); err != nil {
		return nil, err
	}
	token, err := hsm.Open(ctx, cfg)
	if err != nil {
		return nil, adviseOnToken(err, cfg.Module)
	}
	return token, nil
}

// adviseOnToken adds the next step to an error of opening a token, where its text does not say it.
func adviseOnToken(err error, module string) error {
	var answer *hsm.Error
	answered := errors.As(err, &answer)
	switch {
	case errors.Is(err, device.ErrUntrusted):
		return advise(err, "to see all that the token proves and fails to prove: keyhold hsm probe")
	case answered && answer.Class == hsm.ClassPIN && hsm.CodeName(answer.Code) == "CKR_PIN_LOCKED":
		return advise(err, "the security officer unlocks the PIN with the vendor's tool")
	case answered && answer.Class == hsm.ClassPIN:
		return advise(err, "put the right PIN where the configuration says it is, and try it with: keyhold hsm login. "+
			"It was tried once: tokens lock themselves after a few wrong ones")
	case answered && answer.Function == "C_Initialize":
		return advise(err, "the library does not start: is its own configuration right, as SOFTHSM2_CONF in module.env? "+
			"If a directory of keyhold dev was moved, correct directories.tokendir in its softhsm/softhsm2.conf")
	case !answered && !offersPKCS11(module):
		return advise(err, "is %s the PKCS #11 library of the token's vendor, for this kind of computer? Name it with module.path or --module", module)
	}
	return err
}

// offersPKCS11 tells whether a library has the entry point of PKCS #11. What cannot be judged, as on systems without ELF,
// does.
func offersPKCS11(library string) bool {
	if _, err := os.Stat(library); err != nil || runtime.GOOS != "linux" {
		return true
	}
	f, err := elf.Open(library)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	symbols, err := f.DynamicSymbols()
	return err == nil && slices.ContainsFunc(symbols, func(s elf.Symbol) bool { return s.Name == "C_GetFunctionList" })
}

// checkPIN asks for the PIN before the token is looked for, so that its absence is not taken for the token's.
func checkPIN(from configs.PIN, source hsm.PINSource) error {
	if source == nil {
		return nil
	}
	pin, err := source()
	if err != nil {
		return adviseOnPIN(fmt.Errorf("get the PIN: %w", err), from.File)
	}
	pin.Wipe()
	return nil
}

// adviseOnPIN says how to mend a PIN file. Descriptors and credentials say it themselves.
func adviseOnPIN(err error, file string) error {
	if file == "" {
		return err
	}
	info, looked := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return advise(err, "put the PIN, and nothing else, into %s with mode 0600, or correct token.pin in the configuration", shellWord(file))
	case errors.Is(err, fs.ErrPermission):
		return advise(err, "run as the owner of the file, or give it to the user who runs keyhold: chown USER %s", shellWord(file))
	case looked == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0:
		return advise(err, "chmod 0600 %s", shellWord(file))
	case looked == nil:
		return advise(err, "put the PIN, and nothing else, into %s", shellWord(file))
	}
	return err
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
		IV: config.Token.IV, Sessions: config.Token.Sessions, MaxObjects: config.Token.MaxObjects, StuckLimit: config.Token.StuckLimit, CallTimeout: config.Token.CallTimeout, Exclusive: config.Token.Exclusive,
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
